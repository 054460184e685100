"""A platform whose functions are scripted programs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Exit, ExitReason, Invocation
from pileus.testing.compute import ScriptedCompute, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.memory_kafka import MemoryKafka
from pileus.testing.platform import Disks, MemoryPlatform
from pileus.values.errors import ServiceError

FAILURE = {"errorMessage": "no", "errorType": "Exception", "requestId": "", "stackTrace": []}


class Recorder:
    """Every event that a program was handed, with what it was told of itself."""

    def __init__(self) -> None:
        self.invocations: list[Invocation] = []

    @property
    def events(self) -> list[Any]:
        """Payloads, decoded."""
        return [json.loads(invocation.payload) for invocation in self.invocations]

    @property
    def bodies(self) -> list[list[str]]:
        """Message bodies of the batches of a queue."""
        return [[record["body"] for record in event["Records"]] for event in self.events]

    def program(self, answer: Answer | None = None) -> Program:
        """Notes the event and gives ``answer``, by default the event."""

        def handle(invocation: Invocation, number: int) -> Answer:
            self.invocations.append(invocation)
            return answer or Answer(invocation.payload)

        return Program(handle)


def programs(recorder: Recorder) -> dict[str, Program]:
    error = Answer(json.dumps(FAILURE).encode(), is_error=True)
    return {
        "app.echo": recorder.program(),
        "app.fail": recorder.program(error),
        "app.slow": recorder.program(Answer(b'"slow"', duration_s=2.0)),
        "app.minute": recorder.program(Answer(b'"slow"', duration_s=60.0)),
        "app.hang": recorder.program(Answer(duration_s=10_000.0)),
        "app.stream": recorder.program(
            Answer(b"", parts=(b"one ", b"two"), content_type="text/x", duration_s=1.0)
        ),
        "app.half": recorder.program(
            Answer(json.dumps(FAILURE).encode(), is_error=True, parts=(b"one ",))
        ),
        "app.exit": recorder.program(Answer(exit=Exit(ExitReason.EXITED, code=1))),
    }


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def disks() -> Disks:
    return Disks()


@pytest.fixture
def kafka(disks: Disks) -> MemoryKafka:
    """A cluster with an empty topic ``orders``."""
    kafka = MemoryKafka(disks.clock)
    kafka.add_topic("orders")
    return kafka


@pytest.fixture
def compute(tmp_path: Path, recorder: Recorder, kafka: MemoryKafka) -> ScriptedCompute:
    return ScriptedCompute(tmp_path, programs(recorder), kafka=kafka)


@pytest.fixture
async def platform(disks: Disks, compute: ScriptedCompute) -> AsyncIterator[MemoryPlatform]:
    platform = await MemoryPlatform.start(disks, prepare=compute)
    await add_role(platform)
    yield platform
    await platform.crash()


async def refused(
    platform: MemoryPlatform, operation: str, service: str = "lambda", **given: Any
) -> tuple[str, int, str]:
    """Code, status and message of the error that a call must end in."""
    with pytest.raises(ServiceError) as caught:
        await platform(service, operation, **given)
    return caught.value.code, caught.value.status, caught.value.message


async def add_queue(platform: MemoryPlatform, name: str, **attributes: str) -> str:
    """A queue; its ARN."""
    await platform("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    return f"arn:aws:sqs:us-east-1:000000000000:{name}"


async def drained(platform: MemoryPlatform, name: str) -> list[dict[str, Any]]:
    """Receive and delete every message of a queue."""
    url = (await platform("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
    found: list[dict[str, Any]] = []
    given = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    while page := (await platform("sqs", "ReceiveMessage", QueueUrl=url, **given)).get("Messages"):
        for message in page:
            handle = message["ReceiptHandle"]
            await platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
        found += page
    return found
