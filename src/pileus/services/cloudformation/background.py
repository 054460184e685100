"""What goes on when the platform starts: stack operations that were under way."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine import runner


async def start(call: StreamCall) -> None:
    """Resume every stack operation of this space."""
    rows = call.read(lambda c: c.state.range(("operation",)))
    for key, raw in rows:
        operation = store.OPERATIONS.decode(raw)
        if not operation.is_paused:
            runner.spawn(call, key[1], operation.id)
