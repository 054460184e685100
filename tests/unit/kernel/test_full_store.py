"""While a store cannot write, what is durable waits; afterwards it goes on as if nothing had been."""

from __future__ import annotations

import json

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import StoreUnavailable

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


async def test_deliveries_and_timers_wait_for_the_store(memory_platform: MemoryPlatform) -> None:
    platform, base = memory_platform, memory_platform.disks.state
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    target = {"Id": "1", "Arn": QUEUE}
    await platform("events", "PutTargets", Rule="r", Targets=[target])
    await platform("events", "PutRule", Name="s", ScheduleExpression="rate(1 minute)")
    await platform("events", "PutTargets", Rule="s", Targets=[target])
    entry = {"Source": "app", "DetailType": "d", "Detail": json.dumps({"n": 1})}

    def fill(record: dict[str, object]) -> None:
        if record["kind"] == "delivery":
            base.failure = OSError(28, "No space left on device")

    forget = platform.kernel.add_observer(fill)
    await platform("events", "PutEvents", Entries=[entry])
    await platform.clock.settle()
    forget()
    assert platform.kernel.outbox.pending == 1
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        await platform("sqs", "SendMessage", QueueUrl=url, MessageBody="refused")
    # Longer than a delivery to a target that fails would be tried.
    await platform.clock.advance(30 * 3600 * 1000)
    base.failure = None
    await platform.clock.advance(6_000)
    events = await _events(platform, url)
    assert [event for event in events if event["source"] == "app"]
    assert [event for event in events if event["source"] == "aws.events"]
    assert platform.kernel.outbox.pending == 0
    before = len(events)
    await platform.clock.advance(120_000)
    assert len(await _events(platform, url)) >= 2, f"the schedule stopped after {before}"


async def _events(platform: MemoryPlatform, url: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while messages := (
        await platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            handle = message["ReceiptHandle"]
            await platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    return found
