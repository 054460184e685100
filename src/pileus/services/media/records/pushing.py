"""One publisher of records: the lines of a body, taken as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from pileus.languages.record_text import Line, Lines
from pileus.services.media import errors
from pileus.services.media.limits import LIMITS
from pileus.services.media.records.feed_state import FeedState
from pileus.services.media.records.writing import Incoming, RecordWriter

_AT_ONCE = 500
_ERRORS_TOLD = 100


class RecordPublishing:
    """A body of JSON lines on its way into the Log. Any number may push to a source at a time.

    Args:
        source: its name.
        end: to be called at the clean end of one whose end is the end of the stream; else None.

    Attributes:
        key: what the publisher showed; empty where it was let in by another proof.
        is_ended: it sends nothing any more.
    """

    takes_text = True

    def __init__(
        self, source: str, writer: RecordWriter, state: FeedState, end: Callable[[], None] | None
    ) -> None:
        self._source = source
        self.key, self.is_ended = "", False
        self._revoked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer, self._state, self._end = writer, state, end
        self._taken = self._refused = 0
        self._last_offset = -1
        self._errors: list[dict[str, Any]] = []

    async def take(self, pieces: AsyncIterable[bytes]) -> dict[str, Any]:
        """Take every line; what was taken is on disk when this returns, or raises because the pieces broke off.

        The answer: ``Taken`` and ``Refused`` lines, ``Errors`` (``Line`` and ``Reason`` of the first hundred
        refused), ``LastOffset`` of what was taken, and the source's ``State``.

        Raises ResourceInUseException: the source is read no more, or is being changed. AccessDeniedException:
        the publisher's key is good no more.
        """
        self._state.connected()
        lines = Lines(LIMITS.record_bytes_max)
        try:
            async for piece in self._allowed(pieces):
                # Little by little: a piece may be the whole of a large body.
                for part in _parts(piece):
                    await self._keep(lines.feed(part))
            await self._keep(lines.end())
        finally:
            self.is_ended = True
        if self._end is not None:
            self._end()
        told = {"Taken": self._taken, "Refused": self._refused, "Errors": self._errors}
        if self._taken:
            told["LastOffset"] = self._last_offset
        return {**told, "State": "LIVE" if self._end is None else "ENDED"}

    def revoke(self) -> None:
        """Its key is good no more: it is cut off, and keeps what was taken."""
        if not self._revoked.done():
            self._revoked.set_result(None)

    async def _allowed(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Pieces, for as long as the publisher may push."""
        rest = aiter(pieces)
        while True:
            coming = asyncio.ensure_future(_next(rest))
            try:
                waited: set[asyncio.Future[Any]] = {coming, self._revoked}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if self._revoked.done():
                    raise errors.wrong_key()
                piece = await coming
            finally:
                coming.cancel()
            if piece is None:
                return
            yield piece

    async def _keep(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if line.reason:
                self._refused += 1
                if len(self._errors) < _ERRORS_TOLD:
                    self._errors.append({"Line": line.number, "Reason": line.reason})
        if refused := sum(bool(line.reason) for line in lines):
            self._state.refused(refused)
        good = [Incoming(line.data, line.value) for line in lines if not line.reason]
        for at in range(0, len(good), _AT_ONCE):
            part = good[at : at + _AT_ONCE]
            self._last_offset = await self._writer.add(part)
            self._taken += len(part)
            self._state.counted()
            await self._state.live()


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


def _parts(piece: bytes) -> Iterator[bytes]:
    """A piece in parts of a size that is worth a write."""
    size_bytes = LIMITS.record_bytes_max
    return (piece[at : at + size_bytes] for at in range(0, len(piece), size_bytes))
