"""Results on Kinesis streams and event buses: every one, in order, and again only after a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.values.errors import ServiceError

from .conftest import CODE, Bench, looking, person
from .test_resources import change, template

QUEUE = "http://sqs.us-east-1.amazonaws.com/000000000000/told"


async def records(bench: Bench, stream: str = "results") -> list[dict[str, Any]]:
    """What lies on a stream of one shard: partition key and document."""
    given = {"StreamName": stream, "ShardId": "shardId-000000000000"}
    begin = {**given, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await bench.platform("kinesis", "GetShardIterator", **begin))["ShardIterator"]
    told = await bench.platform("kinesis", "GetRecords", ShardIterator=iterator)
    return [{"key": each["PartitionKey"], **json.loads(each["Data"])} for each in told["Records"]]


async def make_stream(bench: Bench, name: str = "results") -> None:
    await bench.platform("kinesis", "CreateStream", StreamName=name, ShardCount=1)


async def watch_bus(
    bench: Bench, bus: str = "default", told: str | list[str] = "Media Result"
) -> None:
    """A queue gets what our service says on a bus."""
    await bench.platform("sqs", "CreateQueue", QueueName="told")
    types = [told] if isinstance(told, str) else told
    pattern = json.dumps({"source": ["pileus.media"], "detail-type": types})
    rule = {"Name": "told", "EventBusName": bus}
    await bench.platform("events", "PutRule", **rule, EventPattern=pattern)
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:told"}
    await bench.platform("events", "PutTargets", Rule="told", EventBusName=bus, Targets=[target])


async def events(bench: Bench) -> list[dict[str, Any]]:
    """Events of the queue, by the time of their pieces: targets of a bus are not told in order."""
    found: list[dict[str, Any]] = []
    while True:
        told = await bench.platform("sqs", "ReceiveMessage", QueueUrl=QUEUE, MaxNumberOfMessages=10)
        if not told.get("Messages"):
            break
        for each in told["Messages"]:
            found.append(json.loads(each["Body"]))
            handle = {"QueueUrl": QUEUE, "ReceiptHandle": each["ReceiptHandle"]}
            await bench.platform("sqs", "DeleteMessage", **handle)
    return sorted(found, key=lambda event: int(event["detail"]["chunk"]["start_ms"]))


async def begin(bench: Bench, **deliver: Any) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench("CreateSource", Name="lobby", Url="rtsp://h/lobby")
    await bench("CreatePipeline", Name="p", Source="lobby", Engines=["look"], Deliver=deliver)
    await bench.passing(10)


async def show(bench: Bench, *numbers: int) -> None:
    bench.intake.show(*numbers)
    await bench.passing(200)


async def deliveries(bench: Bench) -> list[dict[str, Any]]:
    told = await bench("DescribePipeline", Name="p")
    found: list[dict[str, Any]] = told.get("Deliveries", [])
    return found


async def test_a_stream_gets_every_result_in_order_under_the_sources_key(bench: Bench) -> None:
    await make_stream(bench)
    await begin(bench, Stream="results")
    await show(bench, 1, 2, 3)
    found = await records(bench)
    assert [each.pop("key") for each in found] == ["lobby"] * 3
    assert found == await bench.results()
    (told,) = await deliveries(bench)
    assert told == {
        "Engine": "look", "Target": "stream:results", "State": "RUNNING",
        "Delivered": 3, "LeftOut": 0, "Lost": 0, "Behind": 0,
    }  # fmt: skip
    shown = (await bench("DescribePipeline", Name="p"))["Pipeline"]
    assert shown["Deliver"] == {"Stream": "results", "SkipEmpty": False}


async def test_a_bus_gets_an_event_a_result(bench: Bench) -> None:
    await watch_bus(bench)
    await begin(bench, Bus="default")
    await show(bench, *range(1, 13))
    found = await events(bench)
    assert [each["detail"] for each in found] == await bench.results()
    assert {each["detail-type"] for each in found} == {"Media Result"}
    assert found[0]["resources"] == [
        "arn:aws:media:us-east-1:000000000000:source/lobby",
        "arn:aws:media:us-east-1:000000000000:engine/look",
    ]


async def test_results_in_which_nothing_was_found_may_stay(bench: Bench) -> None:
    bench.programs["look.look"] = looking(lambda number: person(number) if number % 2 else None)
    await make_stream(bench)
    await begin(bench, Stream="results", SkipEmpty=True)
    await show(bench, 1, 2, 3)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [0, 400]
    (told,) = await deliveries(bench)
    assert (told["Delivered"], told["LeftOut"], told["Behind"]) == (2, 1, 0)


async def test_a_stream_that_is_not_there_is_waited_for(bench: Bench) -> None:
    await begin(bench, Stream="results")
    await show(bench, 1, 2)
    (told,) = await deliveries(bench)
    assert (told["State"], told["Behind"]) == ("WAITING", 2)
    assert "results" in told["StateReason"]
    await make_stream(bench)
    await bench.passing(40_000)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [0, 200]
    (told,) = await deliveries(bench)
    assert (told["State"], "StateReason" in told) == ("RUNNING", False)


async def test_what_is_forgotten_before_it_could_be_delivered_is_counted(bench: Bench) -> None:
    await begin(bench, Stream="results")
    await bench("UpdateSource", Name="lobby", KeepResultsSeconds=60)
    await bench.passing(10)
    await show(bench, 1, 2, 3)
    await bench.passing(300_000)
    assert await bench.starts() == [400]
    await make_stream(bench)
    await bench.passing(40_000)
    (told,) = await deliveries(bench)
    assert (told["Delivered"], told["Lost"], told["Behind"]) == (1, 2, 0)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [400]


async def test_one_target_does_not_hold_up_the_other(bench: Bench) -> None:
    await watch_bus(bench)
    await begin(bench, Stream="nowhere", Bus="default")
    await show(bench, 1, 2)
    assert len(await events(bench)) == 2


async def test_more_than_a_shard_takes_comes_later_and_in_order(bench: Bench) -> None:
    large = "x" * 400_000

    def look(number: int) -> Any:
        return [{"label": "person", "text": large if number % 2 else "small"}]

    bench.programs["look.look"] = looking(look)
    await make_stream(bench)
    await begin(bench, Stream="results")
    await show(bench, *range(1, 9))
    assert (await deliveries(bench))[0]["State"] == "WAITING"
    await bench.passing(30_000)
    (told,) = await deliveries(bench)
    assert (told["Delivered"], told["Behind"]) == (8, 0)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [
        200 * number for number in range(8)
    ]


async def test_deliveries_change_with_the_pipeline(bench: Bench) -> None:
    for name in ("results", "others"):
        await make_stream(bench, name)
    await begin(bench, Stream="results")
    await show(bench, 1)
    await bench("UpdatePipeline", Name="p", Engines=["look"])  # says nothing of it
    await show(bench, 2)
    await bench("UpdatePipeline", Name="p", Engines=["look"], Deliver={"Stream": "others"})
    await show(bench, 3)
    await bench("UpdatePipeline", Name="p", Engines=["look"], Deliver={})
    await show(bench, 4)
    assert len(await records(bench)) == 2
    assert len(await records(bench, "others")) == 3  # what was kept comes first
    assert await deliveries(bench) == []


async def test_a_pipeline_made_anew_delivers_anew(bench: Bench) -> None:
    await make_stream(bench)
    await begin(bench, Stream="results")
    await show(bench, 1)
    await bench("DeletePipeline", Name="p")
    await bench.passing(1000)
    made = {"Source": "lobby", "Engines": ["look"], "Deliver": {"Stream": "results"}}
    await bench("CreatePipeline", Name="p", **made)
    await bench.passing(100)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [0, 0]
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    await bench.passing(100)


async def test_after_a_restart_it_goes_on_where_it_was(bench: Bench) -> None:
    await make_stream(bench)
    await begin(bench, Stream="results")
    await show(bench, 1, 2)
    await bench.restart()
    await bench.passing(1000)
    assert len(await records(bench)) == 2
    bench.intake.show(301)
    await bench.passing(200)
    assert [each["chunk"]["start_ms"] for each in await records(bench)] == [0, 200, 60_000]


async def test_a_template_says_where_results_go(bench: Bench) -> None:
    bucket = {"Bucket": "code"}
    await bench.platform("s3", "CreateBucket", **bucket)
    await bench.platform("s3", "PutObject", body=CODE["ZipFile"], Key="look.zip", **bucket)
    made = template(Newsroom={"Deliver": {"Bus": "default", "Stream": "s", "SkipEmpty": "true"}})
    assert (await change(bench, made, "CreateStack"))["StackStatus"] == "CREATE_COMPLETE"
    (pipeline,) = (await bench("ListPipelines"))["Pipelines"]
    assert pipeline["Deliver"] == {"Bus": "default", "Stream": "s", "SkipEmpty": True}
    assert (await change(bench, template()))["StackStatus"] == "UPDATE_COMPLETE"
    (pipeline,) = (await bench("ListPipelines"))["Pipelines"]
    assert "Deliver" not in pipeline


@pytest.mark.parametrize(
    ("deliver", "words"),
    [
        ({"Stream": "arn:aws:sqs:us-east-1:000000000000:q"}, "Deliver.Stream is a name or an ARN of"),
        ({"Bus": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}, "Deliver.Bus is a name or an"),
        ({"SkipEmpty": True}, "has a Bus, a Stream, or both"),
    ],
)  # fmt: skip
async def test_a_place_that_means_nothing_is_refused(
    bench: Bench, deliver: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceError, match=words):
        await begin(bench, **deliver)
