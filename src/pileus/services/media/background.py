"""What goes on without a request: sources are read again, what nobody names is deleted."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.media import engine_code, recording, store
from pileus.services.media.delivering import Deliveries
from pileus.services.media.engines import code_prefix
from pileus.services.media.retention import Retention
from pileus.services.media.streams import Streams


async def start(call: StreamCall) -> None:
    """Take up what a previous run left in this space."""
    engines = call.read(lambda view: list(store.every(view.state, "engine")))
    await recording.sweep(call, code_prefix(call), {engine.blob for engine in engines})
    await engine_code.sweep_pins(call)
    await recording.forget_gone(call)
    await recording.sweep_all(call)
    call.part(Deliveries).recover(call)
    await call.part(Streams).recover(call)
    call.part(Retention).look_after(call)
