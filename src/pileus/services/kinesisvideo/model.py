"""What AWS knows of a stream beside its source."""

from __future__ import annotations

import msgspec


class Stream(msgspec.Struct, kw_only=True):
    """A stream; its media and where they come from are the source's of the same name.

    Attributes:
        retention_h: as asked for; with 0 AWS keeps nothing beyond a buffer.
        bases: by life of the source, what its producer's clock showed where the source's clock is at 0.
    """

    name: str
    created_ms: int
    version: str
    media_type: str = ""
    device: str = ""
    kms_key: str = ""
    retention_h: int = 0
    tags: dict[str, str] = {}
    bases: dict[str, int] = {}


class Fragment(msgspec.Struct, frozen=True):
    """A recorded segment as a fragment."""

    number: str
    segment: str
    size_bytes: int
    server_ms: int
    producer_ms: int
    length_ms: int
    stream: str
    start_ms: int
