"""The console as a client of public operations: asks, pages, and notes what was not answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from pileus.console.feed import CONSOLE_SOURCE
from pileus.values.body import Body
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

PAGES_MAX = 20


class Answer(Protocol):
    """What the door gives back (the kernel's ``Reply``)."""

    @property
    def output(self) -> Mapping[str, Any]: ...

    @property
    def body(self) -> Body | None: ...


class Invoke(Protocol):
    """The door: ``kernel.invoke``."""

    def __call__(
        self, context: CallContext, service: str, operation: str, input: Mapping[str, Any], /
    ) -> Awaitable[Answer]: ...


def guest(account: str, region: str, endpoint: str) -> CallContext:
    """The page as a caller of the door."""
    return CallContext(
        account=account,
        region=region,
        principal=Principal.root(account),
        source=CONSOLE_SOURCE,
        endpoint=endpoint,
    )


class Asker:
    """Asks one account's rooms on behalf of the page.

    Attributes:
        unanswered: ``service.Operation`` → error code, of the questions that failed since
            :meth:`forget`. A room this build lacks shows here, and on the page.
    """

    def __init__(self, invoke: Invoke, account: str, region: str, endpoint: str) -> None:
        self.account = account
        self.region = region
        self._invoke = invoke
        self._context = guest(account, region, endpoint)
        self.unanswered: dict[str, str] = {}

    def forget(self) -> None:
        """Begin a new round of questions."""
        self.unanswered.clear()

    async def ask(self, service: str, operation: str, **input: Any) -> Mapping[str, Any]:
        """The operation's output; empty, and noted, when the room refuses."""
        answer = await self._answer(service, operation, input)
        return answer.output if answer else {}

    async def ask_bytes(
        self, service: str, operation: str, limit_bytes: int, **input: Any
    ) -> bytes | None:
        """The streaming payload, None when the room refuses.

        Raises:
            ValueError: the payload is longer than ``limit_bytes``.
        """
        answer = await self._answer(service, operation, input)
        if answer is None or answer.body is None:
            return None
        return await answer.body.read(limit_bytes)

    async def pages(
        self, service: str, operation: str, token: tuple[str, str], **input: Any
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Output after output of a paged operation, ``PAGES_MAX`` at most.

        Args:
            token: the member that continues, in the output and in the input.
        """
        told, asked = token
        for _ in range(PAGES_MAX):
            output = await self.ask(service, operation, **input)
            yield output
            if not output.get(told):
                return
            input[asked] = output[told]
        self.unanswered[f"{service}.{operation}"] = f"more than {PAGES_MAX} pages"

    async def _answer(self, service: str, operation: str, input: dict[str, Any]) -> Answer | None:
        try:
            return await self._invoke(self._context, service, operation, input)
        except ServiceError as error:
            self.unanswered[f"{service}.{operation}"] = error.code
            return None
