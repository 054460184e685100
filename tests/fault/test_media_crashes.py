"""An engine on a file: whenever the power goes, every piece is told once, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.intakes import State
from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import CODE, FRAMES, Bench, looking, person

_PIECES = 6
_WHOLE = [200 * number for number in range(_PIECES)]


async def _begin(simulation: Simulation, notes: dict[str, Any]) -> None:
    given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES}
    await simulation("media", "CreateEngine", Name="look", WhenBehind="oldest", **given)
    notes["engine"] = True
    await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
    await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["look"])
    notes["pipeline"] = True


async def _play(bench: Bench, simulation: Simulation, count: int = _PIECES) -> None:
    """The file from its beginning."""
    for number in range(1, count + 1):
        bench.intake.show(number)
        await simulation.rest(100)


async def _starts(simulation: Simulation) -> list[int]:
    told = await simulation("media", "ListResults", Source="lobby", Engine="look")
    return [json.loads(each["Document"])["chunk"]["start_ms"] for each in told["Results"]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's."""
    return Bench(None, tmp_path / "code")  # type: ignore[arg-type]


async def test_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _begin(simulation, notes)
        await simulation.rest(10)
        await _play(bench, simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        engines = (await simulation("media", "ListEngines"))["Engines"]
        assert [each["Name"] for each in engines] == ["look"] or not notes.get("engine")
        if notes.get("pipeline"):
            await _play(bench, simulation)
            assert await _starts(simulation) == _WHOLE

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


@pytest.mark.parametrize("pieces", range(_PIECES))
async def test_between_pieces_again_and_again(bench: Bench, pieces: int) -> None:
    simulation = Simulation(1, prepare=bench.prepare)
    await simulation.start(None)
    await _begin(simulation, {})
    for count in range(pieces, _PIECES + 1):
        await simulation.rest(10)
        await _play(bench, simulation, count)
        bench.intake.show(count + 1)  # the engine is at it when the power goes
        await simulation.platform.clock.settle()
        await simulation.come_back()
    await simulation.rest(10)
    await _play(bench, simulation)
    assert (await _starts(simulation))[:_PIECES] == _WHOLE
    await simulation.platform.crash()


async def test_no_copy_of_a_recorded_segment_is_forgotten(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("s3", "CreateBucket", Bucket="videos")
        notes["bucket"] = True
        await simulation(
            "media", "CreateSource", Name="lobby", Url="rtsp://h/x", CopyTo="s3://videos/lobby"
        )
        notes["source"] = True
        await simulation.rest(10)
        bench.platform = simulation.platform
        for number in range(2):
            await bench.segment(number)
            await simulation.rest(100)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(5000)
        if notes.get("source"):
            told = await simulation("media", "ListSegments", Source="lobby")
            found = await simulation("s3", "ListObjectsV2", Bucket="videos")
            assert len(found.get("Contents", ())) == len(told["Segments"])

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


async def test_a_stream_and_a_bus_get_every_result(bench: Bench, seed: int) -> None:
    """At least once, and for the first time in order, whenever the power goes."""
    stream = {"StreamName": "results"}

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("kinesis", "CreateStream", ShardCount=1, **stream)
        await simulation("sqs", "CreateQueue", QueueName="told")
        pattern = json.dumps({"detail-type": ["Media Result"]})
        await simulation("events", "PutRule", Name="told", EventPattern=pattern)
        targets = [{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:told"}]
        await simulation("events", "PutTargets", Rule="told", Targets=targets)
        given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES}
        await simulation("media", "CreateEngine", Name="look", WhenBehind="oldest", **given)
        await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
        deliver = {"Stream": "results", "Bus": "default"}
        made = {"Source": "lobby", "Engines": ["look"], "Deliver": deliver}
        await simulation("media", "CreatePipeline", Name="p", **made)
        notes["pipeline"] = True
        await simulation.rest(10)
        await _play(bench, simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        if not notes.get("pipeline"):
            return
        await _play(bench, simulation)
        await simulation.rest(5000)
        assert await _starts(simulation) == _WHOLE
        first = {**stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await simulation("kinesis", "GetShardIterator", **first))["ShardIterator"]
        told = await simulation("kinesis", "GetRecords", ShardIterator=iterator)
        put = [json.loads(each["Data"])["chunk"]["start_ms"] for each in told["Records"]]
        assert list(dict.fromkeys(put)) == _WHOLE
        assert len(put) <= len(_WHOLE) + 1  # what was under way when the power went
        assert {each["detail"]["chunk"]["start_ms"] for each in await _events(simulation)} == {
            *_WHOLE
        }

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


async def _events(simulation: Simulation) -> list[dict[str, Any]]:
    """What lies in the queue ``told``."""
    url = "http://sqs.us-east-1.amazonaws.com/000000000000/told"
    found: list[dict[str, Any]] = []
    while True:
        given = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
        told = await simulation("sqs", "ReceiveMessage", **given)
        if not told.get("Messages"):
            return found
        found += [json.loads(each["Body"]) for each in told["Messages"]]


async def test_a_poison_piece_reaches_the_dead_letter_queue(bench: Bench, seed: int) -> None:
    """At least once, and its record once, whenever the power goes."""
    bench.programs["look.look"] = looking(lambda number: 7 if number == 2 else person(number))

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("sqs", "CreateQueue", QueueName="told")
        given = {
            "Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES,
            "MaxAttempts": 1, "DeadLetter": "arn:aws:sqs:us-east-1:000000000000:told",
        }  # fmt: skip
        await simulation("media", "CreateEngine", Name="look", WhenBehind="oldest", **given)
        await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
        await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["look"])
        notes["pipeline"] = True
        await simulation.rest(10)
        await _play(bench, simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        if notes.get("pipeline"):
            await _play(bench, simulation)
            await simulation.rest(5000)
            assert await _starts(simulation) == _WHOLE
            letters = await _events(simulation)
            assert {each["chunk"]["start_ms"] for each in letters} == {200}
            assert all("error" in each for each in letters)

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


async def test_the_bus_hears_of_every_state_that_was_noted(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("sqs", "CreateQueue", QueueName="told")
        pattern = json.dumps({"detail-type": ["Media Source State Change"]})
        await simulation("events", "PutRule", Name="told", EventPattern=pattern)
        targets = [{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:told"}]
        await simulation("events", "PutTargets", Rule="told", Targets=targets)
        await simulation("media", "CreateSource", Name="lobby", Url="rtsp://h/1")
        notes["source"] = True
        await simulation.rest(10)
        for state in ("live", "stalled", "live"):
            bench.intake.tell(State(state=state))
            await simulation.rest(10)
            told = (await simulation("media", "DescribeSource", Name="lobby"))["Source"]
            notes.setdefault("states", []).append(told["State"])

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(5000)
        if not notes.get("source"):
            return
        told = {each["detail"]["state"] for each in await _events(simulation)}
        assert told >= {"CONNECTING", *notes.get("states", ())}

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5
