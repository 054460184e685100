"""How engines and sources fare: DescribeLane, metrics, events on the bus, dead letters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.intakes import Counts, State
from pileus.services.media.lane_figures import Health, LaneFigures
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError
from pileus.values.times import utc

from .conftest import Bench, looking, person
from .test_delivering import QUEUE, watch_bus

_LETTERS = "arn:aws:sqs:us-east-1:000000000000:letters"
_BLIND = b'{"errorType": "ValueError", "errorMessage": "blind"}'


async def messages(bench: Bench, url: str = QUEUE) -> list[dict[str, Any]]:
    """What waits in a queue, taken out."""
    found: list[dict[str, Any]] = []
    while True:
        told = await bench.platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
        if not told.get("Messages"):
            return found
        for each in told["Messages"]:
            found.append(json.loads(each["Body"]))
            handle = {"QueueUrl": url, "ReceiptHandle": each["ReceiptHandle"]}
            await bench.platform("sqs", "DeleteMessage", **handle)


async def statistics(bench: Bench, metric: str, **dimensions: str) -> dict[str, float]:
    """What CloudWatch has of a metric over all time; empty where it has nothing."""
    now_ms = bench.platform.clock.now_ms()
    told = await bench.platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="Pileus/Media",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=utc(now_ms - 3_600_000),
        EndTime=utc(now_ms + 3_600_000),
        Period=36_000,
        Statistics=["Sum", "Maximum", "Minimum", "SampleCount"],
    )
    points: list[dict[str, float]] = told["Datapoints"]
    return points[0] if points else {}


@pytest.fixture
def measured(bench: Bench) -> Bench:
    """A platform that measures itself."""
    bench.platform.kernel.measures.is_on = True
    return bench


async def test_a_lane_tells_how_it_is(bench: Bench) -> None:
    bench.programs["look.look"] = looking(person, duration_s=2.0)
    await bench.engine()
    await bench.pipeline("look")
    assert (await bench.lane())["Health"] == "IDLE"
    bench.intake.show(1)
    await bench.passing(1000)
    lane = await bench.lane()
    assert (lane["Health"], lane["Instances"], "LastHeartbeatMs" in lane) == ("STARTING", 1, False)
    bench.intake.show(2)
    await bench.passing(2000)
    lane = await bench.lane()
    assert (lane["Health"], lane["Results"]) == ("HEALTHY", 1)
    assert lane["ResultsPerSecond"] > 0
    beat_ms = lane["LastHeartbeatMs"]
    await bench.passing(3000)
    lane = await bench.lane()
    assert (lane["Health"], lane["Results"], lane["Instances"]) == ("HEALTHY", 2, 0)
    await bench.passing(5000)
    lane = await bench.lane()
    assert (lane["Health"], lane["Results"]) == ("IDLE", 2)
    assert (lane["Instances"], lane["InstancesAlive"]) == (0, 1)
    await bench.passing(200_000)
    assert (await bench.lane())["InstancesAlive"] == 0  # scaled to none
    bench.intake.show(3)
    await bench.passing(5000)
    lane = await bench.lane()
    assert (lane["Results"], lane["InstancesAlive"]) == (3, 1)
    assert lane["LastHeartbeatMs"] > beat_ms


def test_a_lane_that_has_not_begun_is_not_over() -> None:
    figures = LaneFigures("lobby", "look")
    assert (figures.health(9000), figures.shown(9000)["State"]) == (Health.IDLE, "RUNNING")
    one, other = object(), object()
    figures.begun(one)
    figures.begun(other)
    figures.ended(one)  # the one before, which another has followed
    assert (figures.health(9000), figures.is_live) == (Health.IDLE, True)
    figures.ended(other)
    assert (figures.health(9000), figures.shown(9000)["State"]) == (Health.ENDED, "ENDED")


async def test_an_engine_that_fails_and_recovers_is_told(bench: Bench) -> None:
    await watch_bus(bench, told="Media Engine State Change")
    bench.programs["look.look"] = Program(
        lambda invocation, count: (
            Answer(_BLIND, is_error=True)
            if count < 4
            else looking(person).handle(invocation, count)
        )
    )
    await bench.engine(WhenBehind="oldest", MaxAttempts=1)
    await bench.pipeline("look")
    for number in range(1, 4):
        bench.intake.show(number)
        await bench.passing(2000)
    lane = await bench.lane()
    assert (lane["State"], lane["Health"], lane["Failures"]) == ("FAILING", "FAILING", 3)
    bench.intake.show(4, 5)
    await bench.passing(2000)
    assert (await bench.lane())["Health"] == "HEALTHY"
    told = await messages(bench)
    assert [each["detail"]["state"] for each in told] == ["FAILING", "RECOVERED"]
    assert told[0]["detail"] == {
        "source": "lobby", "engine": "look", "state": "FAILING", "reason": "ValueError: blind",
    }  # fmt: skip
    assert told[0]["resources"][1].endswith(":engine/look")


async def test_lost_instances_are_counted(bench: Bench) -> None:
    document = b'{"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}'
    bench.programs["look.look"] = Program(lambda *_: Answer(document, is_error=True))
    await bench.engine(MaxAttempts=2)
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(5000)
    lane = await bench.lane()
    assert (lane["Restarts"], lane["Dead"], "LastHeartbeatMs" in lane) == (2, 1, False)


async def test_poison_goes_to_the_dead_letter_queue_and_onto_the_bus(bench: Bench) -> None:
    await watch_bus(bench, told="Media Piece Failed")
    await bench.platform("sqs", "CreateQueue", QueueName="letters")
    bench.programs["look.look"] = looking(lambda number: 7 if number == 2 else person(number))
    await bench.engine(WhenBehind="oldest", MaxAttempts=2, DeadLetter=_LETTERS)
    await bench.pipeline("look")
    bench.intake.show(1, 2, 3)
    await bench.passing(5000)
    (letter,) = await messages(bench, QUEUE.replace("told", "letters"))
    assert letter == (await bench.results())[1]
    assert "a list or None, not int" in letter["error"]
    (event,) = await messages(bench)
    assert event["detail"] == letter
    shown = (await bench("DescribeEngine", Name="look"))["Engine"]
    assert shown["DeadLetter"] == _LETTERS
    await bench("UpdateEngine", Name="look", DeadLetter="")
    assert (await bench("DescribeEngine", Name="look"))["Engine"]["DeadLetter"] == ""
    with pytest.raises(ServiceError, match="DeadLetter is the ARN of an SQS queue"):
        await bench("UpdateEngine", Name="look", DeadLetter="letters")


async def test_the_bus_hears_of_every_state_of_a_source(bench: Bench) -> None:
    await watch_bus(bench, told="Media Source State Change")
    await bench("CreateSource", Name="s", Url="rtsp://me:key@h/1")
    await bench.passing(10)
    for state, reason in (("live", ""), ("live", ""), ("stalled", "Nothing came."), ("live", "")):
        bench.intake.tell(State(state=state, reason=reason))
        await bench.passing(10)
    told = await messages(bench)
    found = [(each["detail"]["previous_state"], each["detail"]["state"]) for each in told]
    assert found == [
        ("STOPPED", "CONNECTING"), ("CONNECTING", "LIVE"), ("LIVE", "STALLED"), ("STALLED", "LIVE"),
    ]  # fmt: skip
    assert told[2]["detail"]["reason"] == "Nothing came."
    assert told[0]["resources"] == ["arn:aws:media:us-east-1:000000000000:source/s"]
    assert "key" not in json.dumps(told)


async def test_a_lane_that_has_ended_tells_its_last_figures(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", Url="file:/v.mkv")
    bench.intake.show(1, 2, 3)
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await bench.passing(1000)
    lane = await bench.lane()
    assert (lane["State"], lane["Health"], lane["Results"]) == ("ENDED", "ENDED", 3)
    (listed,) = (await bench("ListLanes", Source="lobby"))["Lanes"]
    assert listed["State"] == "ENDED"
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    with pytest.raises(ServiceError, match="There is no source lobby"):
        await bench.lane()


async def test_figures_go_on_over_the_lives_of_a_lane(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look")
    bench.intake.show(1, 2)
    await bench.passing(100)
    await bench("UpdateEngine", Name="look", MemoryMB=256)
    bench.intake.show(3)
    await bench.passing(100)
    lane = await bench.lane()
    assert (lane["State"], lane["Results"]) == ("RUNNING", 3)


async def test_cloudwatch_shows_lanes_and_sources(measured: Bench) -> None:
    bench = measured
    bench.programs["look.look"] = looking(person, duration_s=1.0)
    await bench.engine()
    await bench.pipeline("look")
    bench.intake.tell(State(state="live"))
    (input_id,) = bench.intake.inputs
    for number in range(1, 11):
        bench.intake.show(number, captured_from_ms=bench.platform.clock.now_ms() - number * 200)
        await bench.passing(200)
    counts = {"packets": 500, "packets_damaged": 3, "discontinuities": 1}
    bench.intake.tell(Counts(counts=counts, gated={input_id: 40}, connections=2))
    await bench.segment(0)
    await bench.passing(130_000)
    lane = {"Source": "lobby", "Engine": "look"}
    told = await bench.lane()
    results = await statistics(bench, "Results", **lane)
    assert results["Sum"] == told["Results"] == len(await bench.results())
    assert (await statistics(bench, "Throughput", **lane))["Sum"] == round(results["Sum"] / 60, 3)
    dropped = await statistics(bench, "Drops", **lane, Reason="overtaken")
    assert dropped["Sum"] == told["Drops"]["overtaken"] == 10 - results["Sum"]
    assert (await statistics(bench, "Drops", **lane))["Sum"] == dropped["Sum"]
    assert (await statistics(bench, "Latency", **lane))["Minimum"] >= 1000
    assert (await statistics(bench, "Lag", **lane))["Maximum"] > 0.5
    assert (await statistics(bench, "Instances", **lane))["Maximum"] == 1
    assert (await statistics(bench, "Gated", **lane))["Sum"] == told["Gated"] == 40
    assert await statistics(bench, "Failures", **lane) == {}
    source = {"Source": "lobby"}
    assert (await statistics(bench, "Segments", **source))["Sum"] == 1
    assert (await statistics(bench, "Bytes", **source))["Sum"] == 9
    assert (await statistics(bench, "PacketsDamaged", **source))["Sum"] == 3
    assert (await statistics(bench, "Connections", **source))["Sum"] == 2
    live = await statistics(bench, "Live", **source)
    assert (live["SampleCount"] >= 2, live["Minimum"]) == (True, 1)


async def test_a_process_begun_anew_counts_from_nothing(measured: Bench) -> None:
    bench = measured
    await bench("CreateSource", Name="lobby", Url="rtsp://h/1")
    await bench.passing(10)
    for _ in range(2):
        bench.intake.tell(Counts(counts={"packets": 10}), Counts(counts={"packets": 15}))
        await bench.passing(10)
        bench.intake.die()
        await bench.passing(5000)
    await bench.passing(60_000)
    assert (await statistics(bench, "Packets", Source="lobby"))["Sum"] == 30
