"""Records of Kafka topics reach their function, in order, whenever the power goes."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.memory_kafka import MemoryKafka
from pileus.testing.platform import Disks, MemoryPlatform
from tests.fault.simulation import Simulation, crash_everywhere

SOURCE: dict[str, Any] = {
    "FunctionName": "f",
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka.test:9092"]}},
    "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"},
    "Topics": ["topic"],
}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:failed"


class World:
    """What is beside the platform: a cluster for each simulation, and what the function was handed."""

    def __init__(self, folder: Path, seed: int, failing: float) -> None:
        self.kafka: MemoryKafka
        self.batches: list[list[str]] = []
        self.succeeded: list[str] = []
        self._chance = random.Random(seed)
        self._failing = failing
        self._disks: Disks | None = None
        self._compute = ScriptedCompute(folder, {"app.work": Program(self._handle)})

    def __call__(self, platform: MemoryPlatform) -> None:
        """See Preparation: the cluster outlives the platform."""
        if platform.disks is not self._disks:
            self._disks = platform.disks
            self.kafka = self._compute.kafka = MemoryKafka(platform.clock)
            self.kafka.add_topic("topic", 2)
            self.batches, self.succeeded = [], []
        self._compute(platform)

    def _handle(self, invocation: Invocation, number: int) -> Answer:
        told = json.loads(invocation.payload)["records"].values()
        texts = [base64.b64decode(each["value"]).decode() for records in told for each in records]
        self.batches.append(texts)
        if self._chance.random() < self._failing:
            return Answer(b"{}", is_error=True, duration_s=0.05)
        self.succeeded += texts
        return Answer(b"null", duration_s=0.05)


async def _prepare(simulation: Simulation) -> None:
    await add_role(simulation)
    await add_function(simulation, "f", "app.work")


async def test_no_record_of_a_topic_is_lost(seed: int, tmp_path: Path) -> None:
    world = World(tmp_path, seed, 0.2)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _prepare(simulation)
        given = {**SOURCE, "StartingPosition": "TRIM_HORIZON", "BatchSize": 2}
        await simulation("lambda", "CreateEventSourceMapping", **given)
        notes["asked"] = set()
        for number in range(3):
            for partition, key in enumerate("ab"):
                notes["asked"].add(f"{key}{number}")
                world.kafka.produce("topic", f"{key}{number}".encode(), partition=partition)
            await simulation.rest(700)
        await simulation.rest(3000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "asked" not in notes:
            return
        await simulation.rest(120_000)
        found = world.succeeded
        assert set(found) == notes["asked"], f"lost: {world.batches}"
        for key in "ab":
            firsts = [text for text in dict.fromkeys(found) if text[0] == key]
            assert firsts == sorted(firsts), f"out of order: {found}"
        assert max(found.count(text) for text in found) <= 3, f"repeated too often: {found}"
        ends = {place: len(records) for place, records in enumerate(world.kafka.lists("topic"))}
        assert world.kafka.committed["g", "topic"] == ends

    given = {"prepare": world, "is_cut_again": True}
    assert await crash_everywhere(scenario, check, seed, **given) > 10


async def test_batch_that_ended_is_not_repeated_although_the_group_never_heard_of_it(
    seed: int, tmp_path: Path
) -> None:
    world = World(tmp_path, seed, 0.0)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _prepare(simulation)
        given = {**SOURCE, "StartingPosition": "TRIM_HORIZON"}
        await simulation("lambda", "CreateEventSourceMapping", **given)
        notes["is_made"] = True
        await simulation.rest(1000)
        for number in range(3):
            world.kafka.produce("topic", b"a%d" % number, partition=0)
            await simulation.rest(1000)
        notes["is_done"] = True

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "is_made" not in notes:
            return
        await simulation.rest(60_000)
        found = world.succeeded
        # Only the one batch that was with its function when the power went may come again.
        assert len(found) <= len(set(found)) + 1, f"repeated: {found}"
        if "is_done" in notes:
            assert found == ["a0", "a1", "a2"]

    assert await crash_everywhere(scenario, check, seed, prepare=world) > 5


async def test_records_that_are_given_up_are_told_once(seed: int, tmp_path: Path) -> None:
    world = World(tmp_path, seed, 1.0)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _prepare(simulation)
        await simulation("sqs", "CreateQueue", QueueName="failed")
        given = {
            **SOURCE, "StartingPosition": "TRIM_HORIZON", "BatchSize": 1, "MaximumRetryAttempts": 1,
            "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 1},
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        }  # fmt: skip
        await simulation("lambda", "CreateEventSourceMapping", **given)
        notes["asked"] = []
        for number in range(3):
            world.kafka.produce("topic", b"a%d" % number, partition=0)
            notes["asked"].append(str(number))
        await simulation.rest(10_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "asked" not in notes:
            return
        await simulation.rest(120_000)
        url = (await simulation("sqs", "GetQueueUrl", QueueName="failed"))["QueueUrl"]
        found: list[str] = []
        given = {"QueueUrl": url, "MaxNumberOfMessages": 10}
        while page := (await simulation("sqs", "ReceiveMessage", **given)).get("Messages"):
            told = [json.loads(message["Body"])["KafkaBatchInfo"] for message in page]
            found += [each["recordsInfo"]["topic-0"]["firstRecordOffset"] for each in told]
        assert sorted(found) == notes["asked"], f"lost or told twice: {found}"

    assert await crash_everywhere(scenario, check, seed, prepare=world) > 10
