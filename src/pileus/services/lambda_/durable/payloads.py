"""Payloads: long ones are in Blobs before a transaction names them.

Every blob of an execution lies below a prefix of its own and goes with the execution; one that no
record came to name goes then as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.ports.blobs import BlobNotFound
from pileus.services.lambda_.durable.model import Payload

_INLINE_BYTES_MAX = 4 * 1024
_PAGE = 1000


def prefix(call: StreamCall, execution_id: str = "") -> str:
    """Below which an execution's blobs lie (all executions' without an id)."""
    tail = f"{execution_id}/" if execution_id else ""
    return f"{call.account}/{call.region}/lambda/durable/{tail}"


async def stored(call: StreamCall, execution_id: str, data: bytes) -> Payload:
    """The payload, safe to be named in a record."""
    if len(data) <= _INLINE_BYTES_MAX:
        return Payload(data=data, size_bytes=len(data))
    name = prefix(call, execution_id) + call.random_bytes(16).hex()
    await call.blobs.put(name, data)
    return Payload(blob=name, size_bytes=len(data))


def inline(data: bytes) -> Payload:
    """One that is known to be short."""
    return Payload(data=data, size_bytes=len(data))


def error_bytes(error: Mapping[str, Any] | None) -> bytes:
    """An ErrorObject as it is stored."""
    return orjson.dumps(dict(error or {}))


def error_object(kind: str, message: str) -> Payload:
    """A short ErrorObject."""
    return inline(error_bytes({"ErrorType": kind, "ErrorMessage": message}))


class Texts:
    """Payloads as texts, each blob read once."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    async def load(self, call: StreamCall, payloads: Iterable[Payload | None]) -> None:
        """Read those that lie in Blobs. One that is gone went with its execution: it reads ''."""
        for payload in payloads:
            if payload is None or not payload.blob or payload.blob in self._texts:
                continue
            try:
                chunks = [chunk async for chunk in call.blobs.get(payload.blob)]
            except BlobNotFound:
                chunks = []
            self._texts[payload.blob] = b"".join(chunks).decode("utf-8", "replace")

    def text(self, payload: Payload) -> str:
        """The text of a payload that is short or was loaded."""
        if payload.blob:
            return self._texts[payload.blob]
        return payload.data.decode("utf-8", "replace")

    def error(self, payload: Payload) -> dict[str, Any]:
        """The ErrorObject of such a payload."""
        found = orjson.loads(self.text(payload) or "{}")
        return found if isinstance(found, dict) else {}


async def delete_all(call: StreamCall, execution_id: str) -> None:
    """Delete what an execution left in Blobs."""
    below = prefix(call, execution_id)
    while page := await call.blobs.list(below, "", _PAGE):
        for info in page:
            await call.blobs.delete(info.name)


async def orphans(call: StreamCall, known: set[str], before_ms: int) -> None:
    """Delete the blobs, older than ``before_ms``, of executions that are not among ``known``."""
    below, after = prefix(call), ""
    while page := await call.blobs.list(below, after, _PAGE):
        after = page[-1].name
        for info in page:
            owner = info.name.removeprefix(below).partition("/")[0]
            if owner not in known and info.modified_ms < before_ms:
                await call.blobs.delete(info.name)
