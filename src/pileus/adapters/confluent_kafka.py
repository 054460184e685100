"""The Kafka port through librdkafka, the C client, and its Python binding ``confluent-kafka``.

https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka import KafkaError as Codes

from pileus.ports.kafka import Cluster, Fault, KafkaError, TopicReader, TopicRecord

_log = logging.getLogger("pileus.kafka")
_TIMEOUT_S = 5.0
_TURN_S = 1.0
_CLOSE_S = 2.0
_GLANCE_S = 0.1
_CRITICAL = 2
"""Of the library's log: troubles of connections come as errors, and told ten times a second."""
_LONGEST_READ_S = 0.5
"""How long a read may keep its thread; also how long a reader takes to close."""
_PREFETCHED_KB = 16_384
_FETCH_BYTES_MAX = 8 * 1024 * 1024
T = TypeVar("T")

_FAULTS = {
    Codes._TRANSPORT: Fault.UNREACHABLE,
    Codes._ALL_BROKERS_DOWN: Fault.UNREACHABLE,
    Codes._TIMED_OUT: Fault.UNREACHABLE,
    Codes._RESOLVE: Fault.UNREACHABLE,
    Codes._AUTHENTICATION: Fault.WRONG_CREDENTIALS,
    Codes.SASL_AUTHENTICATION_FAILED: Fault.WRONG_CREDENTIALS,
    Codes.UNSUPPORTED_SASL_MECHANISM: Fault.WRONG_CREDENTIALS,
    Codes.TOPIC_AUTHORIZATION_FAILED: Fault.UNAUTHORIZED,
    Codes.GROUP_AUTHORIZATION_FAILED: Fault.UNAUTHORIZED,
    Codes.CLUSTER_AUTHORIZATION_FAILED: Fault.UNAUTHORIZED,
    Codes.UNKNOWN_TOPIC_OR_PART: Fault.NO_TOPIC,
    Codes._UNKNOWN_TOPIC: Fault.NO_TOPIC,
    Codes._UNKNOWN_PARTITION: Fault.NO_TOPIC,
    Codes.UNKNOWN_MEMBER_ID: Fault.GROUP_IN_USE,
    Codes.ILLEGAL_GENERATION: Fault.GROUP_IN_USE,
    Codes.REBALANCE_IN_PROGRESS: Fault.GROUP_IN_USE,
    Codes._AUTO_OFFSET_RESET: Fault.LOST_PLACE,
    Codes.OFFSET_OUT_OF_RANGE: Fault.LOST_PLACE,
}
_TIMES = {TIMESTAMP_CREATE_TIME: "CREATE_TIME", TIMESTAMP_LOG_APPEND_TIME: "LOG_APPEND_TIME"}


class ConfluentKafka:
    """Opens readers; each has two threads of ours and a few of the library's."""

    async def open(self, cluster: Cluster, topic: str, group: str) -> TopicReader:
        """See Kafka."""
        return ConfluentReader(cluster, topic, group)


class _Commit:
    """A commit that waits for its answer."""

    def __init__(self, offsets: dict[int, int]) -> None:
        self.offsets = offsets
        self.is_answered = threading.Event()
        self.answer: list[TopicPartition] = []
        self.error: Codes | None = None

    def ask_again(self) -> None:
        """Forget the answer; another is to come."""
        self.error = None
        self.is_answered.clear()


