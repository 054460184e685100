"""What resumes at start-up: uploads that were cut off, garbage not yet collected, lifecycle rules."""

from __future__ import annotations

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.s3 import collecting, lifecycle, store


async def start(call: StreamCall) -> None:
    """Turn what an earlier life left pending into garbage, and begin to collect."""
    # The port is open already, so this life may have begun uploads of its own.
    writing = call.own(collecting.Collector).writing

    def look(view: ReadCall) -> list[str]:
        rows = view.state.range(("pending",))
        return [str(key[1]) for key, _ in rows if key[1] not in writing]

    pending = call.read(look)
    if pending:

        def step(write: WriteCall) -> None:
            for blob in pending:
                write.state.delete(("pending", blob))
                store.put_garbage(write.state, blob)

        await call.write(step)
    collecting.ensure(call)
    lifecycle.ensure(call)
