"""Servers of others, as a script: what each request is answered, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from pileus.ports.fetching import FetchFailed


class FakeFetched:
    """An answer that the test goes on with: :meth:`say`, :meth:`end`, :meth:`cut`."""

    def __init__(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.is_closed = False
        self._said: asyncio.Queue[bytes | FetchFailed | None] = asyncio.Queue()

    def say(self, data: bytes) -> FakeFetched:
        """More of the body."""
        self._said.put_nowait(data)
        return self

    def end(self) -> FakeFetched:
        """That was all."""
        self._said.put_nowait(None)
        return self

    def cut(self, reason: str = "the connection was lost") -> FakeFetched:
        """The connection breaks."""
        self._said.put_nowait(FetchFailed(reason))
        return self

    async def pieces(self) -> AsyncGenerator[bytes]:
        """See :class:`~pileus.ports.fetching.Fetched`."""
        while (said := await self._said.get()) is not None:
            if isinstance(said, FetchFailed):
                raise said
            yield said

    async def close(self) -> None:
        """See :class:`~pileus.ports.fetching.Fetched`."""
        self.is_closed = True


class FakeFetching:
    """Answers requests in order.

    Attributes:
        answers: what comes next; where none is left nobody listens.
        asked: address and headers of every request.
    """

    def __init__(self) -> None:
        self.answers: list[FakeFetched] = []
        self.asked: list[tuple[str, dict[str, str]]] = []

    def answer(self, status: int = 200, **headers: str) -> FakeFetched:
        """The next answer; names of headers with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(FakeFetched(status, named))
        return self.answers[-1]

    async def get(self, url: str, headers: Mapping[str, str]) -> FakeFetched:
        """See :class:`~pileus.ports.fetching.Fetching`."""
        self.asked.append((url, dict(headers)))
        if not self.answers:
            raise FetchFailed("no connection to the server")
        return self.answers.pop(0)
