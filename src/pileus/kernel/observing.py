"""Who is told of what happens: records are made only for somebody who wants them.

Calls and invocations are many, and pages that show them are seldom open: an observer says beforehand
what it wants, so that the paths that matter build nothing that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from pileus.shapes import shown_input
from pileus.values.context import CallContext

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel

Take = Callable[[dict[str, Any]], None]
"""Takes one record: ``kind``, ``at_ms`` and the fields of its kind."""


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

    def wants(self, kind: str, account: str) -> bool:
        """Whether a record of ``kind`` about ``account`` is wanted."""
        ...

    def count_call(self, call: PassingCall) -> None:
        """A call went by whose record was not wanted."""
        ...


class _Everything:
    """The choice of who makes none."""

    def wants(self, kind: str, account: str) -> bool:
        return True

    def count_call(self, call: PassingCall) -> None:
        """Never called: every record is wanted."""


class Observers:
    """The kernel's observers. Called from the event loop only."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._observers: list[tuple[Take, ObserverChoice]] = []
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
            if not choice.wants("call", account):
                choice.count_call(call)
            else:
                if fields is None:
                    fields = call.fields()
                take({"kind": "call", "at_ms": self._kernel.clock.now_ms(), **fields})

    def want(self, kind: str, account: str) -> bool:
        """Whether anybody wants a record of ``kind``, so that it is worth making."""
        return any(choice.wants(kind, account) for _, choice in self._observers)

    def tell(self, kind: str, fields: Mapping[str, Any], at_ms: int | None = None) -> None:
        """Tell who wants a record of ``kind``, of something that happened now or ``at_ms``."""
        account = fields.get("account", "")
        if at_ms is None:
            at_ms = self._kernel.clock.now_ms()
        for take, choice in self._observers:
            if choice.wants(kind, account):
                take({"kind": kind, "at_ms": at_ms, **fields})
