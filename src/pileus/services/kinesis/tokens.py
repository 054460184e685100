"""Iterators and listing tokens: opaque to clients, and only what this platform made is taken."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from pileus.kernel.calls import Call

_TAG_BYTES = 16


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A shard iterator: read the stream's shard from ``offset`` on."""

    stream: str
    id: str
    shard: int
    offset: int
    issued_ms: int


class Page(msgspec.Struct, frozen=True, array_like=True):
    """A listing goes on after ``after``; ``what`` tells which listing of which stream."""

    what: str
    after: str
    issued_ms: int


def seal(call: Call, value: Cursor | Page) -> str:
    """The token of a cursor or page."""
    content = msgspec.msgpack.encode(value)
    return base64.b64encode(_tag(call, content) + content).decode()


def open_cursor(call: Call, token: str) -> Cursor | None:
    """The cursor in a token; None for a text that is none of ours."""
    content = _opened(call, token)
    try:
        return None if content is None else msgspec.msgpack.decode(content, type=Cursor)
    except msgspec.MsgspecError:
        return None


def open_page(call: Call, token: str) -> Page | None:
    """The page in a token; None for a text that is none of ours."""
    content = _opened(call, token)
    try:
        return None if content is None else msgspec.msgpack.decode(content, type=Page)
    except msgspec.MsgspecError:
        return None


def _opened(call: Call, token: str) -> bytes | None:
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    return content if hmac.compare_digest(tag, _tag(call, content)) else None


def _tag(call: Call, content: bytes) -> bytes:
    """Whose iterator it is counts as well: another account's is none of ours."""
    key = call.signing_key + f"kinesis/{call.account}/{call.region}".encode()
    return hashlib.blake2b(
        content, key=hashlib.sha256(key).digest(), digest_size=_TAG_BYTES
    ).digest()
