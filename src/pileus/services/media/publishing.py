"""One publisher of a pushed source: its bytes go to the source's process, as fast as that takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Coroutine
from typing import Any

from pileus.ports.intakes import Inlet, InletClosed
from pileus.services.media import errors


class Publishing:
    """Made by ``Streams.publish``; ended by :meth:`end`, whatever happens in between.

    Attributes:
        key: what the publisher showed; empty where it was let in by another proof.
        is_ended: it sends nothing any more.
    """

    takes_text = False

    def __init__(self, source: str) -> None:
        self._source = source
        self._inlet: asyncio.Future[Inlet] = asyncio.get_running_loop().create_future()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.key = ""
        self.is_ended = self._is_revoked = self._has_begun = False

    # -- the publisher's side ---------------------------------------------------------------

    async def take(self, pieces: AsyncIterable[bytes]) -> dict[str, Any]:
        """Hand on everything that a publisher sends; the source's ``State`` when all is read. Raises
        SourceNotReadableException. Where the pieces break off, the publisher went away."""
        is_clean = False
        try:
            await self.begin()
            async for piece in pieces:
                await self.write(piece)
            is_clean = True
        finally:
            if not is_clean:
                await self.end(is_clean=False)
        await self.end(is_clean=True)
        return {"State": "ENDED"}

    async def begin(self) -> None:
        """Wait for the process and tell it. Raises SourceNotReadableException."""
        await self._unless_over(self._begin())

    async def offer(self, sdp: str) -> str:
        """Begin with a publisher that comes by WebRTC; the answer. Raises SourceNotReadableException."""
        await self._unless_over(self._offer(sdp))
        return self._answer.result()

    async def _offer(self, sdp: str) -> None:
        inlet = await self._opened()
        await inlet.offer(sdp)
        await asyncio.shield(self._answer)

    async def write(self, data: bytes) -> None:
        """Hand on bytes, once the process has room for them. Raises SourceNotReadableException: it cannot
        read what came before."""
        await self._unless_over(self._write(data))

    async def end(self, *, is_clean: bool) -> None:
        """The publisher has ended, or went away. After a clean end this waits until all is read.

        Raises SourceNotReadableException.
        """
        self.is_ended = True
        if self._over.done() or not self._inlet.done():
            if is_clean:
                self._check()
            return
        try:
            await self._inlet.result().end(is_clean=is_clean)
        except InletClosed:
            pass  # who reads it tells why
        if is_clean:
            await self._over
            self._check()

    async def _begin(self) -> None:
        inlet = await self._opened()
        await inlet.begin()

    async def _opened(self) -> Inlet:
        inlet = await asyncio.shield(self._inlet)
        self._check()
        self._has_begun = True
        return inlet

    async def _write(self, data: bytes) -> None:
        self._check()  # what was revoked is written no more, not even by a step that was under way
        await self._inlet.result().write(data)

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        try:
            waited: set[asyncio.Future[Any]] = {task, self._over}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            self._check()
            await task
        except InletClosed:
            await self._over
            self._check()
        finally:
            task.cancel()

    def _check(self) -> None:
        if self._is_revoked:
            raise errors.wrong_key()
        if self._over.done() and (reason := self._over.result()):
            raise errors.unreadable(self._source, reason)

    # -- the source's side ------------------------------------------------------------------

    def opened(self, inlet: Inlet) -> None:
        """A process is there to read it."""
        if not self._inlet.done():
            self._inlet.set_result(inlet)

    def answered(self, sdp: str) -> None:
        """The process has answered the offer."""
        if not self._answer.done():
            self._answer.set_result(sdp)

    async def revoke(self) -> None:
        """Its key is good no more: it is cut off, and told so with the next that it sends."""
        self.is_ended = self._is_revoked = True
        if self._over.done():
            return
        self.over("")
        if self._has_begun:
            try:
                await self._inlet.result().end(is_clean=False)
            except InletClosed:
                pass  # the process is gone, and what was pushed with it

    def over(self, reason: str) -> None:
        """Nothing is read any more; ``reason`` is empty where all was."""
        if not self._over.done():
            self._over.set_result(reason)
