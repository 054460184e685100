"""What iterators and listing tokens hold."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pileus.kernel.calls import Call
from pileus.kernel.tokens import seal as sealed
from pileus.kernel.tokens import unseal

T = TypeVar("T", "Cursor", "Page")


class Cursor(msgspec.Struct, frozen=True, array_like=True, tag="cursor"):
    """A shard iterator: read the stream's shard from ``offset`` on."""

    stream: str
    id: str
    shard: int
    offset: int
    issued_ms: int


class Page(msgspec.Struct, frozen=True, array_like=True, tag="page"):
    """A listing goes on after ``after``; ``what`` tells which listing of which stream."""

    what: str
    after: str
    issued_ms: int


def seal(call: Call, value: Cursor | Page) -> str:
    """The token of a cursor or page."""
    return sealed(call, msgspec.msgpack.encode(value))


def opened(call: Call, token: str, kind: type[T]) -> T | None:
    """What a token holds; None for a text that is no token of that kind."""
    content = unseal(call, token)
    try:
        return None if content is None else msgspec.msgpack.decode(content, type=kind)
    except msgspec.MsgspecError:
        return None
