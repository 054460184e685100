"""Streams tell exactly what happened, whenever the power goes."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.fault.simulation import Simulation, crash_everywhere

SPECIFICATION = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


async def _changes(simulation: Simulation, arn: str) -> list[dict[str, Any]]:
    """Every record of a table's stream."""
    told = await simulation("dynamodbstreams", "DescribeStream", StreamArn=arn)
    (shard,) = told["StreamDescription"]["Shards"]
    start = await simulation(
        "dynamodbstreams", "GetShardIterator", StreamArn=arn, ShardId=shard["ShardId"],
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await simulation("dynamodbstreams", "GetRecords", ShardIterator=start["ShardIterator"])
    found: list[dict[str, Any]] = read["Records"]
    return found


def _replayed(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The table that the records tell of; each must follow from the one before."""
    table: dict[str, Any] = {}
    for record in records:
        told = record["dynamodb"]
        key = told["Keys"]["pk"]["S"]
        assert table.get(key) == told.get("OldImage"), f"not what was there before: {record}"
        if told.get("NewImage") is None:
            del table[key]
        else:
            table[key] = told["NewImage"]
    return table


async def test_a_stream_and_its_table_tell_the_same(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        chance = random.Random(seed)
        notes["counted"] = 0
        made = await simulation(
            "dynamodb", "CreateTable", TableName="tab",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST", StreamSpecification=SPECIFICATION,
        )  # fmt: skip
        notes["arn"] = made["TableDescription"]["LatestStreamArn"]
        ttl = {"Enabled": True, "AttributeName": "until"}
        await simulation(
            "dynamodb", "UpdateTimeToLive", TableName="tab", TimeToLiveSpecification=ttl
        )
        for index in range(8):
            item = {"pk": {"S": chance.choice("abc")}, "n": {"N": str(index)}}
            if chance.random() < 0.3:
                item["until"] = {"N": str(simulation.platform.clock.now_ms() // 1000 + 30)}
            other = {"pk": {"S": f"x{index}"}}
            await simulation(
                "dynamodb", "TransactWriteItems",
                TransactItems=[
                    {"Put": {"TableName": "tab", "Item": item}},
                    {"Put": {"TableName": "tab", "Item": other}},
                ],
            )  # fmt: skip
            notes["counted"] += 1
            await simulation.rest(20_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "arn" not in notes:
            return
        await simulation.rest(120_000)
        records = await _changes(simulation, notes["arn"])
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers)), "out of order or twice"
        others = [r for r in records if r["dynamodb"]["Keys"]["pk"]["S"].startswith("x")]
        assert notes["counted"] <= len(others) <= notes["counted"] + 1
        items = (await simulation("dynamodb", "Scan", TableName="tab"))["Items"]
        assert _replayed(records) == {item["pk"]["S"]: item for item in items}

    assert await crash_everywhere(scenario, check, seed) > 8


async def test_a_data_stream_keeps_what_it_acknowledged_and_its_order(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes.update(asked=[], kept=[])
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        notes["ready"] = True
        for index in range(9):
            notes["asked"].append(b"%d" % index)
            given = {"Data": b"%d" % index, "PartitionKey": "k", "ExplicitHashKey": "5"}
            await simulation("kinesis", "PutRecord", StreamName="s", **given)
            notes["kept"].append(b"%d" % index)
            if index in (2, 5):
                parent = f"shardId-{0 if index == 2 else 1:012d}"
                at = "1000" if index == 2 else "100"
                await simulation(
                    "kinesis", "SplitShard", StreamName="s", ShardToSplit=parent,
                    NewStartingHashKey=at,
                )  # fmt: skip

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        shards = (await simulation("kinesis", "ListShards", StreamName="s"))["Shards"]
        found = []
        for shard in shards:
            if shard["HashKeyRange"]["StartingHashKey"] != "0":
                continue
            start = await simulation(
                "kinesis", "GetShardIterator", StreamName="s", ShardId=shard["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )  # fmt: skip
            read = await simulation("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
            found += [record["Data"] for record in read["Records"]]
        assert found in (notes["kept"], notes["asked"]), f"lost, doubled or out of order: {found}"

    await crash_everywhere(scenario, check, seed)


async def test_a_deleted_stream_leaves_nothing_behind(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        for _ in range(2):
            await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=2)
            given = {"Data": b"x", "PartitionKey": "k"}
            await simulation("kinesis", "PutRecord", StreamName="s", **given)
            await simulation("kinesis", "DeleteStream", StreamName="s")

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        named = (await simulation("kinesis", "ListStreams"))["StreamNames"]
        assert len(simulation.disks.log.topics()) <= len(named)

    await crash_everywhere(scenario, check, seed)


async def _all_data(simulation: Simulation, stream: str) -> list[bytes]:
    """What every shard of a data stream holds."""
    await simulation.rest(60_000)
    shards = (await simulation("kinesis", "ListShards", StreamName=stream))["Shards"]
    found = []
    for shard in shards:
        start = await simulation(
            "kinesis", "GetShardIterator", StreamName=stream, ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )  # fmt: skip
        read = await simulation("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
        found += [record["Data"] for record in read["Records"]]
    return found


async def test_an_accepted_event_lands_in_a_data_stream_once(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes.update(accepted=set(), asked=set())
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        await simulation("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
        arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
        target = {"Id": "1", "Arn": arn, "InputPath": "$.detail.n"}
        await simulation("events", "PutTargets", Rule="r", Targets=[target])
        notes["ready"] = True
        for index in range(5):
            notes["asked"].add(b"%d" % index)
            entry = {"Source": "app", "DetailType": "d", "Detail": f'{{"n": {index}}}'}
            await simulation("events", "PutEvents", Entries=[entry])
            notes["accepted"].add(b"%d" % index)
            await simulation.rest(1)
            if index == 2:
                await simulation(
                    "kinesis", "SplitShard", StreamName="s",
                    ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127),
                )  # fmt: skip

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        found = await _all_data(simulation, "s")
        assert len(found) == len(set(found)), f"an event came twice: {found}"
        assert notes["accepted"] <= set(found) <= notes["asked"], f"lost or invented: {found}"

    await crash_everywhere(scenario, check, seed, is_cut_again=True)


async def test_a_table_and_its_data_stream_tell_the_same(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        await simulation(
            "dynamodb", "CreateTable", TableName="tab",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )  # fmt: skip
        arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
        about = {"TableName": "tab", "StreamArn": arn}
        await simulation("dynamodb", "EnableKinesisStreamingDestination", **about)
        notes["ready"] = True
        chance = random.Random(seed)
        for index in range(6):
            item = {"pk": {"S": chance.choice("ab")}, "n": {"N": str(index)}}
            await simulation("dynamodb", "PutItem", TableName="tab", Item=item)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        records = [json.loads(data) for data in await _all_data(simulation, "s")]
        items = (await simulation("dynamodb", "Scan", TableName="tab"))["Items"]
        assert _replayed(records) == {item["pk"]["S"]: item for item in items}

    await crash_everywhere(scenario, check, seed)
