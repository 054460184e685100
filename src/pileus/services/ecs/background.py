"""What a stop of the platform cut short: tasks on the node are taken hold of, others go on."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.ecs.running import TaskRunner


async def start(call: StreamCall) -> None:
    """Resume the tasks of this account and region."""
    call.part(TaskRunner).ensure(call)
