"""What may be done to a message in flight."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import errors, fifo, standard, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import Queue


def delete(call: WriteCall, queue: Queue, handle: str) -> None:
    """Delete the message that ``handle`` was given for, unless it was received again since.

    Raises InvalidParameterValue for a FIFO queue's message that is no longer in that flight.
    """
    sequence, flight = store.flight_of(call.state, queue, handle)
    if not queue.is_fifo:
        if flight is not None:
            standard.remove(call, queue, sequence, flight)
        return
    if flight is not None and flight.visible_ms > call.now_ms:
        fifo.remove(call, queue, sequence, flight)
    elif store.flight(call.state, queue.name, sequence) is not None:
        raise errors.handle_expired(handle)


def change_visibility(call: WriteCall, queue: Queue, handle: str, timeout_s: int) -> None:
    """Move the end of the flight; a message that is visible again stays so.

    Raises InvalidParameterValue when the message is gone or another receive has it, and when it
    would be invisible for more than twelve hours in all.
    """
    if not 0 <= timeout_s <= LIMITS.visibility_s_max:
        raise errors.invalid_value(
            timeout_s,
            "VisibilityTimeout",
            "VisibilityTimeout must be an integer between 0 and 43200.",
        )
    sequence, flight = store.flight_of(call.state, queue, handle)
    if flight is None:
        raise errors.not_in_flight(handle)
    if flight.visible_ms <= call.now_ms:
        return
    if call.now_ms - flight.taken_ms + timeout_s * 1000 > LIMITS.visibility_s_max * 1000:
        raise errors.invisible_too_long(timeout_s, LIMITS.visibility_s_max)
    room = fifo if queue.is_fifo else standard
    room.change_visibility(call, queue, sequence, flight, call.now_ms + timeout_s * 1000)
