"""Topics of a Kafka cluster that is not ours, read as one reader of a consumer group.

A reader takes every partition itself and keeps its place by the group's committed offsets; it does
not join the group, so nothing is rebalanced and a reader that was killed is taken up at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from pileus.values.errors import PileusError


class Fault(Enum):
    """Why a cluster cannot be read."""

    UNREACHABLE = "unreachable"
    """No broker answers."""
    WRONG_CREDENTIALS = "wrong credentials"
    """User name or password is not accepted."""
    CLIENT_UNTRUSTED = "client untrusted"
    """The broker does not accept our certificate, or wants one."""
    SERVER_UNTRUSTED = "server untrusted"
    """The broker's certificate is not signed by an authority that we trust, or names another."""
    UNUSABLE_KEY = "unusable key"
    """A certificate or private key that was given cannot be read."""
    UNAUTHORIZED = "unauthorized"
    """The user may not read the topic or the group."""
    NO_TOPIC = "no topic"
    """There is no such topic."""
    GROUP_IN_USE = "group in use"
    """Others are members of the group, so its offsets are not ours to commit."""
    LOST_PLACE = "lost place"
    """An offset that was asked for is gone or not there yet."""
    OTHER = "other"


class KafkaError(PileusError):
    """A cluster could not do it; a later try may succeed, unless its settings are wrong."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Cluster(msgspec.Struct, frozen=True):
    """Where a cluster is and how to get in.

    Attributes:
        servers: ``host:port`` of some of its brokers.
        mechanism: SASL mechanism (``PLAIN``, ``SCRAM-SHA-256``, ``SCRAM-SHA-512``), or empty.
        is_encrypted: TLS.
        authority_pem: root certificates to trust; empty for those of the machine.
        certificate_pem, key_pem, key_password: our own certificate with its chain, PKCS#8 key and
            what the key is encrypted with; empty for none.
    """

    servers: tuple[str, ...]
    mechanism: str = ""
    user: str = ""
    password: str = ""
    is_encrypted: bool = False
    authority_pem: str = ""
    certificate_pem: str = ""
    key_pem: str = ""
    key_password: str = ""


class TopicRecord(msgspec.Struct, frozen=True):
    """One record.

    Attributes:
        at_ms: epoch milliseconds, or -1 for none.
        at_type: ``CREATE_TIME``, ``LOG_APPEND_TIME`` or ``NO_TIMESTAMP_TYPE``.
        headers: in order; a name may come again.
    """

    topic: str
    partition: int
    offset: int
    at_ms: int
    at_type: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class TopicReader(Protocol):
    """Reads one topic for one group. Everything raises KafkaError.

    An offset that is committed is that of the next record to read. ``read`` and the other calls may
    run side by side.
    """

    async def partitions(self) -> list[int]:
        """All there are, ascending. The topic is never created by asking."""
        ...

    async def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """What the group has committed; partitions it never read are missing."""
        ...

    async def bounds(self, partitions: Collection[int]) -> dict[int, tuple[int, int]]:
        """The offset of the first record there is, and the one that the next will get."""
        ...

    async def offsets_at(self, partitions: Collection[int], at_ms: int) -> dict[int, int]:
        """The first record of that time or later; partitions that have none are missing."""
        ...

    async def begin(self, places: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on; to be called once."""
        ...

    async def read(self, limit: int, wait_s: float) -> list[TopicRecord]:
        """The next records, at most ``limit``, in order within a partition.

        Comes soon after there is one; empty when there was none for ``wait_s``.
        """
        ...

    async def hold(self, partitions: Collection[int]) -> None:
        """Read these no further for now. Records on their way may still come."""
        ...

    async def release(self, partitions: Collection[int]) -> None:
        """Read them again, from behind the last record that came."""
        ...

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit for the group; returns when the cluster has it."""
        ...

    async def close(self) -> None:
        """Leave the cluster, and wait for what is under way. Commits nothing."""
        ...


class Kafka(Protocol):
    """Opens readers of any cluster."""

    async def open(self, cluster: Cluster, topic: str, group: str) -> TopicReader:
        """A reader, which may not be connected yet. Raises KafkaError for unusable settings."""
        ...


class KafkaAbsent:
    """What there is where the client library is not installed."""

    async def open(self, cluster: Cluster, topic: str, group: str) -> TopicReader:
        """Raises KafkaError."""
        raise KafkaError(Fault.OTHER, HOW_TO_INSTALL)


HOW_TO_INSTALL = (
    "Kafka event sources need a client library that is not installed here: "
    "pip install 'pileus[kafka]', then start again."
)
