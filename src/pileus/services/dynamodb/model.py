"""Tables and indexes as records."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from pileus.languages.dynamodb.attribute_values import item_size_bytes


class Index(msgspec.Struct, kw_only=True):
    """A secondary index; ``cursor`` is the key up to which a new one is filled."""

    name: str
    partition: str
    sort: str = ""
    is_global: bool = True
    projection: str = "ALL"
    included: list[str] = []
    throughput: tuple[int, int] = (0, 0)
    status: str = "ACTIVE"


class Destination(msgspec.Struct, kw_only=True):
    """A Kinesis data stream that changes are sent to, or were."""

    arn: str
    is_active: bool = True
    precision: str = "MILLISECOND"


class Table(msgspec.Struct, kw_only=True):
    """A table.

    Attributes:
        types: key attributes of table and indexes → S, N or B.
        stream, latest_stream: labels of the stream that is on, and of the last one there was.
    """

    name: str
    id: str
    partition: str
    sort: str = ""
    types: dict[str, str]
    created_ms: int
    indexes: dict[str, Index] = {}
    billing: str = "PROVISIONED"
    throughput: tuple[int, int] = (0, 0)
    ttl_attribute: str = ""
    table_class: str = "STANDARD"
    is_protected: bool = False
    has_recovery: bool = False
    recovery_from_ms: int = 0
    encryption: dict[str, Any] = {}
    tags: dict[str, str] = {}
    stream: str = ""
    stream_view: str = ""
    latest_stream: str = ""
    destinations: list[Destination] = []

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the primary key's attributes."""
        return (self.partition, self.sort) if self.sort else (self.partition,)


class Stream(msgspec.Struct, kw_only=True):
    """A table's stream, which may outlive the table by a day.

    Attributes:
        label: when it was switched on; the table's name and it are the stream's name.
        first, last: numbers before the first change and after the last (0 while it is on).
        shard: the id of its one shard.
    """

    table: str
    label: str
    view: str
    partition: str
    sort: str
    made_ms: int
    first: int
    shard: str
    closed_ms: int = 0
    last: int = 0


class Change(msgspec.Struct, kw_only=True):
    """What happened to one item; the images as far as the stream shows them."""

    kind: str
    at_ms: int
    keys: dict[str, Any]
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None
    is_expiry: bool = False

    @property
    def size_bytes(self) -> int:
        """Of the key and the images."""
        images = (self.keys, self.old, self.new)
        return sum(item_size_bytes(item) for item in images if item is not None)


def index_key_names(table: Table, index: Index) -> tuple[str, ...]:
    """Names of the key attributes an index's positions consist of: its own, then the table's."""
    own = (index.partition, index.sort) if index.sort else (index.partition,)
    return own + tuple(name for name in table.key_names if name not in own)


def segment_of(partition: bytes, total: int) -> int:
    """The segment of a parallel scan that a partition belongs to."""
    return zlib.crc32(partition) % total
