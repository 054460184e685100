"""What CloudWatch shows of functions, to the digit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.gateway.function_urls import FunctionUrlFront
from pileus.ports.nodes import Invocation
from pileus.protocols.http import HttpRequest
from pileus.services.lambda_.function_urls import FunctionUrls
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.durable import DurableRun
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import Recorder, programs
from .durable import Durable
from .streams import add_stream, map_stream, put

MINUTE_MS = 60_000


@pytest.fixture
def compute_of(tmp_path: Path, recorder: Recorder) -> ScriptedCompute:
    return ScriptedCompute(tmp_path, programs(recorder))


@pytest.fixture
async def measured(compute_of: ScriptedCompute) -> AsyncIterator[MemoryPlatform]:
    """A platform that measures itself, at the beginning of a minute."""

    def prepare(made: MemoryPlatform) -> None:
        compute_of(made)
        made.kernel.measures.is_on = True

    platform = await MemoryPlatform.start(prepare=prepare)
    await add_role(platform)
    await platform.clock.advance(MINUTE_MS - platform.clock.now_ms() % MINUTE_MS)
    yield platform
    await platform.crash()


async def told(
    platform: MemoryPlatform, name: str, stat: str = "Sum", **dimensions: str
) -> list[float]:
    """One figure a minute, oldest first."""
    now_ms = platform.clock.now_ms()
    found = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=utc(now_ms - 23 * 60 * MINUTE_MS),
        EndTime=utc(now_ms + MINUTE_MS),
        Period=60,
        Statistics=[stat],
    )
    return [point[stat] for point in sorted(found["Datapoints"], key=lambda one: one["Timestamp"])]


async def next_minute(platform: MemoryPlatform) -> None:
    """Go to where the minute under way has been handed over."""
    await platform.clock.advance(MINUTE_MS - platform.clock.now_ms() % MINUTE_MS + 1000)


async def call(platform: MemoryPlatform, name: str, qualifier: str = "") -> None:
    asked = {"Qualifier": qualifier} if qualifier else {}
    await platform("lambda", "Invoke", FunctionName=name, Payload=b"1", **asked)


async def test_invocations_count_for_what_was_asked_for(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.echo")
    for name in ("live", "next"):
        version = (await measured("lambda", "PublishVersion", FunctionName="f"))["Version"]
        about = {"FunctionName": "f", "Name": name, "FunctionVersion": version}
        await measured("lambda", "CreateAlias", **about)
    for qualifier in ("", "", "$LATEST", "1", "live", "live", "live"):
        await call(measured, "f", qualifier)
    await next_minute(measured)
    assert await told(measured, "Invocations", FunctionName="f") == [7]
    expected: dict[str, list[float]] = {
        "f": [2], "f:$LATEST": [1], "f:1": [1], "f:live": [3], "f:next": [],
    }  # fmt: skip
    for resource, count in expected.items():
        found = await told(measured, "Invocations", FunctionName="f", Resource=resource)
        assert found == count, resource
    about = {"FunctionName": "f", "Resource": "f:live"}
    assert await told(measured, "Invocations", **about, ExecutedVersion="1") == [3]
    assert await told(measured, "Errors", **about, ExecutedVersion="1") == [0]
    about["Resource"] = "f:1"
    assert await told(measured, "Invocations", **about, ExecutedVersion="1") == []


async def spawned(platform: MemoryPlatform, qualifiers: list[str]) -> list[asyncio.Task[Any]]:
    given = [{"FunctionName": "f", "Payload": b"1", "Qualifier": each} for each in qualifiers]
    work = [platform.kernel.invoke(platform.context, "lambda", "Invoke", each) for each in given]
    return [asyncio.ensure_future(each) for each in work]


async def test_provisioned_concurrency_and_what_spills_over(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.slow", Timeout=10)
    await measured("lambda", "PublishVersion", FunctionName="f")
    about = {"FunctionName": "f", "Qualifier": "1"}
    await measured(
        "lambda", "PutProvisionedConcurrencyConfig", **about, ProvisionedConcurrentExecutions=2
    )
    await next_minute(measured)
    for task in await spawned(measured, ["1", "1", "1"]):
        await measured.clock.run(task)
    await call(measured, "f", "1")
    await next_minute(measured)
    by = {"FunctionName": "f", "Resource": "f:1"}
    assert await told(measured, "ProvisionedConcurrencyInvocations", **by) == [3]
    assert await told(measured, "ProvisionedConcurrencySpilloverInvocations", **by) == [1]
    assert await told(measured, "ProvisionedConcurrencyUtilization", "Maximum", **by) == [1.0]
    assert await told(measured, "ProvisionedConcurrencyUtilization", "Minimum", **by) == [0.5]
    assert await told(measured, "ProvisionedConcurrentExecutions", "Maximum", **by) == [2]


async def test_concurrency_of_the_account(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.slow", Timeout=10)
    await add_function(measured, "kept", "app.echo")
    await measured(
        "lambda", "PutFunctionConcurrency", FunctionName="kept", ReservedConcurrentExecutions=40
    )
    await call(measured, "kept")
    await next_minute(measured)
    assert await told(measured, "UnreservedConcurrentExecutions", "Maximum") == [0]
    assert await told(measured, "ClaimedAccountConcurrency", "Maximum") == [40]
    for task in await spawned(measured, ["$LATEST"] * 3):
        await measured.clock.run(task)
    await next_minute(measured)
    assert await told(measured, "UnreservedConcurrentExecutions", "Maximum") == [0, 3]
    assert await told(measured, "ClaimedAccountConcurrency", "Maximum") == [40, 43]
    assert await told(measured, "ConcurrentExecutions", "Maximum", FunctionName="f") == [3]


async def send(platform: MemoryPlatform, name: str) -> None:
    given = {"FunctionName": name, "InvocationType": "Event"}
    assert (await platform.reply("lambda", "Invoke", body=b"{}", **given)).status == 202


async def test_events_from_their_acceptance_to_their_end(measured: MemoryPlatform) -> None:
    await add_function(measured, "good", "app.echo")
    await add_function(measured, "bad", "app.fail")
    for name in ("good", "good", "bad"):
        await send(measured, name)
    await next_minute(measured)
    for _ in range(4):
        await next_minute(measured)
    by = {"FunctionName": "bad"}
    assert await told(measured, "AsyncEventsReceived") == [3]
    assert await told(measured, "AsyncEventsReceived", **by) == [1]
    assert await told(measured, "AsyncEventsDropped", **by) == [1]
    assert await told(measured, "AsyncEventsDropped", FunctionName="good") == [0]
    ages = await told(measured, "AsyncEventAge", "Maximum", **by, Resource="bad")
    # At once; a minute after the first attempt's end, two after the second's.
    assert [round(age / 1000) for age in ages] == [0, 60, 180]
    assert await told(measured, "AsyncEventAge", "Maximum", FunctionName="good") == [0]


async def test_letters_and_records_that_cannot_be_delivered(measured: MemoryPlatform) -> None:
    queue = "arn:aws:sqs:us-east-1:000000000000:"
    await measured("sqs", "CreateQueue", QueueName="there")
    for name in ("there", "gone"):
        given = {"DeadLetterConfig": {"TargetArn": queue + "there"}}
        await add_function(measured, name, "app.fail", **given)
        await measured(
            "lambda", "PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": queue + "there"}},
        )  # fmt: skip
    await send(measured, "there")
    await next_minute(measured)
    url = (await measured("sqs", "GetQueueUrl", QueueName="there"))["QueueUrl"]
    await measured("sqs", "DeleteQueue", QueueUrl=url)
    await send(measured, "gone")
    for _ in range(30):
        await measured.clock.advance(60 * MINUTE_MS)
    for metric in ("DeadLetterErrors", "DestinationDeliveryFailures"):
        assert await total(measured, metric, FunctionName="there") == 0, metric
        assert await total(measured, metric, FunctionName="gone") == 1, metric


async def total(platform: MemoryPlatform, name: str, **dimensions: str) -> float:
    """The sum over two days."""
    now_ms = platform.clock.now_ms()
    found = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=utc(now_ms - 48 * 60 * MINUTE_MS),
        EndTime=utc(now_ms + MINUTE_MS),
        Period=3600,
        Statistics=["Sum"],
    )
    assert found["Datapoints"]
    return sum(point["Sum"] for point in found["Datapoints"])


async def test_the_age_of_a_streams_records(measured: MemoryPlatform) -> None:
    await add_stream(measured)
    await add_function(measured, "f", "app.echo")
    await put(measured, "a")
    await measured.clock.advance(5000)
    began_ms = measured.clock.now_ms()
    await map_stream(measured)
    await next_minute(measured)
    (age_ms,) = await told(measured, "IteratorAge", "Maximum", FunctionName="f")
    assert 5000 <= age_ms <= 5000 + 60_000 and measured.clock.now_ms() > began_ms


async def test_durable_executions(measured: MemoryPlatform, compute_of: ScriptedCompute) -> None:
    durable = Durable(measured, compute_of)

    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 130)

    await durable.add(script)
    first, second = [await durable.begin() for _ in range(2)]
    await next_minute(measured)
    await measured("lambda", "StopDurableExecution", DurableExecutionArn=second)
    for _ in range(4):
        await next_minute(measured)
    assert (await durable.found(first))["Status"] == "SUCCEEDED"
    by = {"FunctionName": "f", "Resource": "f:$LATEST"}
    assert await told(measured, "DurableExecutionStarted", **by) == [2]
    assert await told(measured, "DurableExecutionStopped", **by) == [1]
    assert await told(measured, "DurableExecutionSucceeded", **by) == [1]
    assert await told(measured, "DurableExecutionFailed", **by) == []
    durations = await told(measured, "DurableExecutionDuration", "Maximum", **by)
    found = [await durable.found(arn) for arn in (second, first)]
    lasted = [(one["EndTimestamp"] - one["StartTimestamp"]).total_seconds() for one in found]
    assert durations == [pytest.approx(1000 * each) for each in lasted]
    assert await told(measured, "DurableExecutionOperations", **by) == [1, 1]
    assert len(await told(measured, "DurableExecutionStorageWrittenBytes", **by)) == 2
    running = "ApproximateRunningDurableExecutions"
    assert await told(measured, running, "Maximum", FunctionName="f") == [2, 1, 0]
    assert await told(measured, running, "Maximum") == [2, 1, 0]


async def test_running_executions_are_counted_on_after_a_crash(
    measured: MemoryPlatform, compute_of: ScriptedCompute
) -> None:
    durable = Durable(measured, compute_of)

    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 1000)

    await durable.add(script)
    await durable.begin()
    await next_minute(measured)
    again = await measured.restart()
    await next_minute(again)
    await next_minute(again)
    running = "ApproximateRunningDurableExecutions"
    assert await told(again, running, "Maximum", FunctionName="f") == [1, 1, 1]
    await again.crash()


async def test_requests_to_a_functions_address(
    measured: MemoryPlatform, compute_of: ScriptedCompute
) -> None:
    def answer(invocation: Invocation, _number: int) -> Answer:
        path = json.loads(invocation.payload)["rawPath"]
        status = int(path[1:]) if path != "/fail" else 0
        body = json.dumps({"statusCode": status, "body": ""}).encode()
        return Answer(body, is_error=not status, duration_s=0.25)

    compute_of.programs["app.web"] = Program(answer)
    await add_function(measured, "f", "app.web")
    about = {"FunctionName": "f"}
    made = await measured("lambda", "CreateFunctionUrlConfig", **about, AuthType="NONE")
    for number, action in enumerate(("InvokeFunctionUrl", "InvokeFunction")):
        given = {"StatementId": str(number), "Principal": "*", "Action": f"lambda:{action}"}
        await measured("lambda", "AddPermission", **about, **given)
    kernel = measured.kernel
    front = FunctionUrlFront(
        kernel.part(FunctionUrls), lambda *_: None, kernel.clock, kernel.chance
    )
    host = {"host": made["FunctionUrl"].split("/")[2]}
    for path, status in (("200", 200), ("404", 404), ("500", 500), ("fail", 502), ("200", 200)):
        request = HttpRequest("GET", f"/{path}", "", host)
        assert (await measured.clock.run(front(request))).status == status
    await next_minute(measured)
    by = {"FunctionName": "f", "Resource": "f:$LATEST"}
    assert await told(measured, "UrlRequestCount", **by) == [5]
    assert await told(measured, "Url4xxCount", **by) == [1]
    assert await told(measured, "Url5xxCount", **by) == [2]
    assert await told(measured, "UrlRequestLatency", "Minimum", **by) == [250.0]
    assert await told(measured, "UrlRequestLatency", "Maximum", FunctionName="f") == [300.0]
