"""kinesis as boto3 and the AWS CLI see it, and a power cut amid many puts."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.live import PYTHON, REGION, LivePlatform

SHARD = "shardId-000000000000"
WRITERS = 4
PUTS = 1_500


def client(platform: LivePlatform) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=platform.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="module")
def kinesis(live_platform: LivePlatform) -> Any:
    return client(live_platform)


def made(kinesis: Any, name: str, shards: int = 1) -> str:
    """The ARN of a new stream."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    summary = kinesis.describe_stream_summary(StreamName=name)
    return str(summary["StreamDescriptionSummary"]["StreamARN"])


def read_all(kinesis: Any, name: str, shard: str = SHARD) -> list[dict[str, Any]]:
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records: list[dict[str, Any]] = []
    while at:
        told = kinesis.get_records(ShardIterator=at)
        records += told["Records"]
        if not told["MillisBehindLatest"] and not told["Records"]:
            break
        at = told.get("NextShardIterator")
    return records


def test_boto3_puts_and_reads(kinesis: Any) -> None:
    made(kinesis, "plain")
    kinesis.put_record(StreamName="plain", Data=b"\x00\xff", PartitionKey="é")
    kinesis.put_records(
        StreamName="plain", Records=[{"Data": b"%d" % at, "PartitionKey": "k"} for at in range(3)]
    )
    records = read_all(kinesis, "plain")
    assert [record["Data"] for record in records] == [b"\x00\xff", b"0", b"1", b"2"]
    assert records[0]["PartitionKey"] == "é"
    numbers = [int(record["SequenceNumber"]) for record in records]
    assert numbers == sorted(numbers)


def test_boto3_reads_across_a_split_and_knows_errors_by_class(kinesis: Any) -> None:
    made(kinesis, "split")
    kinesis.put_record(StreamName="split", Data=b"before", PartitionKey="k")
    kinesis.split_shard(StreamName="split", ShardToSplit=SHARD, NewStartingHashKey=str(1 << 127))
    kinesis.put_record(StreamName="split", Data=b"after", PartitionKey="k", ExplicitHashKey="0")
    assert [r["Data"] for r in read_all(kinesis, "split")] == [b"before"]
    assert [r["Data"] for r in read_all(kinesis, "split", "shardId-000000000001")] == [b"after"]
    page = kinesis.list_shards(StreamName="split", MaxResults=2)
    rest = kinesis.list_shards(NextToken=page["NextToken"])
    assert [s["ShardId"][-1] for s in page["Shards"] + rest["Shards"]] == ["0", "1", "2"]
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream(StreamName="never-made")


def test_boto3_subscribes_to_a_shard(kinesis: Any) -> None:
    arn = made(kinesis, "pushed")
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    kinesis.put_record(StreamName="pushed", Data=b"0", PartitionKey="k")
    stream = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId=SHARD,
        StartingPosition={"Type": "TRIM_HORIZON"},
    )["EventStream"]
    seen: list[bytes] = []
    for event in stream:
        seen += [record["Data"] for record in event["SubscribeToShardEvent"]["Records"]]
        if len(seen) == 3:
            break
        kinesis.put_record(StreamName="pushed", Data=b"%d" % len(seen), PartitionKey="k")
    stream.close()
    assert seen == [b"0", b"1", b"2"]


def test_the_aws_cli_puts_and_reads(live_platform: LivePlatform) -> None:
    aws = _aws(live_platform)
    aws("create-stream", "--stream-name", "typed", "--shard-count", "1")
    put = aws("put-record", "--stream-name", "typed", "--partition-key", "k", "--data", "hello")
    assert put["ShardId"] == SHARD
    at = aws(
        "get-shard-iterator", "--stream-name", "typed", "--shard-id", SHARD,
        "--shard-iterator-type", "TRIM_HORIZON",
    )  # fmt: skip
    read = aws("get-records", "--shard-iterator", at["ShardIterator"])
    assert [record["Data"] for record in read["Records"]] == ["aGVsbG8="]


def _aws(platform: LivePlatform) -> Callable[..., Any]:
    def run(*words: str) -> Any:
        command = [PYTHON, "-m", "awscli", "kinesis", *words, "--endpoint-url", platform.endpoint]
        done = subprocess.run(
            command, capture_output=True, text=True, env=platform.environment(), timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    return run


def test_a_power_cut_loses_no_acknowledged_record(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform()
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=WRITERS)
    acknowledged: list[list[bytes]] = [[] for _ in range(WRITERS)]
    enough = threading.Event()

    def write(number: int) -> None:
        hash_key = str(((1 << 128) // WRITERS) * number + 5)
        for at in range(PUTS):
            try:
                data = b"%d" % at
                kinesis.put_record(
                    StreamName="s", Data=data, PartitionKey="k", ExplicitHashKey=hash_key
                )
            except (BotoCoreError, ClientError):
                return
            acknowledged[number].append(data)
            if at == 200:
                enough.set()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    platform.kill()
    for writer in writers:
        writer.join(60)
    platform.start()
    kinesis = client(platform)
    for number in range(WRITERS):
        kept = [r["Data"] for r in read_all(kinesis, "s", f"shardId-{number:012d}")]
        count = len(acknowledged[number])
        assert kept[:count] == acknowledged[number]
        assert len(kept) <= count + 1, "at most the put that was not answered"
