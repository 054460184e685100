"""What one transaction of a room runs, and what follows its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from pileus.kernel.calls import SEEN, SEEN_AT, WriteCall
from pileus.kernel.operations import Reply, Wait
from pileus.ports.state import Space, Transaction
from pileus.values.context import CallContext

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel


class WriteWork:
    """One step as a transaction runs it, and what it leaves to be done when that is durable.

    An object and not functions within functions: every write makes one.

    Attributes:
        started_ms: when the call began, where an earlier run of the step had to wait.
        call: what the step was run with.
        waiter: resolved when the key of a :class:`Wait` is woken.
    """

    __slots__ = (
        "_context",
        "_delivery_id",
        "_kernel",
        "_space",
        "_step",
        "call",
        "started_ms",
        "waiter",
    )

    def __init__(
        self,
        kernel: Kernel,
        context: CallContext,
        space: Space,
        step: Callable[[WriteCall], Any],
        delivery_id: str | None,
    ) -> None:
        self._kernel = kernel
        self._context = context
        self._space = space
        self._step = step
        self._delivery_id = delivery_id
        self.started_ms: int | None = None
        self.call: WriteCall = None  # type: ignore[assignment]
        self.waiter: asyncio.Future[None] | None = None

    def __call__(self, transaction: Transaction) -> Any:
        """Run the step, or give what it answered when the same delivery came before."""
        kernel, space, delivery_id = self._kernel, self._space, self._delivery_id
        call = self.call = WriteCall(kernel, self._context, space, transaction, self.started_ms)
        if delivery_id is not None:
            seen = transaction.get((SEEN, delivery_id))
            if seen is not None:
                return orjson.loads(seen)
        result = self._step(call)
        if isinstance(result, Wait):
            # Registered before anything else can commit, so that no wake-up is lost.
            self.waiter = kernel.state.waiter(space, result.key)
        elif delivery_id is not None:
            output = result.output if isinstance(result, Reply) else result
            transaction.put((SEEN, delivery_id), orjson.dumps(output, default=str))
            transaction.put((SEEN_AT, call.now_ms, delivery_id), b"")
        return result

    def follow(self) -> None:
        """Dispatch what the step emitted, arm its timers, count what it measured."""
        call = self.call
        if call.emitted:
            self._kernel.outbox.dispatch(self._space, call.emitted)
        if call.timers:
            self._kernel.timers.arm(self._space, call.timers)
        for noted in call.measured:
            self._kernel.measures.note(self._space, noted)
