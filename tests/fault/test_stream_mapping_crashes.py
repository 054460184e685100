"""Records of streams reach their function, in order, whenever the power goes."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from tests.fault.simulation import Simulation, crash_everywhere

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:failed"


class Runs:
    """What the function was handed, over all lives; it fails now and then."""

    def __init__(self, seed: int, failing: float) -> None:
        self.batches: list[list[str]] = []
        self.succeeded: list[str] = []
        self._chance = random.Random(seed)
        self._failing = failing

    def handle(self, invocation: Invocation, number: int) -> Answer:
        """See Program."""
        texts = [_text(record) for record in json.loads(invocation.payload)["Records"]]
        self.batches.append(texts)
        if self._chance.random() < self._failing:
            return Answer(b"{}", is_error=True, duration_s=0.05)
        self.succeeded += texts
        return Answer(b"null", duration_s=0.05)


def _text(record: dict[str, Any]) -> str:
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    return f"{record['dynamodb']['Keys']['pk']['S']}{record['dynamodb']['NewImage']['n']['N']}"


def _in_order(texts: list[str]) -> bool:
    """Whether numbers of each key, as they first come, grow."""
    seen: dict[str, list[int]] = {}
    for text in dict.fromkeys(texts):
        seen.setdefault(text[0], []).append(int(text[1:]))
    return all(numbers == sorted(numbers) for numbers in seen.values())


def _check_runs(runs: Runs, notes: dict[str, Any], cuts: int) -> None:
    assert notes["kept"] <= set(runs.succeeded) <= notes["asked"], f"lost: {runs.batches}"
    assert _in_order(runs.succeeded), f"out of order: {runs.succeeded}"
    most = max((runs.succeeded.count(text) for text in runs.succeeded), default=0)
    assert most <= 1 + cuts, f"repeated what was not under way: {runs.succeeded}"


@pytest.mark.parametrize("parallel", [1, 3])
async def test_no_record_of_a_data_stream_is_lost(seed: int, tmp_path: Path, parallel: int) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed, 0.2))
        compute.programs["app.work"] = Program(runs[-1].handle)
        notes.update(kept=set(), asked=set())
        await add_role(simulation)
        await add_function(simulation, "f", "app.work")
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        await simulation(
            "lambda", "CreateEventSourceMapping", EventSourceArn=STREAM, FunctionName="f",
            StartingPosition="LATEST", BatchSize=2, ParallelizationFactor=parallel,
        )  # fmt: skip
        notes["ready"] = True
        for number in range(3):
            for key in "ab":
                notes["asked"].add(f"{key}{number}")
                given = {"Data": f"{key}{number}".encode(), "PartitionKey": key}
                await simulation("kinesis", "PutRecord", StreamName="s", **given)
                notes["kept"].add(f"{key}{number}")
            await simulation.rest(100)
            if number == 1:
                await simulation(
                    "kinesis", "SplitShard", StreamName="s",
                    ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127),
                )  # fmt: skip
        await simulation.rest(3000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" in notes:
            await simulation.rest(120_000)
            _check_runs(runs[-1], notes, cuts=2)

    given = {"prepare": compute, "is_cut_again": True}
    assert await crash_everywhere(scenario, check, seed, **given) > 15


async def test_no_change_of_a_table_is_lost(seed: int, tmp_path: Path) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed, 0.2))
        compute.programs["app.work"] = Program(runs[-1].handle)
        notes.update(kept=set(), asked=set())
        await add_role(simulation)
        await add_function(simulation, "f", "app.work")
        made = await simulation(
            "dynamodb", "CreateTable", TableName="tab", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )  # fmt: skip
        await simulation(
            "lambda", "CreateEventSourceMapping", FunctionName="f", BatchSize=2,
            EventSourceArn=made["TableDescription"]["LatestStreamArn"],
            StartingPosition="LATEST",
        )  # fmt: skip
        notes["ready"] = True
        for number in range(3):
            for key in "ab":
                notes["asked"].add(f"{key}{number}")
                item = {"pk": {"S": key}, "n": {"N": str(number)}}
                await simulation("dynamodb", "PutItem", TableName="tab", Item=item)
                notes["kept"].add(f"{key}{number}")
            await simulation.rest(100)
        await simulation.rest(3000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" in notes:
            await simulation.rest(120_000)
            _check_runs(runs[-1], notes, cuts=1)

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 10


async def test_records_that_are_given_up_are_told_once(seed: int, tmp_path: Path) -> None:
    runs: list[Runs] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        runs.append(Runs(seed, 1.0))
        compute.programs["app.work"] = Program(runs[-1].handle)
        notes.update(kept=0, asked=0)
        await add_role(simulation)
        await add_function(simulation, "f", "app.work")
        await simulation("sqs", "CreateQueue", QueueName="failed")
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        await simulation(
            "lambda", "CreateEventSourceMapping", EventSourceArn=STREAM, FunctionName="f",
            StartingPosition="TRIM_HORIZON", BatchSize=1, MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        )  # fmt: skip
        notes["ready"] = True
        for number in range(4):
            notes["asked"] += 1
            given = {"Data": b"a%d" % number, "PartitionKey": "a"}
            await simulation("kinesis", "PutRecord", StreamName="s", **given)
            notes["kept"] += 1
        await simulation.rest(3000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        await simulation.rest(120_000)
        url = (await simulation("sqs", "GetQueueUrl", QueueName="failed"))["QueueUrl"]
        found: list[str] = []
        given = {"QueueUrl": url, "MaxNumberOfMessages": 10}
        while page := (await simulation("sqs", "ReceiveMessage", **given)).get("Messages"):
            told = [json.loads(message["Body"])["KinesisBatchInfo"] for message in page]
            found += [each["startSequenceNumber"] for each in told]
        assert len(found) == len(set(found)), f"told twice: {found}"
        assert notes["kept"] <= len(found) <= notes["asked"], f"lost: {found}"

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 10
