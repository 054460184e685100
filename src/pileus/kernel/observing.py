"""Who is told of what happens: records are made only for somebody who wants them.

Calls and invocations are many, and pages that show them are seldom open: an observer says beforehand
what it wants, so that the paths that matter build nothing that nobody reads.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from pileus.shapes import shown_input
from pileus.values.context import CallContext

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel

T = TypeVar("T")
Take = Callable[[dict[str, Any]], None]
"""Takes one record: ``kind``, ``at_ms`` and the fields of its kind."""
_LATER_S = 0.25
_LATER_MAX = 1024
"""Records that wait; more are told at once."""


class Attention(enum.Enum):
    """How much an observer wants a record."""

    NONE = "none"
    LATER = "later"
    """Within a moment, when it costs nobody's time."""
    NOW = "now"


class PassingCall(msgspec.Struct, frozen=True):
    """One call through the door, over now; ``error_code`` is empty when it went well."""

    context: CallContext
    service: str
    operation: str
    input: Mapping[str, Any]
    took_us: int
    error_code: str

    def fields(self) -> dict[str, Any]:
        """The record's fields; sensitive members of the input are hidden."""
        context = self.context
        return {
            "account": context.account,
            "region": context.region,
            "service": self.service,
            "operation": self.operation,
            "principal": context.principal.arn,
            "source": context.source,
            "request_id": context.request_id,
            "input": shown_input(self.service, self.operation, self.input),
            "took_ms": self.took_us / 1000,
            "error": self.error_code,
        }


class ObserverChoice(Protocol):
    """What one observer wants; asked for every record, so it must be quick."""

    def attention(self, kind: str, account: str) -> Attention:
        """How much a record of ``kind`` about ``account`` is wanted."""
        ...

    def count_call(self, call: PassingCall) -> None:
        """A call went by whose record was not wanted."""
        ...


class _Everything:
    """The choice of who makes none."""

    def attention(self, kind: str, account: str) -> Attention:
        return Attention.NOW

    def count_call(self, call: PassingCall) -> None:
        """Never called: every record is wanted."""


_Later = tuple[int, str, str, Callable[[Any], dict[str, Any]], Any]
"""Wall time, kind, account, and how to make the fields of what."""


class Observers:
    """The kernel's observers. Called from the event loop only."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._observers: list[tuple[Take, ObserverChoice]] = []
        self._later: list[_Later] = []
        self.are_any = False

    def add(self, take: Take, choice: ObserverChoice | None) -> Callable[[], None]:
        """See :meth:`Kernel.add_observer`."""
        entry = (take, choice or _Everything())
        self._observers.append(entry)
        self.are_any = True

        def undo() -> None:
            self._observers.remove(entry)
            self.are_any = bool(self._observers)

        return undo

    def call(self, call: PassingCall) -> None:
        """Tell of a call who wants to know; let the others count it."""
        fields: dict[str, Any] | None = None
        account = call.context.account
        for take, choice in self._observers:
            if choice.attention("call", account) is Attention.NONE:
                choice.count_call(call)
            else:
                if fields is None:
                    fields = call.fields()
                take({"kind": "call", "at_ms": self._kernel.clock.now_ms(), **fields})

    def tell(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Tell who wants a record of ``kind``."""
        account = fields.get("account", "")
        at_ms = self._kernel.clock.now_ms()
        for take, choice in self._observers:
            if choice.attention(kind, account) is not Attention.NONE:
                take({"kind": kind, "at_ms": at_ms, **fields})

    def tell_later(
        self, kind: str, account: str, fields: Callable[[T], dict[str, Any]], what: T
    ) -> None:
        """The same with ``fields(what)``, made in a moment where nobody is waiting for it."""
        if not self._observers:
            return
        self._later.append((self._kernel.clock.now_ms(), kind, account, fields, what))
        for _, choice in self._observers:
            if choice.attention(kind, account) is Attention.NOW:
                self.flush()
                return
        if len(self._later) >= _LATER_MAX:
            self.flush()
        elif len(self._later) == 1:
            self._kernel.supervisor.spawn("records", self._flush_soon())

    def flush(self) -> None:
        """Tell what waits."""
        waiting, self._later = self._later, []
        for at_ms, kind, account, fields, what in waiting:
            record = {"kind": kind, "at_ms": at_ms, **fields(what)}
            for take, choice in self._observers:
                if choice.attention(kind, account) is not Attention.NONE:
                    take(dict(record))

    async def _flush_soon(self) -> None:
        await self._kernel.clock.sleep(_LATER_S)
        self.flush()
