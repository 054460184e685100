"""Tables and indexes as records."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec


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


class Table(msgspec.Struct, kw_only=True):
    """A table. ``types`` maps key attributes of table and indexes to S, N or B."""

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

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the primary key's attributes."""
        return (self.partition, self.sort) if self.sort else (self.partition,)


def index_key_names(table: Table, index: Index) -> tuple[str, ...]:
    """Names of the key attributes an index's positions consist of: its own, then the table's."""
    own = (index.partition, index.sort) if index.sort else (index.partition,)
    return own + tuple(name for name in table.key_names if name not in own)


def segment_of(partition: bytes, total: int) -> int:
    """The segment of a parallel scan that a partition belongs to."""
    return zlib.crc32(partition) % total
