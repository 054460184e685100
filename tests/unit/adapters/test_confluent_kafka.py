"""Commits while the library does not know yet who keeps the group's offsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError as Codes
from confluent_kafka import TopicPartition

from pileus.adapters import confluent_kafka
from pileus.ports.kafka import Cluster, Fault, KafkaError

CLUSTER = Cluster(servers=("127.0.0.1:1",))


class Library:
    """A consumer that answers commits, one after the other, with the errors of a list."""

    def __init__(self, settings: Mapping[str, Any], errors: list[int]) -> None:
        self._tell = settings["on_commit"]
        self._errors = errors
        self._asked: list[list[TopicPartition]] = []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert asynchronous
        self._asked.append(offsets)

    def poll(self, timeout_s: float) -> None:
        if self._asked:
            code = self._errors.pop(0)
            self._tell(Codes(code) if code else None, self._asked.pop())

    def close(self) -> None:
        assert not self._errors, "fewer commits than expected"


async def _commit(monkeypatch: pytest.MonkeyPatch, *errors: int) -> None:
    monkeypatch.setattr(
        confluent_kafka, "Consumer", lambda settings, logger: Library(settings, list(errors))
    )
    reader = await confluent_kafka.ConfluentKafka().open(CLUSTER, "topic", "group")
    try:
        await reader.commit({0: 7})
    finally:
        await reader.close()


async def test_asked_again_until_the_coordinator_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    await _commit(monkeypatch, Codes._WAIT_COORD, Codes._WAIT_COORD, 0)


async def test_another_error_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaError) as caught:
        await _commit(monkeypatch, Codes._WAIT_COORD, Codes.GROUP_AUTHORIZATION_FAILED)
    assert caught.value.fault is Fault.UNAUTHORIZED
