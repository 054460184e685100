"""Reading what servers of others answer over HTTP, for as long as they go on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from pileus.values.errors import PileusError


class FetchFailed(PileusError):
    """There is no answer, or it broke off: nobody listens, the name is not known, the connection was lost."""


class Fetched(Protocol):
    """An answer whose body is still to come.

    Attributes:
        status: of HTTP, such as 200; redirections were followed.
        headers: names in lower case; repeated ones are joined by a comma.
    """

    status: int
    headers: Mapping[str, str]

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes, read no faster than it is taken; once. It ends where the answer does.

        Raises FetchFailed: it broke off before its end.
        """
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class Fetching(Protocol):
    """An HTTP client: ``http`` and ``https``, HTTP/1.1 (RFC 9112)."""

    async def get(self, url: str, headers: Mapping[str, str]) -> Fetched:
        """GET an address, with its user and password as Basic authentication (RFC 7617) if it has some.

        At most five redirections are followed. Raises FetchFailed.
        """
        ...
