"""Records out of Kinesis streams: every shard in order, each once, whatever happens in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.values.times import utc

from .conftest import Bench
from .test_records_pushed import engine, labels, listed, pipeline, reading, source


async def kinesis(bench: Bench, operation: str, **given: Any) -> Any:
    return await bench.platform("kinesis", operation, **given)


async def put(bench: Bench, *values: Any, key: str = "k") -> None:
    for value in values:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        await kinesis(bench, "PutRecord", StreamName="s", PartitionKey=key, Data=data)


async def stream(bench: Bench, shards: int = 1) -> None:
    await kinesis(bench, "CreateStream", StreamName="s", ShardCount=shards)
    await bench.passing(1000)


async def pulled(bench: Bench, **records: Any) -> None:
    await bench("CreateSource", Name="lobby", Url="kinesis:s", Records=records)
    await bench.passing(100)


async def numbers(bench: Bench) -> list[int]:
    return [each["record"]["n"] for each in await listed(bench, MaxResults=1000)]


async def test_what_comes_now(bench: Bench) -> None:
    await stream(bench)
    await put(bench, {"n": 0})
    await bench.passing(1000)
    await pulled(bench)
    told = await source(bench)
    assert told["State"] == "LIVE"
    assert told["Records"] == {"Format": "kinesis", "StartingPosition": "LATEST"}
    await put(bench, {"n": 1}, b"nonsense", {"n": 2})
    await bench.passing(100)
    assert await numbers(bench) == [1, 2]
    assert (await source(bench))["Counts"]["refused"] == 1


@pytest.mark.parametrize("is_arn", [True, False])
async def test_from_the_beginning(bench: Bench, is_arn: bool) -> None:
    await stream(bench, 2)
    for n in range(10):
        await put(bench, {"n": n}, key=str(n))
    url = "arn:aws:kinesis:us-east-1:000000000000:stream/s" if is_arn else "kinesis:s"
    given = {"StartingPosition": "TRIM_HORIZON"}
    await bench("CreateSource", Name="lobby", Url=url, Records=given)
    await bench.passing(100)
    assert sorted(await numbers(bench)) == list(range(10))


async def test_from_a_moment(bench: Bench) -> None:
    await stream(bench)
    await put(bench, {"n": 0})
    await bench.passing(5000)
    at = utc(bench.platform.clock.now_ms())
    await put(bench, {"n": 1})
    await pulled(bench, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=at)
    assert await numbers(bench) == [1]


async def test_a_crash_loses_nothing_and_doubles_nothing(bench: Bench) -> None:
    bench.programs["look.look"] = reading()
    await engine(bench)
    await stream(bench, 3)
    await pipeline(bench, "look", Push=False, Url="kinesis:s")
    for n in range(60):
        await put(bench, {"n": n}, key=str(n))
        if n % 9 == 4:
            await bench.restart()
        await bench.passing(37)
    await bench.restart()
    await bench.passing(5000)
    assert sorted(await numbers(bench)) == list(range(60))
    found = [int(each.split()[1]) for each in await labels(bench)]
    assert found == await numbers(bench)


async def test_latest_is_the_moment_when_it_was_made(bench: Bench) -> None:
    await stream(bench)
    await pulled(bench)
    await bench.platform.crash()
    other = bench.platform
    bench.platform = await other.restart()
    await put(bench, {"n": 0})
    await bench.restart()
    await bench.passing(1000)
    assert await numbers(bench) == [0]


async def test_shards_that_are_split_are_read_behind_one_another(bench: Bench) -> None:
    await stream(bench)
    await pulled(bench)
    await put(bench, *({"n": n} for n in range(5)))
    half = str(1 << 127)
    shard = "shardId-000000000000"
    await kinesis(bench, "SplitShard", StreamName="s", ShardToSplit=shard, NewStartingHashKey=half)
    await bench.passing(1000)
    for n in range(5, 15):
        await put(bench, {"n": n}, key=str(n))
    await bench.passing(60_000)
    found = await numbers(bench)
    assert found[:5] == [0, 1, 2, 3, 4] and sorted(found) == list(range(15))
    await bench.restart()
    await put(bench, {"n": 15})
    await bench.passing(60_000)
    assert sorted(await numbers(bench)) == list(range(16))


async def test_a_stream_that_is_not_there_yet(bench: Bench) -> None:
    await pulled(bench)
    told = await source(bench)
    assert told["State"] == "FAILED" and "ResourceNotFoundException" in told["StateReason"]
    await stream(bench)
    await bench.passing(30_000)
    await put(bench, {"n": 0})
    await bench.passing(1000)
    assert await numbers(bench) == [0]
    assert (await source(bench))["State"] == "LIVE"
