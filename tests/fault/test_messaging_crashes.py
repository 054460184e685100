"""Queues, topics, rules and the outbox lose nothing acknowledged, whenever the power goes."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.fault.simulation import Simulation, crash_everywhere

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:q"


async def _drain(simulation: Simulation, url: str) -> list[str]:
    """Every body that can still be received, each as often as it is there."""
    await simulation.rest(120_000)
    bodies = []
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            await simulation(
                "sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
            )
    return bodies


async def _queue(
    simulation: Simulation, notes: dict[str, Any], name: str = "q", **more: str
) -> str:
    output = await simulation("sqs", "CreateQueue", QueueName=name, Attributes=more)
    notes["url"] = output["QueueUrl"]
    return str(output["QueueUrl"])


async def test_queue_keeps_what_it_acknowledged(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        chance = random.Random(seed)
        notes.update(sent=set(), asked=set(), deleted=set(), maybe_deleted=set())
        url = await _queue(simulation, notes)
        for index in range(8):
            body = f"m{index}"
            notes["asked"].add(body)
            await simulation(
                "sqs", "SendMessage", QueueUrl=url, MessageBody=body,
                DelaySeconds=chance.choice([0, 0, 3]),
            )  # fmt: skip
            notes["sent"].add(body)
            if chance.random() < 0.5:
                output = await simulation("sqs", "ReceiveMessage", QueueUrl=url)
                for message in output.get("Messages", ()):
                    notes["maybe_deleted"].add(message["Body"])
                    handle = message["ReceiptHandle"]
                    await simulation("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
                    notes["deleted"].add(message["Body"])

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "url" not in notes:
            return
        left = await _drain(simulation, notes["url"])
        assert len(left) == len(set(left)), "a message came twice after it was deleted"
        assert notes["sent"] - notes["maybe_deleted"] <= set(left), (
            "an acknowledged message is lost"
        )
        assert not notes["deleted"] & set(left), "a deleted message came back"
        assert set(left) <= notes["asked"], "a message nobody sent"

    assert await crash_everywhere(scenario, check, seed) > 8


async def test_fifo_order_survives(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes.update(sent=[], asked=[])
        url = await _queue(
            simulation, notes, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true"
        )
        for index in range(6):
            notes["asked"].append(f"m{index}")
            given = {"MessageBody": f"m{index}", "MessageGroupId": "g"}
            await simulation("sqs", "SendMessage", QueueUrl=url, **given)
            notes["sent"].append(f"m{index}")

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "url" not in notes:
            return
        left = await _drain(simulation, notes["url"])
        assert left in (notes["sent"], notes["asked"]), f"order or content changed: {left}"

    await crash_everywhere(scenario, check, seed)


async def test_accepted_event_is_delivered_exactly_once_to_a_queue(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes.update(accepted=set(), asked=set())
        await _queue(simulation, notes)
        await simulation("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
        target = {"Id": "1", "Arn": QUEUE_ARN, "InputPath": "$.detail.n"}
        await simulation("events", "PutTargets", Rule="r", Targets=[target])
        notes["ready"] = True
        for index in range(5):
            notes["asked"].add(str(index))
            entry = {"Source": "app", "DetailType": "d", "Detail": json.dumps({"n": index})}
            await simulation("events", "PutEvents", Entries=[entry])
            notes["accepted"].add(str(index))
            await simulation.rest(1)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        got = await _drain(simulation, notes["url"])
        assert len(got) == len(set(got)), f"an event was counted twice: {got}"
        assert notes["accepted"] <= set(got) <= notes["asked"], f"lost or invented: {got}"

    await crash_everywhere(scenario, check, seed)


async def test_published_message_reaches_its_subscriber_once(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes.update(accepted=set(), asked=set())
        await _queue(simulation, notes)
        topic = (await simulation("sns", "CreateTopic", Name="t"))["TopicArn"]
        await simulation(
            "sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE_ARN,
            Attributes={"RawMessageDelivery": "true"},
        )  # fmt: skip
        notes["ready"] = True
        for index in range(5):
            notes["asked"].add(str(index))
            await simulation("sns", "Publish", TopicArn=topic, Message=str(index))
            notes["accepted"].add(str(index))

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        got = await _drain(simulation, notes["url"])
        assert len(got) == len(set(got)), f"delivered twice: {got}"
        assert notes["accepted"] <= set(got) <= notes["asked"], f"lost or invented: {got}"

    await crash_everywhere(scenario, check, seed)


async def test_schedule_goes_on_after_every_crash(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _queue(simulation, notes)
        await simulation("events", "PutRule", Name="r", ScheduleExpression="rate(1 minute)")
        target = {"Id": "1", "Arn": QUEUE_ARN, "InputPath": "$.time"}
        await simulation("events", "PutTargets", Rule="r", Targets=[target])
        notes["ready"] = True
        for _ in range(5):
            await simulation.rest(60_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        times = await _drain(simulation, notes["url"])
        assert len(times) == len(set(times)), f"fired twice for one time: {times}"
        assert len(times) >= 2, "the schedule stopped"

    await crash_everywhere(scenario, check, seed)
