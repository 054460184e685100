"""The main job's way from a put to a queue, cut at every commit: nothing lost, no event twice."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from tests.fault.simulation import Simulation, crash_everywhere

PREFIX = "arn:aws:{}:us-east-1:000000000000:"
FUNCTION = PREFIX.format("lambda") + "function:ingress"
QUEUE = PREFIX.format("sqs") + "told"
BUS = PREFIX.format("events") + "event-bus/default"
PUTS = 3


class Ingress:
    """Completed runs by the object they were about, over both lives."""

    def __init__(self, seed: int) -> None:
        self.completed: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self._chance = random.Random(seed)

    def program(self) -> Program:
        """Takes a while; now and then the first attempt at an object fails."""

        def handle(invocation: Invocation, number: int) -> Answer:
            (record,) = json.loads(invocation.payload)["Records"]
            key = record["s3"]["object"]["key"]
            self.begun[key] += 1
            if self.begun[key] == 1 and self._chance.random() < 0.4:
                return Answer(b'{"errorMessage": "now and then"}', True, duration_s=0.1)
            self.completed[key] += 1
            return Answer(json.dumps({"analysed": key}).encode(), duration_s=0.3)

        return Program(handle)


async def _prepare(simulation: Simulation) -> None:
    await add_role(simulation)
    await add_function(simulation, "ingress", "app.ingress")
    await simulation("sqs", "CreateQueue", QueueName="told")
    pattern = {"detail": {"responsePayload": {"analysed": [{"exists": True}]}}}
    await simulation("events", "PutRule", Name="r", EventPattern=json.dumps(pattern))
    await simulation("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])
    await simulation(
        "lambda", "PutFunctionEventInvokeConfig", FunctionName="ingress",
        DestinationConfig={"OnSuccess": {"Destination": BUS}},
    )  # fmt: skip
    await simulation("s3", "CreateBucket", Bucket="videos")
    wanted = [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}]
    await simulation(
        "s3", "PutBucketNotificationConfiguration", Bucket="videos",
        NotificationConfiguration={"LambdaFunctionConfigurations": wanted},
        SkipDestinationValidation=True,
    )  # fmt: skip


async def _told(simulation: Simulation) -> list[dict[str, Any]]:
    """Every event in the queue."""
    url = (await simulation("sqs", "GetQueueUrl", QueueName="told"))["QueueUrl"]
    found = []
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            handle = message["ReceiptHandle"]
            await simulation("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    return found


@pytest.mark.parametrize("is_cut_again", [False, True])
async def test_every_put_is_analysed_and_told(
    seed: int, tmp_path: Path, is_cut_again: bool
) -> None:
    lives: list[Ingress] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        lives.append(Ingress(seed))
        compute.programs["app.ingress"] = lives[-1].program()
        notes.update(acknowledged=set(), asked=set())
        await _prepare(simulation)
        notes["ready"] = True
        for number in range(PUTS):
            key = f"lobby/{number}.mkv"
            notes["asked"].add(key)
            # Small ones lie in State, larger ones in Blobs.
            body = bytes(100 if number % 2 else 40_000)
            await simulation("s3", "PutObject", Bucket="videos", Key=key, Body=body)
            notes["acknowledged"].add(key)
            await simulation.rest(200)
        await simulation.rest(1_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        await simulation.rest(900_000)
        events = await _told(simulation)
        ids = Counter(event["id"] for event in events)
        assert set(ids.values()) <= {1}, f"an event came twice: {ids} "
        told = {event["detail"]["responsePayload"]["analysed"] for event in events}
        completed = set(lives[-1].completed)
        assert notes["acknowledged"] <= told <= notes["asked"], f"lost or invented: {told}"
        assert notes["acknowledged"] <= completed <= notes["asked"], f"not run: {completed}"
        requests = Counter(event["detail"]["requestContext"]["requestId"] for event in events)
        assert set(requests.values()) <= {1}, f"an end was told twice: {requests}"

    lives_cut = await crash_everywhere(
        scenario, check, seed, prepare=compute, is_cut_again=is_cut_again
    )
    assert lives_cut > 25
