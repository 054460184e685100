"""What goes on without a request: tasks of executions, and what was paused or cut off."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.stepfunctions.dispatching import Dispatcher


async def start(call: StreamCall) -> None:
    """Take up what a previous run left in this space: tasks in doubt are dispatched again."""
    call.own(Dispatcher).attend(call)
