"""What the platform measures of itself, as AWS names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import Disks, MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
async def platform(tmp_path: Path) -> MemoryPlatform:
    programs = {
        "app.ok": Program(lambda *_: Answer(b"1", duration_s=0.02)),
        "app.bad": Program(lambda *_: Answer(b"{}", is_error=True, duration_s=0.01)),
    }
    compute = ScriptedCompute(tmp_path, programs)

    def prepare(made: MemoryPlatform) -> None:
        compute(made)
        made.kernel.measures.is_on = True

    made = await MemoryPlatform.start(Disks(), prepare=prepare)
    await made.clock.advance(MINUTE_MS - made.clock.now_ms() % MINUTE_MS)
    return made


async def told(
    platform: MemoryPlatform, namespace: str, name: str, stat: str, **dimensions: str
) -> list[float]:
    now_ms = platform.clock.now_ms()
    found = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=utc(now_ms - HOUR_MS),
        EndTime=utc(now_ms),
        Period=60,
        Statistics=[stat],
    )
    return [point[stat] for point in found["Datapoints"]]


async def test_functions(platform: MemoryPlatform) -> None:
    await add_role(platform)
    for name in ("ok", "bad"):
        await add_function(platform, name, f"app.{name}")
    for name in ("ok", "ok", "bad"):
        await platform("lambda", "Invoke", FunctionName=name, Payload=b"{}")
    await platform("lambda", "PutFunctionConcurrency", FunctionName="ok",
                   ReservedConcurrentExecutions=0)  # fmt: skip
    with pytest.raises(ServiceError):
        await platform("lambda", "Invoke", FunctionName="ok", Payload=b"{}")
    await platform.clock.advance(MINUTE_MS + 1000)

    async def figure(name: str, stat: str, **dimensions: str) -> float:
        return sum(await told(platform, "AWS/Lambda", name, stat, **dimensions))

    assert await figure("Invocations", "Sum", FunctionName="ok") == 2
    assert await figure("Errors", "Sum", FunctionName="ok") == 0
    assert await figure("Errors", "Sum", FunctionName="bad") == 1
    assert await figure("Throttles", "Sum", FunctionName="ok") == 1
    assert await figure("Duration", "Maximum", FunctionName="ok") == pytest.approx(20, abs=1)
    assert await figure("ConcurrentExecutions", "Maximum", FunctionName="ok") == 1
    assert await figure("Invocations", "Sum") == 3
    assert await figure("Throttles", "Sum") == 1
    listed = await platform("cloudwatch", "ListMetrics", Namespace="AWS/Lambda")
    assert len(listed["Metrics"]) == 25


async def test_queues(platform: MemoryPlatform) -> None:
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": "x" * 10} for number in range(3)]
    await platform("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    await platform("sqs", "SendMessage", QueueUrl=url, MessageBody="y", DelaySeconds=600)
    got = await platform("sqs", "ReceiveMessage", QueueUrl=url, VisibilityTimeout=600)
    handle = got["Messages"][0]["ReceiptHandle"]
    await platform("sqs", "ReceiveMessage", QueueUrl=url, VisibilityTimeout=600)
    await platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    await platform.clock.advance(MINUTE_MS + 1000)

    async def figure(name: str, stat: str = "Sum") -> list[float]:
        return await told(platform, "AWS/SQS", name, stat, QueueName="q")

    assert await figure("NumberOfMessagesSent") == [4]
    assert await figure("NumberOfMessagesReceived") == [2]
    assert await figure("NumberOfMessagesDeleted") == [1]
    assert await figure("SentMessageSize", "Average") == [31 / 4]
    depth = [f"ApproximateNumberOfMessages{each}" for each in ("Visible", "NotVisible", "Delayed")]
    assert [await figure(name, "Maximum") for name in depth] == [[1], [1], [1]]
    await platform.clock.advance(2 * MINUTE_MS)
    assert await figure(depth[0], "Maximum") == [1, 1, 1], "measured on while nobody asks"
    again = await platform.restart()
    await again.clock.advance(2 * MINUTE_MS)
    assert len(await told(again, "AWS/SQS", depth[0], "Maximum", QueueName="q")) == 5
    await again.clock.advance(7 * HOUR_MS)
    assert await told(again, "AWS/SQS", depth[0], "Maximum", QueueName="q") == []


async def test_rules(platform: MemoryPlatform) -> None:
    await platform("sqs", "CreateQueue", QueueName="q")
    pattern = json.dumps({"source": ["app"]})
    await platform("events", "PutRule", Name="r", EventPattern=pattern)
    targets: list[dict[str, Any]] = [
        {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"},
        {"Id": "2", "Arn": "arn:aws:sqs:us-east-1:000000000000:none"},
    ]
    await platform("events", "PutTargets", Rule="r", Targets=targets)
    entry = {"Source": "app", "DetailType": "t", "Detail": "{}"}
    await platform("events", "PutEvents", Entries=[entry])
    await platform.clock.advance(MINUTE_MS + 1000)
    for dimensions in ({"RuleName": "r"}, {}):
        assert await told(platform, "AWS/Events", "Invocations", "Sum", **dimensions) == [2]
        assert await told(platform, "AWS/Events", "FailedInvocations", "Sum", **dimensions) == [1]


async def test_an_orderly_stop_loses_nothing(platform: MemoryPlatform) -> None:
    await platform("sqs", "CreateQueue", QueueName="q")
    url = "http://localhost/000000000000/q"
    await platform("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    await platform.clock.run(platform.kernel.measures.close())
    platform = await platform.restart()
    await platform.clock.advance(1000)
    assert await told(platform, "AWS/SQS", "NumberOfMessagesSent", "Sum", QueueName="q") == [1]


async def test_an_alarm_on_a_queues_depth(platform: MemoryPlatform) -> None:
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await platform(
        "cloudwatch", "PutMetricAlarm", AlarmName="deep", Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible", Period=60, EvaluationPeriods=1,
        Dimensions=[{"Name": "QueueName", "Value": "q"}], Statistic="Maximum", Threshold=2,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip

    async def state() -> str:
        await platform.clock.advance(MINUTE_MS + 6000 - platform.clock.now_ms() % MINUTE_MS)
        found = await platform("cloudwatch", "DescribeAlarms")
        return str(found["MetricAlarms"][0]["StateValue"])

    assert await state() == "OK"
    for _ in range(2):
        await platform("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    assert await state() == "ALARM"
    await platform("sqs", "PurgeQueue", QueueUrl=url)
    assert await state() == "OK"
