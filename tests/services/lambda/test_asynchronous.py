"""Asynchronous invocations: retries, age, throttling, destinations, dead letters, deletion."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pileus.compute.pools import PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.kernel.kernel import Kernel
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

from .conftest import FAILURE, Recorder, add_queue, drained, programs, refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
MINUTE_MS = 60_000


async def _send(platform: MemoryPlatform, payload: str = "{}", name: str = "f") -> None:
    reply = await platform.reply(
        "lambda", "Invoke", FunctionName=name, InvocationType="Event", body=payload.encode()
    )
    assert (reply.status, reply.output) == (202, {"StatusCode": 202})


async def _configure(platform: MemoryPlatform, name: str = "f", **given: Any) -> None:
    destinations = {
        key: {"Destination": given.pop(key)} for key in ("OnSuccess", "OnFailure") if key in given
    }
    if destinations:
        given["DestinationConfig"] = destinations
    await platform("lambda", "PutFunctionEventInvokeConfig", FunctionName=name, **given)


async def _records(platform: MemoryPlatform, name: str = "q") -> list[dict[str, Any]]:
    return [json.loads(message["Body"]) for message in await drained(platform, name)]


async def test_event_runs_once_when_it_succeeds(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    await _send(platform, '{"a": 1}')
    await platform.clock.advance(10 * MINUTE_MS)
    assert recorder.events == [{"a": 1}]


async def test_failures_are_retried_after_one_and_two_minutes(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.fail")
    await _send(platform)
    counts = []
    for _ in range(5):
        await platform.clock.advance(MINUTE_MS)
        counts.append(len(recorder.events))
    # At once, after one minute, two minutes later; a cold start takes a moment of each.
    assert counts == [1, 2, 2, 3, 3]
    ids = {invocation.request_id for invocation in recorder.invocations}
    assert len(ids) == 1, "every attempt has the same request id"


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_retries_are_as_many_as_configured(
    platform: MemoryPlatform, recorder: Recorder, retries: int
) -> None:
    await add_function(platform, "f", "app.fail")
    await add_queue(platform, "q")
    await _configure(platform, MaximumRetryAttempts=retries)
    await _send(platform)
    await platform.clock.advance(20 * MINUTE_MS)
    assert len(recorder.events) == retries + 1


async def test_success_record_is_exact(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_function(platform, "f", "app.echo")
    await _configure(platform, OnSuccess=await add_queue(platform, "q"))
    await _send(platform, '{"a": 1}')
    await platform.clock.advance(1000)
    (record,) = await _records(platform)
    assert record.pop("timestamp").startswith("2026-01-01T00:00:0")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": recorder.invocations[0].request_id,
            "functionArn": ARN + "f:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"a": 1},
    }
    assert recorder.invocations[0].invoked_arn == ARN + "f"


async def test_failure_record_is_exact(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_function(platform, "f", "app.fail")
    await _configure(platform, OnFailure=await add_queue(platform, "q"))
    await _send(platform, "[1]")
    await platform.clock.advance(10 * MINUTE_MS)
    (record,) = await _records(platform)
    del record["timestamp"]
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": recorder.invocations[0].request_id,
            "functionArn": ARN + "f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": [1],
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": FAILURE,
    }


async def test_event_too_old_for_its_next_try_ends_at_once(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.fail")
    queue = await add_queue(platform, "q")
    await _configure(platform, OnFailure=queue, MaximumEventAgeInSeconds=90)
    await _send(platform)
    await platform.clock.advance(2 * MINUTE_MS)
    (record,) = await _records(platform)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"] == FAILURE


async def test_zero_reserved_concurrency_ends_events_without_a_try(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    letters = await add_queue(platform, "letters")
    await add_function(platform, "f", "app.echo", DeadLetterConfig={"TargetArn": letters})
    await _configure(platform, OnFailure=await add_queue(platform, "q"))
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0
    )
    await _send(platform, '"x"')
    await platform.clock.advance(1000)
    (record,) = await _records(platform)
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == (
        "ZeroReservedConcurrency",
        0,
    )
    assert "responsePayload" not in record
    (letter,) = await drained(platform, "letters")
    assert letter["Body"] == '"x"' and "ErrorCode" not in letter["MessageAttributes"]
    assert recorder.events == []


async def _throttled_for_ever(platform: MemoryPlatform) -> None:
    """A function whose one place is taken by a call that hangs."""
    await add_function(platform, "f", "app.hang", Timeout=900)
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=1
    )


async def test_throttled_event_backs_off_until_six_hours_are_over(
    tmp_path: Path, recorder: Recorder
) -> None:
    full = PoolSettings(limits=ScalingLimits(account_concurrency=0))
    platform = await MemoryPlatform.start(
        prepare=ScriptedCompute(tmp_path, programs(recorder), full)
    )
    await add_role(platform)
    letters = await add_queue(platform, "letters")
    await add_function(platform, "f", "app.echo", DeadLetterConfig={"TargetArn": letters})
    await _send(platform, '"late"')
    await platform.clock.advance(7 * 60 * MINUTE_MS)
    tries = [r["at_ms"] for r in platform.records if r["kind"] == "invocation" and r["throttle"]]
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    doubled = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000]
    # 511 s of doubling, then as many times five minutes as fit into the six hours.
    assert gaps == doubled + [300_000] * ((6 * 3600 - 511) // 300)
    (letter,) = await drained(platform, "letters")
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert recorder.events == []
    await platform.crash()


async def test_event_too_old_while_throttled_is_a_dead_letter(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    letters = await add_queue(platform, "letters")
    await _throttled_for_ever(platform)
    await platform(
        "lambda", "UpdateFunctionConfiguration", FunctionName="f",
        DeadLetterConfig={"TargetArn": letters},
    )  # fmt: skip
    queue = await add_queue(platform, "q")
    await _configure(platform, OnFailure=queue, MaximumEventAgeInSeconds=60)
    work = platform.kernel.invoke(platform.context, "lambda", "Invoke", {"FunctionName": "f"})
    platform.kernel.supervisor.spawn("busy", work)
    await platform.clock.advance(100)
    await _send(platform, '"late"')
    await platform.clock.advance(MINUTE_MS)
    (letter,) = await drained(platform, "letters")
    facts = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert letter["Body"] == '"late"'
    assert facts.pop("RequestID")
    assert facts == {"ErrorCode": "429", "ErrorMessage": "Rate Exceeded."}
    (record,) = await _records(platform)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0


async def test_reserved_concurrency_is_filled_but_not_overrun(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.slow", Timeout=10)
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=2
    )
    for number in range(6):
        await _send(platform, str(number))
    await platform.clock.advance(10_000)
    assert sorted(recorder.events) == [0, 1, 2, 3, 4, 5]
    refusals = [r for r in platform.records if r["kind"] == "invocation" and r["throttle"]]
    assert refusals == []


async def test_dead_letter_says_why(platform: MemoryPlatform, recorder: Recorder) -> None:
    letters = await add_queue(platform, "letters")
    await add_function(platform, "f", "app.fail", DeadLetterConfig={"TargetArn": letters})
    await _send(platform, '{"a":  1}')
    await platform.clock.advance(10 * MINUTE_MS)
    (letter,) = await drained(platform, "letters")
    assert letter["Body"] == '{"a":  1}', "the event as it came"
    assert letter["MessageAttributes"] == {
        "RequestID": {"DataType": "String", "StringValue": recorder.invocations[0].request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "no"},
    }


async def test_destinations_of_every_kind(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_queue(platform, "q")
    topic = (await platform("sns", "CreateTopic", Name="t"))["TopicArn"]
    await platform(
        "sns", "Subscribe", TopicArn=topic, Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:000000000000:q",
        Attributes={"RawMessageDelivery": "true"},
    )  # fmt: skip
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["lambda"]}')
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}
    await platform("events", "PutTargets", Rule="r", Targets=[target])
    await add_function(platform, "other", "app.echo")
    destinations = (topic, "arn:aws:events:us-east-1:000000000000:event-bus/default", ARN + "other")
    for number, destination in enumerate(destinations):
        await add_function(platform, f"f{number}", "app.echo")
        await _configure(platform, f"f{number}", OnSuccess=destination)
        await _send(platform, str(number), f"f{number}")
    await platform.clock.advance(10_000)
    found = await _records(platform)
    by_topic = next(record for record in found if "requestContext" in record)
    assert by_topic["requestPayload"] == 0
    event = next(record for record in found if "detail" in record)
    assert event["source"] == "lambda"
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [destinations[1], ARN + "f1:$LATEST"]
    assert event["detail"]["responsePayload"] == 1
    handed_on = [event for event in recorder.events if isinstance(event, dict)]
    assert [event["requestPayload"] for event in handed_on] == [2]


async def test_failures_may_go_to_a_bucket(platform: MemoryPlatform) -> None:
    await platform("s3", "CreateBucket", Bucket="failures")
    await add_function(platform, "f", "app.fail")
    await _configure(platform, OnFailure="arn:aws:s3:::failures", MaximumRetryAttempts=0)
    await _send(platform)
    await platform.clock.advance(1000)
    listed = await platform("s3", "ListObjectsV2", Bucket="failures")
    (found,) = listed["Contents"]
    assert found["Key"].startswith("aws/lambda/async/f/2026/01/01/2026-01-01T00.00.")
    reply = await platform.reply("s3", "GetObject", Bucket="failures", Key=found["Key"])
    assert reply.body is not None
    assert json.loads(await reply.body.read())["requestContext"]["condition"] == "RetriesExhausted"


async def test_alias_has_settings_of_its_own(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await _configure(platform, "f:live", OnSuccess=await add_queue(platform, "of-alias"))
    await _configure(platform, "f", OnSuccess=await add_queue(platform, "of-latest"))
    await _send(platform, "1", "f:live")
    await _send(platform, "2", "f:$LATEST")
    await _send(platform, "3", "f:1")
    await platform.clock.advance(1000)
    (by_alias,) = await _records(platform, "of-alias")
    assert by_alias["requestContext"]["functionArn"] == ARN + "f:live"
    assert by_alias["responseContext"]["executedVersion"] == "1"
    (by_latest,) = await _records(platform, "of-latest")
    assert by_latest["requestPayload"] == 2
    assert len(recorder.events) == 3


async def test_alias_shares_events_by_weight(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform(
        "lambda", "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )  # fmt: skip
    for number in range(40):
        await _send(platform, str(number), "f:live")
    await platform.clock.advance(1000)
    versions = [r["version"] for r in platform.records if r["kind"] == "invocation"]
    assert len(versions) == 40 and 8 <= versions.count("2") <= 32


async def test_deletion_drops_waiting_events_and_their_payloads(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    queue = await add_queue(platform, "q")
    await add_function(platform, "f", "app.fail")
    await _configure(platform, OnFailure=queue)
    await _send(platform, json.dumps("x" * 100_000))
    await platform.clock.advance(1000)
    assert len(recorder.events) == 1
    await platform("lambda", "DeleteFunction", FunctionName="f")
    assert await platform.kernel.blobs.list("000000000000/us-east-1/lambda/async/") == []
    await add_function(platform, "f", "app.fail")
    await platform.clock.advance(20 * MINUTE_MS)
    assert len(recorder.events) == 1, "a function of the same name inherits nothing"
    assert await _records(platform) == []


async def test_deletion_while_the_event_runs_tells_nobody(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.slow", Timeout=10)
    await _configure(platform, OnSuccess=await add_queue(platform, "q"))
    await _send(platform, json.dumps("x" * 100_000))
    await platform.clock.advance(1000)
    await platform("lambda", "DeleteFunction", FunctionName="f")
    await platform.clock.advance(10_000)
    assert await _records(platform) == []
    assert await platform.kernel.blobs.list("000000000000/us-east-1/lambda/async/") == []


async def test_large_payload_leaves_nothing_behind(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    await _send(platform, json.dumps("x" * 500_000))
    await platform.clock.advance(1000)
    assert recorder.events == ["x" * 500_000]
    assert await platform.kernel.blobs.list("000000000000/us-east-1/lambda/async/") == []


async def test_waiting_events_survive_a_restart(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.fail")
    await _send(platform, "7")
    await platform.clock.advance(1000)
    again = await platform.restart()
    await again.clock.advance(10 * MINUTE_MS)
    assert recorder.events == [7, 7, 7], "the first attempt was counted"
    await again.crash()


async def test_role_that_is_gone_is_a_fault_to_wait_for(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("iam", "DeleteRole", RoleName="functions")
    await _send(platform, "7")
    await platform.clock.advance(10_000)
    assert recorder.events == []
    await add_role(platform)
    await platform.clock.advance(10 * MINUTE_MS)
    assert recorder.events == [7]


# -- redelivery --------------------------------------------------------------------------------


async def _deliver(kernel: Kernel, platform: MemoryPlatform, delivery_id: str) -> None:
    context = replace(platform.context, delivery_id=delivery_id, source="events")
    given = {"FunctionName": "f", "InvocationType": "Event", "Payload": b"1"}
    await platform.clock.run(kernel.invoke(context, "lambda", "Invoke", given))


async def test_redelivered_event_is_accepted_once(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.fail")
    for _ in range(3):
        await _deliver(platform.kernel, platform, "d-1")
        await platform.clock.advance(1000)
    assert len(recorder.events) == 1, "the retry keeps its time"
    await platform.clock.advance(10 * MINUTE_MS)
    assert len(recorder.events) == 3
    await _deliver(platform.kernel, platform, "d-1")
    await platform.clock.advance(10 * MINUTE_MS)
    assert len(recorder.events) == 3
    await _deliver(platform.kernel, platform, "d-1-of-something-longer-than-an-identifier-1")
    await _deliver(platform.kernel, platform, "d-1-of-something-longer-than-an-identifier-2")
    await platform.clock.advance(1000)
    assert len({invocation.request_id for invocation in recorder.invocations}) == 3


async def test_caller_is_told_the_request_id_the_function_sees(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    request_id = "11111111-2222-4333-8444-555555555555"
    context = replace(platform.context, request_id=request_id)
    given = {"FunctionName": "f", "InvocationType": "Event"}
    await platform.clock.run(platform.kernel.invoke(context, "lambda", "Invoke", given))
    await platform.clock.advance(1000)
    assert recorder.invocations[0].request_id == request_id


async def test_nothing_is_left_in_memory_when_all_is_done(
    platform: MemoryPlatform, recorder: Recorder, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.echo")
    for _ in range(300):
        await _send(platform)
    await platform.clock.advance(1000)
    assert len(recorder.events) == 300
    call = platform.kernel.stream_call(("000000000000", "us-east-1", "lambda"))
    assert platform.kernel.part(AsyncInvokes).pending(call, "f") == 0


async def test_lane_of_a_slow_function_does_not_hold_up_another(
    platform: MemoryPlatform, recorder: Recorder, compute: ScriptedCompute
) -> None:
    order: list[str] = []

    def told(name: str, duration_s: float) -> Program:
        def handle(*_: object) -> Answer:
            order.append(name)
            return Answer(duration_s=duration_s)

        return Program(handle)

    compute.programs |= {"app.one": told("slow", 50), "app.two": told("quick", 0)}
    for name, handler in (("slow", "app.one"), ("quick", "app.two")):
        await add_function(platform, name, handler, Timeout=60)
    for _ in range(150):
        await _send(platform, name="slow")
    await _send(platform, name="quick")
    await platform.clock.advance(1000)
    assert _count(order) == (100, 1)
    await platform.clock.advance(60_000)
    assert _count(order) == (150, 1)


def _count(order: Sequence[str]) -> tuple[int, int]:
    return order.count("slow"), order.count("quick")


async def test_refusals_come_before_acceptance(platform: MemoryPlatform) -> None:
    code, _, _ = await refused(
        platform, "Invoke", FunctionName="none", InvocationType="Event", Payload=b"{}"
    )
    assert code == "ResourceNotFoundException"


async def test_the_older_operation_accepts_an_event(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    about = {"FunctionName": "f"}
    reply = await platform.reply("lambda", "InvokeAsync", **about, body=b'{"a": 1}')
    assert (reply.status, reply.output) == (202, {"Status": 202})
    await platform.clock.advance(1000)
    assert recorder.events == [{"a": 1}]
    code, status, _ = await refused(platform, "InvokeAsync", **about, InvokeArgs=b"{")
    assert (code, status) == ("InvalidRequestContentException", 400)
    code, status, _ = await refused(platform, "InvokeAsync", FunctionName="g", InvokeArgs=b"{}")
    assert (code, status) == ("ResourceNotFoundException", 404)
