"""A Kafka cluster in memory with a function behind a topic, for the tests of topics' mappings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

SERVERS = ["kafka-1.test:9092", "kafka-2.test:9092"]
ERROR = Answer(b'{"errorMessage": "no", "errorType": "Exception"}', is_error=True)
SOURCE: dict[str, Any] = {
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": SERVERS}},
    "Topics": ["orders"],
    "FunctionName": "f",
}
PROVISIONED = {"ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 1}}


async def map_topic(platform: MemoryPlatform, **more: Any) -> dict[str, Any]:
    """A mapping of topic ``orders`` from the trim horizon to function ``f``."""
    given = {**SOURCE, "StartingPosition": "TRIM_HORIZON", **more}
    return await platform("lambda", "CreateEventSourceMapping", **given)


async def shown(platform: MemoryPlatform, made: dict[str, Any]) -> dict[str, Any]:
    """The mapping as it is now."""
    return await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])


def records_of(event: Any) -> list[Any]:
    """Of all partitions."""
    return [record for records in event["records"].values() for record in records]


def texts_of(event: Any) -> list[str]:
    """What the records of an event hold."""
    return [base64.b64decode(record["value"]).decode() for record in records_of(event)]


class Function:
    """Function ``f``: notes every event and answers as ``decide`` says of its texts."""

    def __init__(self, decide: Callable[[list[str], Any], Answer] | None = None) -> None:
        self.events: list[Any] = []
        self._decide = decide or (lambda texts, event: Answer(b"null"))

    @property
    def batches(self) -> list[list[str]]:
        """Texts, by batch."""
        return [texts_of(event) for event in self.events]

    def handle(self, invocation: Invocation, number: int) -> Answer:
        """See Program."""
        event = json.loads(invocation.payload)
        self.events.append(event)
        return self._decide(texts_of(event), event)

    async def add(self, platform: MemoryPlatform, compute: ScriptedCompute, **more: Any) -> None:
        """Make it known as ``f``."""
        compute.programs["app.f"] = Program(self.handle)
        await add_function(platform, "f", "app.f", **more)


def failing(*bad: str) -> Callable[[list[str], Any], Answer]:
    """Fails on batches that hold any of the texts."""
    return lambda texts, event: ERROR if set(bad) & set(texts) else Answer(b"null")


def group_of(made: dict[str, Any]) -> tuple[str, str]:
    """The consumer group of a mapping, and its topic."""
    return made["UUID"], "orders"