class ConfluentReader:
    """See TopicReader."""

    def __init__(self, cluster: Cluster, topic: str, group: str) -> None:
        self._topic = topic
        self._trouble: Codes | None = None
        """What the library told of the connection; it explains a time-out better."""
        self._is_reading = False
        self._closing = threading.Event()
        self._commits: list[_Commit] = []
        self._early: list[Message] = []
        """Records that came while others than the reader polled."""
        told = {"error_cb": self._note, "on_commit": self._note_commit}
        settings = {**_settings(cluster, group), **told}
        try:
            self._consumer = Consumer(settings, logger=_log)
        except KafkaException as error:
            raise _as_ours(error.args[0], is_setting_up=True) from error
        # One thread reads, the other asks: no commit waits behind a read.
        self._reading = ThreadPoolExecutor(1, "kafka-read")
        self._asking = ThreadPoolExecutor(1, "kafka-ask")

    async def partitions(self) -> list[int]:
        """See TopicReader."""
        found = (await self._listed()).topics[self._topic]
        # A leader that is being elected is no fault of the topic's.
        if found.error is not None and found.error.code() != Codes.LEADER_NOT_AVAILABLE:
            raise _as_ours(found.error)
        return sorted(found.partitions)

    async def _listed(self) -> Any:
        """What a broker tells; the first call of a reader, so most troubles show here.

        Asked in short turns: a wrong password need not wait until the time is up.
        """
        for _ in range(round(_TIMEOUT_S / _TURN_S) - 1):
            try:
                return await self._ask(lambda: self._consumer.list_topics(self._topic, _TURN_S))
            except KafkaError as error:
                if error.fault is not Fault.UNREACHABLE:
                    raise
        return await self._ask(lambda: self._consumer.list_topics(self._topic, _TURN_S))

    async def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """See TopicReader."""
        asked = self._places(dict.fromkeys(partitions, OFFSET_INVALID))
        told = await self._ask(lambda: self._consumer.committed(asked, _TIMEOUT_S))
        return _offsets(told)

    async def bounds(self, partitions: Collection[int]) -> dict[int, tuple[int, int]]:
        """See TopicReader."""

        def ask() -> dict[int, tuple[int, int]]:
            found = {}
            for partition in partitions:
                place = TopicPartition(self._topic, partition)
                told = self._consumer.get_watermark_offsets(place, _TIMEOUT_S)
                if told is None:
                    raise KafkaError(Fault.UNREACHABLE, f"no bounds of partition {partition}")
                found[partition] = (told[0], told[1])
            return found

        return await self._ask(ask)

    async def offsets_at(self, partitions: Collection[int], at_ms: int) -> dict[int, int]:
        """See TopicReader."""
        asked = self._places(dict.fromkeys(partitions, at_ms))
        told = await self._ask(lambda: self._consumer.offsets_for_times(asked, _TIMEOUT_S))
        return _offsets(told)

    async def begin(self, places: Mapping[int, int]) -> None:
        """See TopicReader."""
        self._is_reading = True
        await self._ask(lambda: self._consumer.assign(self._places(places)))

    async def read(self, limit: int, wait_s: float) -> list[TopicRecord]:
        """See TopicReader."""
        duration_s = min(wait_s, _LONGEST_READ_S)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, lambda: self._read(limit, duration_s))

    def _read(self, limit: int, duration_s: float) -> list[TopicRecord]:
        # The first record is awaited alone: for several the library waits until it has them all.
        found, self._early = self._early, []
        try:
            first = self._consumer.poll(0 if found else duration_s)
            if first is not None:
                found += [first, *self._consumer.consume(max(limit - 1, 0), 0)]
        except KafkaException as error:
            raise _as_ours(error.args[0]) from error
        for message in found:
            trouble = message.error()
            if trouble is not None:
                raise _as_ours(trouble)
        if not found and self._trouble is not None:
            self._check_trouble(self._trouble)
        return [_record(message) for message in found]

    def _check_trouble(self, trouble: Codes) -> None:
        """Raise it unless the cluster answers after all: a name may have several addresses."""
        try:
            self._consumer.list_topics(self._topic, _TURN_S)
        except KafkaException as error:
            raise _as_ours(trouble) from error
        self._trouble = None

    async def hold(self, partitions: Collection[int]) -> None:
        """See TopicReader."""
        await self._ask(lambda: self._consumer.pause(self._bare(partitions)))

    async def release(self, partitions: Collection[int]) -> None:
        """See TopicReader."""
        await self._ask(lambda: self._consumer.resume(self._bare(partitions)))

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """See TopicReader."""
        await self._ask(lambda: self._commit(_Commit(dict(offsets))))

    def _commit(self, commit: _Commit) -> None:
        """Not by the library's own way to wait, which has no end while the cluster is away."""
        self._commits.append(commit)
        try:
            self._consumer.commit(offsets=self._places(commit.offsets), asynchronous=True)
            for _ in range(round(_TIMEOUT_S / _GLANCE_S)):
                if self._closing.is_set():
                    break
                # The answer comes in a poll; whoever reads may be the one who waits for us.
                self._reading.submit(self._serve, commit)
                if not commit.is_answered.wait(_GLANCE_S):
                    continue
                if commit.error is None:
                    _offsets(commit.answer)
                    return
                if commit.error.code() != Codes._WAIT_COORD:
                    raise _as_ours(commit.error)
                # The broker that keeps the group's offsets is being looked for.
                self._closing.wait(_GLANCE_S)
                commit.ask_again()
                self._consumer.commit(offsets=self._places(commit.offsets), asynchronous=True)
        finally:
            self._commits.remove(commit)
        raise KafkaError(Fault.UNREACHABLE, "the commit was not answered")

    def _serve(self, commit: _Commit) -> None:
        """Let the library tell what it has to; a record that comes with it waits to be read."""
        if not commit.is_answered.is_set() and (message := self._consumer.poll(0)) is not None:
            self._early.append(message)

    def _note_commit(self, error: Codes | None, places: list[TopicPartition]) -> None:
        told = {place.partition: place.offset for place in places}
        for commit in self._commits:
            if commit.offsets == told and not commit.is_answered.is_set():
                commit.answer = places
                if error is not None and error.code() != Codes._NO_OFFSET:
                    commit.error = error
                commit.is_answered.set()
                return

    async def close(self) -> None:
        """See TopicReader."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._closing.set()
        # First who asks: it may need a poll of who reads.
        self._asking.shutdown(wait=True, cancel_futures=True)
        self._reading.shutdown(wait=True, cancel_futures=True)
        # The library waits for commits under way, without end while the cluster is away.
        closing = threading.Thread(target=self._consumer.close, name="kafka-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)
        if closing.is_alive():
            _log.warning("topic %s: its reader ends when the cluster is back", self._topic)

    async def _ask(self, work: Callable[[], T]) -> T:
        """Run a call of the library beside the event loop, with errors of the port."""

        def run() -> T:
            try:
                return work()
            except KafkaException as error:
                raise self._explained(error.args[0]) from error

        return await asyncio.get_running_loop().run_in_executor(self._asking, run)

    def _note(self, error: Codes) -> None:
        """What the library tells of its connections; that none is left explains the least."""
        fault = _as_ours(error).fault
        if fault is Fault.OTHER or (fault is Fault.UNREACHABLE and self._trouble is not None):
            _log.info("topic %s: %s", self._topic, error)
        elif fault is not Fault.UNREACHABLE or error.code() == Codes._ALL_BROKERS_DOWN:
            # One of several brokers may be away.
            self._trouble = error

    def _explained(self, error: Codes) -> KafkaError:
        """A time-out is told with what the library knows of the connection."""
        ours = _as_ours(error)
        if ours.fault is not Fault.UNREACHABLE:
            return ours
        if not self._is_reading:
            # Callbacks run within polls, and nothing is read yet that this one could swallow.
            self._reading.submit(self._consumer.poll, 0).result()
        return ours if self._trouble is None else _as_ours(self._trouble)

    def _places(self, offsets: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, *place) for place in sorted(offsets.items())]

    def _bare(self, partitions: Collection[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in sorted(partitions)]


def _settings(cluster: Cluster, group: str) -> dict[str, Any]:
    """As the library calls them."""
    protocol = ("SASL_" if cluster.mechanism else "") + (
        "SSL" if cluster.is_encrypted else "PLAINTEXT"
    )
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(cluster.servers),
        "client.id": "pileus",
        "group.id": group,
        "security.protocol": protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 500,
        "fetch.max.bytes": _FETCH_BYTES_MAX,
        "queued.max.messages.kbytes": _PREFETCHED_KB,
        "log_level": _CRITICAL,
    }
    secret = {
        "sasl.mechanism": cluster.mechanism,
        "sasl.username": cluster.user,
        "sasl.password": cluster.password,
        "ssl.ca.pem": cluster.authority_pem,
        "ssl.certificate.pem": cluster.certificate_pem,
        "ssl.key.pem": cluster.key_pem,
        "ssl.key.password": cluster.key_password,
    }
    return settings | {name: value for name, value in secret.items() if value}


def _offsets(places: list[TopicPartition]) -> dict[int, int]:
    for place in places:
        if place.error is not None:
            raise _as_ours(place.error)
    return {place.partition: place.offset for place in places if place.offset >= 0}


def _record(message: Message) -> TopicRecord:
    kind, at_ms = message.timestamp()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise KafkaError(Fault.OTHER, "a record came without its place")
    return TopicRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        at_ms=at_ms,
        at_type=_TIMES.get(kind, "NO_TIMESTAMP_TYPE"),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(name, _bytes(value)) for name, value in _pairs(message.headers())],
    )


def _pairs(headers: Any) -> list[tuple[str, Any]]:
    return [] if headers is None else list(headers)


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _as_ours(error: Codes, *, is_setting_up: bool = False) -> KafkaError:
    text = error.str()
    fault = _FAULTS.get(error.code(), Fault.OTHER)
    if error.code() == Codes._SSL or "SSL routines" in text:
        fault = _tls_fault(text)
    elif is_setting_up:
        # What cannot be told from the settings' names is a certificate or a key.
        fault = Fault.UNUSABLE_KEY if "ssl." in text or "PEM" in text else Fault.OTHER
    return KafkaError(fault, text)


def _tls_fault(text: str) -> Fault:
    if "alert" in text:
        return Fault.CLIENT_UNTRUSTED
    if "certificate verify failed" in text or "broker certificate" in text:
        return Fault.SERVER_UNTRUSTED
    return Fault.UNREACHABLE
