"""What does the platform itself take of the CPU for a durable call?

The whole tree of its processes, user and system time, under a moderate load (16 connections), so that
commits are shared as in use. The floors are what ministack 1.x was seen to take for the same calls in
memory only (the project's FACTS, section 7).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from statistics import median

from benches.apparatus import wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.machine import cpu_s
from benches.apparatus.processes import LoadClient, Running, ask, call, platform

_CONNECTIONS = 16
_DISTINCT = 512
_FLOOR_NAME = "ministack, not durable"


def run(effort: Effort) -> list[Figure]:
    """DynamoDB PutItem, S3 PutObject of 1 KiB, SQS send + receive + delete."""
    figures = []
    questions = (
        ("platform CPU per durable DynamoDB put", put_item, 0.5, 0.25),
        ("platform CPU per durable S3 put of 1 KiB", put_object, 0.6, 0.3),
        ("platform CPU per SQS send + receive + delete", message, 1.2, 0.6),
    )
    for name, measure, floor_ms, at_most_ms in questions:
        with LoadClient() as client, platform() as running:
            measure(client, running, _count(effort))
            rounds = [measure(client, running, _count(effort)) for _ in range(effort.rounds)]
        reach = Reach(is_at_most=True, of_value=at_most_ms)
        figures.append(Figure(name, median(rounds), "ms", floor_ms, _FLOOR_NAME, reach))
    return figures


def _count(effort: Effort) -> int:
    return 1000 if effort.is_quick else 5000


def _cpu_ms_each(running: Running, count: int, work: Callable[[], None]) -> float:
    before_s = cpu_s(running.pid)
    work()
    return (cpu_s(running.pid) - before_s) / count * 1000


def put_item(client: LoadClient, running: Running, count: int) -> float:
    """Items of about 200 B under keys that all differ."""
    table = f"bench-{os.urandom(4).hex()}"
    ask(
        running.port,
        "dynamodb",
        "DynamoDB_20120810.CreateTable",
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    requests = [
        wire.json_call(
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            {
                "TableName": table,
                "Item": {
                    "id": {"S": f"item-{index}"},
                    "at": {"N": str(index)},
                    "text": {"S": "t" * 160},
                },
            },
            running.port,
        )
        for index in range(count)
    ]
    target = Target(running.port, requests)
    return _cpu_ms_each(
        running, count, lambda: client.send(target, connections=_CONNECTIONS, count=count)
    )


def put_object(client: LoadClient, running: Running, count: int) -> float:
    """Objects of 1 KiB under keys that all differ."""
    bucket = f"bench-{os.urandom(4).hex()}"
    call(running.port, wire.signed("s3", "PUT", f"/{bucket}", {}, b"", port=running.port))
    requests = [
        wire.put_object(bucket, f"object-{index}", os.urandom(1024), running.port)
        for index in range(count)
    ]
    target = Target(running.port, requests)
    return _cpu_ms_each(
        running, count, lambda: client.send(target, connections=_CONNECTIONS, count=count)
    )


def message(client: LoadClient, running: Running, count: int) -> float:
    """Send, receive and delete, a message a call."""
    port = running.port
    given = {"QueueName": f"bench-{os.urandom(4).hex()}"}
    url = ask(port, "sqs", "AmazonSQS.CreateQueue", **given)["QueueUrl"]
    body = "m" * 256
    send = _sqs("SendMessage", port, QueueUrl=url, MessageBody=body)
    receive = _sqs("ReceiveMessage", port, QueueUrl=url)
    spent_ms = _cpu_ms_each(
        running,
        count,
        lambda: client.send(Target(port, [send]), connections=_CONNECTIONS, count=count),
    )
    before_s = cpu_s(running.pid)
    answers = client.answers(Target(port, [receive]), connections=_CONNECTIONS, count=count)
    spent_ms += (cpu_s(running.pid) - before_s) / count * 1000
    handles = [
        json.loads(found[1]) for answer in answers if (found := _HANDLE.search(answer)) is not None
    ]
    if len(handles) < count * 0.99:
        raise RuntimeError(f"{count} messages were sent and {len(handles)} received")
    deletes = [_sqs("DeleteMessage", port, QueueUrl=url, ReceiptHandle=each) for each in handles]
    return spent_ms + _cpu_ms_each(
        running,
        len(deletes),
        lambda: client.send(Target(port, deletes), connections=_CONNECTIONS, count=len(deletes)),
    )


_HANDLE = re.compile(r'"ReceiptHandle":\s*("[^"]+")')


def _sqs(operation: str, port: int, **given: str) -> bytes:
    return wire.json_call("sqs", f"AmazonSQS.{operation}", given, port)
