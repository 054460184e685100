"""Bytes on their way in and out: small ones lie in State, large ones in Blobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.ports.state import StateUnavailable
from pileus.services.s3 import collecting, errors, store
from pileus.services.s3.checksums import Expected, Tally
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Content, Digest, Part, Version
from pileus.values.body import Body

T = TypeVar("T")
Piece = bytes | Content
"""Bytes at hand, or a blob still to be read."""


@dataclass(frozen=True, slots=True)
class Received:
    """A body that arrived whole and was what the client said. ``data`` is set for small ones."""

    size_bytes: int
    etag: str
    digest: Digest | None
    data: bytes = b""
    blob: str = ""

    def keep(self, call: WriteCall) -> Content:
        """Within the transaction that refers to the bytes: make them stay."""
        if self.blob:
            call.state.delete(("pending", self.blob))
            return Content(self.size_bytes, blob=self.blob)
        if not self.data:
            return Content(0)
        row = call.sequence()
        call.state.put(("body", row), self.data)
        return Content(self.size_bytes, row=row)


async def take_in(
    call: StreamCall,
    body: Body,
    expected: Expected,
    size_bytes_max: int,
    step: Callable[[WriteCall, Received], T],
) -> T:
    """Receive ``body``, then run ``step``, which keeps it, in one transaction; its result.

    The result must be JSON: a redelivered call gets that of the first one. What was stored is
    discarded when the step does not come to pass.

    Raises:
        ServiceError: EntityTooLarge, BadDigest, what the body itself raises, what ``step`` raises.
    """
    size_bytes = body.size_bytes
    if size_bytes is not None and size_bytes > size_bytes_max:
        raise errors.entity_too_large(size_bytes, size_bytes_max)
    tally = Tally(expected)
    if size_bytes is not None and size_bytes <= LIMITS.inline_bytes_max:
        head, pieces = await body.read(), None
    else:
        pieces = aiter(body)
        head = await _head(pieces)
    if pieces is None or len(head) <= LIMITS.inline_bytes_max:
        tally.update(head)
        etag, digest = tally.finish()
        received = Received(len(head), etag, digest, data=head)
        return await call.write(lambda write: step(write, received), once=True)
    return await _through_blob(call, tally, _checked(head, pieces, tally, size_bytes_max), step)


async def _through_blob(
    call: StreamCall,
    tally: Tally,
    pieces: AsyncIterator[bytes],
    step: Callable[[WriteCall, Received], T],
) -> T:
    blob = call.random_bytes(16).hex()
    writing = call.own(collecting.Collector).writing
    writing.add(blob)
    collecting.ensure(call)
    try:
        await _store(call, blob, pieces)
        etag, digest = tally.finish()
        received = Received(tally.size_bytes, etag, digest, blob=blob)
        result = await call.write(lambda write: step(write, received), once=True)
        if call.context.delivery_id is not None:
            # A redelivery does not run the step again, and then nothing keeps the blob.
            call.spawn("s3 repeated upload", _abandon(call, blob))
        return result
    except BaseException:
        call.spawn("s3 abandoned upload", _abandon(call, blob))
        raise
    finally:
        writing.discard(blob)


async def _head(pieces: AsyncIterator[bytes]) -> bytes:
    """The body up to where it is known to be small or not."""
    found: list[bytes] = []
    total = 0
    async for piece in pieces:
        found.append(piece)
        total += len(piece)
        if total > LIMITS.inline_bytes_max:
            break
    return found[0] if len(found) == 1 else b"".join(found)


async def _checked(
    head: bytes, pieces: AsyncIterator[bytes], tally: Tally, size_bytes_max: int
) -> AsyncIterator[bytes]:
    tally.update(head)
    yield head
    async for piece in pieces:
        tally.update(piece)
        if tally.size_bytes > size_bytes_max:
            raise errors.entity_too_large(tally.size_bytes, size_bytes_max)
        yield piece
    tally.finish()


async def _store(call: StreamCall, blob: str, pieces: AsyncIterator[bytes]) -> None:
    """Put the blob; its name is durably pending before it can come to be.

    The note is written while the bytes arrive, so it costs no time of its own.
    """

    def note(step: WriteCall) -> None:
        step.state.put(("pending", blob), b"")

    noting = asyncio.ensure_future(call.write(note))

    async def noted() -> AsyncIterator[bytes]:
        async for piece in pieces:
            yield piece
        await noting

    try:
        await call.blobs.put(collecting.blob_name(call.account, blob), noted())
    finally:
        # However it ended: what follows may rely on the note being there or not.
        await asyncio.wait([noting])


async def _abandon(call: StreamCall, blob: str) -> None:
    """Let a blob go unless something refers to it after all (an answer that was cut off)."""

    def step(write: WriteCall) -> None:
        if write.state.get(("pending", blob)) is not None:
            write.state.delete(("pending", blob))
            store.put_garbage(write.state, blob)

    try:
        await call.write(step)
    except StateUnavailable:
        # It stays pending on disk, and the next start discards it.
        return


# ---------------------------------------------------------------- out


def pieces_of(state: Any, version: Version) -> list[Piece]:
    """The content of a version, small parts at hand already."""
    if not version.upload:
        return [_piece(state, version.content)] if version.size_bytes else []
    return [_piece(state, part.content) for part in store.parts(state, version.upload)]


def part_pieces(state: Any, part: Part) -> list[Piece]:
    """The content of one part."""
    return [_piece(state, part.content)] if part.size_bytes else []


def _piece(state: Any, content: Content) -> Piece:
    if content.row:
        raw: bytes = state.get(("body", content.row))
        return raw
    return content if content.blob else b""


def piece_bytes(piece: Piece) -> int:
    """How long a piece is."""
    return len(piece) if isinstance(piece, bytes) else piece.size_bytes


class Reading:
    """A body over pieces, from ``start`` to ``stop`` (exclusive) of them all together.

    While it lives, its blobs are not deleted: an object that is replaced meanwhile is still read to
    its end. Made in the same turn of the loop as the look at the state that found the pieces.
    """

    __slots__ = ("__weakref__", "_call", "_pieces", "_start", "blobs", "size_bytes")

    def __init__(self, call: StreamCall, pieces: Sequence[Piece], start: int, stop: int) -> None:
        self._call = call
        self._pieces = pieces
        self._start = start
        self.size_bytes: int | None = stop - start
        self.blobs = frozenset(p.blob for p in pieces if isinstance(p, Content))
        if self.blobs:
            collecting.protect(call, self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces, self._pieces = self._pieces, ()
        start, left = self._start, self.size_bytes or 0
        for piece in pieces:
            if left <= 0:
                break
            size = piece_bytes(piece)
            if start >= size:
                start -= size
                continue
            stop = min(size, start + left)
            if isinstance(piece, bytes):
                yield piece[start:stop]
            else:
                name = collecting.blob_name(self._call.account, piece.blob)
                async for chunk in self._call.blobs.get(name, start, stop):
                    yield chunk
            left -= stop - start
            start = 0

    async def read(self, limit_bytes: int | None = None) -> bytes:
        """All bytes at once; ValueError past ``limit_bytes``."""
        if limit_bytes is not None and (self.size_bytes or 0) > limit_bytes:
            raise ValueError(f"body exceeds {limit_bytes} bytes")
        return b"".join([chunk async for chunk in self])
