"""Accepted events run, and their ends are told once, whenever the power goes."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from tests.fault.simulation import Simulation, crash_everywhere

QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Runs:
    """What functions did, over all lives: attempts and successes by event."""

    def __init__(self, seed: int) -> None:
        self.begun: Counter[str] = Counter()
        self._chance = random.Random(seed)

    def program(self) -> Program:
        """Takes a while, and fails now and then."""

        def handle(invocation: Invocation, number: int) -> Answer:
            event = json.loads(invocation.payload)
            self.begun[_name(event)] += 1
            fails = self._chance.random() < 0.3
            return Answer(b'{"errorMessage": "now and then"}', fails, duration_s=0.2)

        return Program(handle)


def _name(event: Any) -> str:
    """The number a test gave an event, by whichever way it came."""
    if "detail" in event:
        return str(event["detail"]["n"])
    if "Records" in event:
        return str(event["Records"][0].get("body") or event["Records"][0]["Sns"]["Message"])
    return str(event["n"])


async def _drain(simulation: Simulation, name: str) -> list[dict[str, Any]]:
    url = (await simulation("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
    found = []
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            handle = message["ReceiptHandle"]
            await simulation("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    return found


async def _prepared(simulation: Simulation, handler: str = "app.work") -> None:
    """A function whose ends are told to one queue for each of the two."""
    await add_role(simulation)
    await add_function(simulation, "f", handler)
    destinations = {}
    for key, name in (("OnSuccess", "done"), ("OnFailure", "failed")):
        await simulation("sqs", "CreateQueue", QueueName=name)
        destinations[key] = {"Destination": QUEUE + name}
    await simulation(
        "lambda", "PutFunctionEventInvokeConfig", FunctionName="f", DestinationConfig=destinations
    )


async def test_accepted_events_run_and_are_told_once(seed: int, tmp_path: Path) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed))
        compute.programs["app.work"] = runs[-1].program()
        notes.update(accepted=set(), asked=set())
        await _prepared(simulation)
        notes["ready"] = True
        for number in range(4):
            # One of them is too large to lie in State.
            payload = {"n": number, "filler": "x" * (40_000 if number == 2 else 0)}
            notes["asked"].add(str(number))
            await simulation(
                "lambda", "Invoke", FunctionName="f", InvocationType="Event",
                Payload=json.dumps(payload).encode(),
            )  # fmt: skip
            notes["accepted"].add(str(number))
        await simulation.rest(500)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        await simulation.rest(600_000)
        done, failed = await _drain(simulation, "done"), await _drain(simulation, "failed")
        told = Counter(_name(record["requestPayload"]) for record in done + failed)
        assert set(told.values()) <= {1}, f"an end was told more than once: {told}"
        assert notes["accepted"] <= set(told) <= notes["asked"], f"lost or invented: {told}"
        begun = runs[-1].begun
        assert set(told) <= set(begun), "told without having run"
        left = await simulation.disks.blobs.list("000000000000/us-east-1/lambda/async/")
        assert left == [], "a payload was left behind"

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 20


async def test_events_from_rules_and_topics_run_once_each(seed: int, tmp_path: Path) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed))
        compute.programs["app.work"] = runs[-1].program()
        notes.update(accepted=set(), asked=set())
        await _prepared(simulation)
        await simulation("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
        targets = [{"Id": "1", "Arn": FUNCTION}]
        await simulation("events", "PutTargets", Rule="r", Targets=targets)
        topic = (await simulation("sns", "CreateTopic", Name="t"))["TopicArn"]
        await simulation("sns", "Subscribe", TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)
        notes["ready"] = True
        for number in range(2):
            notes["asked"] |= {f"e{number}", f"t{number}"}
            detail = json.dumps({"n": f"e{number}"})
            entry = {"Source": "app", "DetailType": "d", "Detail": detail}
            await simulation("events", "PutEvents", Entries=[entry])
            notes["accepted"].add(f"e{number}")
            await simulation("sns", "Publish", TopicArn=topic, Message=f"t{number}")
            notes["accepted"].add(f"t{number}")
        await simulation.rest(500)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        await simulation.rest(900_000)
        done, failed = await _drain(simulation, "done"), await _drain(simulation, "failed")
        told = Counter(_name(record["requestPayload"]) for record in done + failed)
        assert set(told.values()) <= {1}, f"an event was accepted more than once: {told}"
        assert notes["accepted"] <= set(told) <= notes["asked"], f"lost or invented: {told}"

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 30


async def test_queue_source_loses_no_message(seed: int, tmp_path: Path) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed))
        compute.programs["app.work"] = runs[-1].program()
        notes.update(sent=set())
        await add_role(simulation)
        await add_function(simulation, "f", "app.work")
        url = (await simulation("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
        given = {"EventSourceArn": QUEUE + "q", "FunctionName": "f", "BatchSize": 1}
        await simulation("lambda", "CreateEventSourceMapping", **given)
        notes["ready"] = True
        for number in range(3):
            await simulation("sqs", "SendMessage", QueueUrl=url, MessageBody=f"{number + 1}")
            notes["sent"].add(f"{number + 1}")
            await simulation.rest(300)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        await simulation.rest(600_000)
        assert notes["sent"] <= set(runs[-1].begun), f"lost: {runs[-1].begun}"
        assert await _drain(simulation, "q") == [], "a message was dealt with and stayed"

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 15
