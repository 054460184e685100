"""What may be done to a message in flight."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import errors, fifo, standard, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import Queue


def delete(call: WriteCall, queue: Queue, handle: str) -> None:
    """Delete the message that ``handle`` was given for, unless it was received again since."""
    sequence, flight = store.flight_of(call.state, queue, handle)
    if flight is not None:
        (fifo if queue.is_fifo else standard).remove(call, queue, sequence, flight)


def change_visibility(call: WriteCall, queue: Queue, handle: str, timeout_s: int) -> None:
    """Move the end of the flight; raises InvalidParameterValue when there is none."""
    if not 0 <= timeout_s <= LIMITS.visibility_s_max:
        raise errors.invalid_value(
            timeout_s,
            "VisibilityTimeout",
            "VisibilityTimeout must be an integer between 0 and 43200.",
        )
    sequence, flight = store.flight_of(call.state, queue, handle)
    if flight is None or flight.visible_ms <= call.now_ms:
        raise errors.not_in_flight(handle)
    room = fifo if queue.is_fifo else standard
    room.change_visibility(call, queue, sequence, flight, call.now_ms + timeout_s * 1000)
