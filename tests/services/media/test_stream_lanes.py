"""Stream engines: one instance a stream, in order; what a successor gets; ends, clean and forced."""

from __future__ import annotations

import json

import pytest

from pileus.kernel.credentials import Credentials
from pileus.values.times import iso8601

from .conftest import Bench, Listener

AUDIO = {"Kind": "audio", "Rate": 16_000.0}


@pytest.fixture
def listener(bench: Bench) -> Listener:
    made = Listener()
    bench.programs["look.look"] = made.program
    return made


async def begin(bench: Bench, url: str = "file:/v.mkv", **more: object) -> None:
    await bench.engine(Mode="stream", **{"Input": AUDIO, **more})
    await bench.pipeline("look", Url=url)


def starts(count: int) -> list[str]:
    return [str(200 * number) for number in range(count)]


async def test_one_instance_hears_the_stream_whole_and_its_end(
    bench: Bench, listener: Listener
) -> None:
    await begin(bench)
    await bench.seconds(0, 4)
    bench.intake.end()
    await bench.passing(100)
    assert (await bench.words(), listener.begun, listener.ends) == (starts(20), [None], [False])
    found = await bench.results()
    assert [each["chunk"]["start_ms"] for each in found[1:]] == [
        each["chunk"]["stop_ms"] for each in found[:-1]
    ]
    assert (found[-1]["end"], found[-1]["chunk"]["stop_ms"]) == ("clean", 4000)
    assert all(link.exited.done() for link in bench.nodes.links)


async def test_a_cut_is_told_from_an_end(bench: Bench, listener: Listener) -> None:
    await begin(bench)
    await bench.seconds(0, 1)
    bench.intake.end(is_forced=True)
    await bench.passing(100)
    assert listener.ends == [True]
    assert (await bench.results())[-1]["end"] == "forced"


TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "media.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}


async def test_its_keys_are_fetched_and_renewed_as_long_as_the_stream_lasts(
    bench: Bench, listener: Listener
) -> None:
    given = {"RoleName": "hearing", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    role = (await bench.platform("iam", "CreateRole", **given))["Role"]["Arn"]
    await begin(bench, "rtsp://h/lobby", Role=role)
    await bench.seconds(0, 1)
    (link,) = bench.nodes.links
    environment = link.spec.environment
    assert "AWS_ACCESS_KEY_ID" not in environment
    token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    first = await bench.engines.tokens.document(token)
    assert first is not None and first["RoleArn"] == role
    await bench.passing(13 * 3_600_000)
    second = await bench.engines.tokens.document(token)
    assert second is not None and second["AccessKeyId"] != first["AccessKeyId"]
    assert first["Expiration"] < iso8601(bench.platform.clock.now_ms()) < second["Expiration"]
    keys = Credentials.of(bench.platform.kernel)
    assert keys.lookup(second["AccessKeyId"], second["Token"])
    bench.intake.show(6)
    await bench.passing(200)
    assert len(bench.nodes.links) == 1  # the same instance all the time
    await bench("UpdateEngine", Name="look", TimeoutSeconds=30)
    assert await bench.engines.tokens.document(token) is None


async def test_a_lost_instance_is_followed_by_one_that_goes_on(
    bench: Bench, listener: Listener
) -> None:
    await begin(bench)
    await bench.seconds(0, 2)
    listener.fails_at[2000] = 1
    await bench.seconds(2, 6)
    await bench.passing(3000)
    assert await bench.words() == starts(30)
    assert listener.begun == [None, {"state": None}]
    lane = await bench.lane()
    assert (lane["Failures"], lane["State"]) == (1, "RUNNING")


async def test_a_piece_that_it_always_fails_at_is_passed_over_and_told(
    bench: Bench, listener: Listener
) -> None:
    await begin(bench, MaxAttempts=2)
    listener.fails_at[1000] = 99
    await bench.seconds(0, 4)
    await bench.passing(8000)
    assert await bench.words() == [word for word in starts(20) if word != "1000"]
    (error,) = [each for each in await bench.results() if "error" in each]
    assert error["error"] == "ValueError: deaf at 1000"
    assert (error["chunk"]["start_ms"], error["chunk"]["stop_ms"]) == (1000, 1200)


async def test_after_a_crash_a_successor_has_the_state_of_the_checkpoint(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["look.look"] = listener.program
    await begin(bench, url="rtsp://h/x")
    await bench.seconds(0, 4)
    await bench.segment(1)
    await bench.restart()
    await bench.passing(5000)
    assert await bench.words() == [str(number) for number in range(1, 21)]
    assert (listener.begun, listener.ends) == ([None], [])


async def test_what_was_recorded_before_a_crash_is_heard_after_it(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["look.look"] = listener.program
    await begin(bench, url="rtsp://h/x", Input={"Kind": "frames", "Rate": 5.0})
    await bench.seconds(0, 2)
    await bench.platform.clock.settle()
    # What follows is recorded, and no engine has it when the power goes.
    listener.fails_at = dict.fromkeys(range(2000, 6000, 200), 9)
    await bench.seconds(2, 4)
    await bench.segment(1)
    listener.fails_at = {}
    await bench.restart()
    await bench.passing(5000)
    assert await bench.words() == [str(number) for number in range(1, 21)]
    assert listener.begun[-1] == {"state": {"count": 10}}


async def test_a_new_life_of_the_source_is_a_new_stream(bench: Bench, listener: Listener) -> None:
    await begin(bench, url="rtsp://h/x")
    await bench.seconds(0, 2)
    bench.intake.die()
    await bench.passing(2000)
    bench.intake.show(50, 51)
    await bench.passing(3000)
    assert (listener.begun, listener.ends) == ([None, None], [True])
    assert await bench.words() == [*starts(10), "9800", "10000"]


async def test_rewind_gives_a_successor_what_was_before(bench: Bench, listener: Listener) -> None:
    await begin(bench, RewindMs=600)
    await bench.seconds(0, 2)
    listener.fails_at[2000] = 1
    await bench.seconds(2, 4)
    await bench.passing(3000)
    assert listener.heard[10:14] == [1400, 1600, 1800, 2000]
    assert await bench.words() == starts(20)


async def test_a_changed_engine_goes_on_behind_what_was_said(
    bench: Bench, listener: Listener
) -> None:
    await begin(bench)
    await bench.seconds(0, 2)
    await bench("UpdateEngine", Name="look", MemoryMB=1024)
    await bench.seconds(2, 4)
    await bench.passing(3000)
    assert await bench.words() == starts(20)
    assert [link.spec.memory_mb for link in bench.nodes.links] == [512, 1024]
    assert bench.nodes.links[0].exited.done()


async def test_an_engine_that_is_taken_away_leaves_no_instance(
    bench: Bench, listener: Listener
) -> None:
    await begin(bench)
    await bench.seconds(0, 1)
    await bench("DeletePipeline", Name="p")
    await bench.passing(10)
    assert all(link.exited.done() for link in bench.nodes.links)
