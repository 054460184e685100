"""Repeated receives of a FIFO queue: the same attempt gets the same messages again.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
(``ReceiveRequestAttemptId``)
"""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import fifo, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import Attempt, Flight, Message, Queue

_EXPIRED_PER_RECEIVE = 4

Taken = list[tuple[Message, Flight]]


def repeated(call: WriteCall, queue: Queue, attempt_id: str, visible_ms: int) -> Taken:
    """What the attempt received before, invisible until ``visible_ms`` now.

    Empty when it is more than five minutes old, or when a message of it was deleted, became
    visible or had its visibility changed since.
    """
    raw = call.state.get(("attempt", queue.name, attempt_id))
    if raw is None:
        return []
    attempt = store.ATTEMPTS.decode(raw)
    if attempt.expires_ms <= call.now_ms:
        return []
    flights = {
        sequence: store.flight(call.state, queue.name, sequence) for sequence in attempt.sequences
    }
    taken: Taken = []
    for sequence, flight in flights.items():
        if flight is None or flight.taken_ms != attempt.taken_ms:
            return []
        if flight.visible_ms != attempt.visible_ms or flight.visible_ms <= call.now_ms:
            return []
        taken.append((store.message(call.state, queue.name, sequence), flight))
    for message, flight in taken:
        fifo.change_visibility(call, queue, message.sequence, flight, visible_ms)
    attempt.visible_ms = visible_ms
    call.state.put(("attempt", queue.name, attempt_id), store.ATTEMPTS.encode(attempt))
    return taken


def remember(call: WriteCall, queue: Queue, attempt_id: str, taken: Taken) -> None:
    """Keep what an attempt received for five minutes."""
    name, state = queue.name, call.state
    stop = ("attempt_until", name, call.now_ms)
    for key, _ in state.range(("attempt_until", name), stop=stop, limit=_EXPIRED_PER_RECEIVE):
        state.delete(key)
        old = state.get(("attempt", name, key[3]))
        if old is not None and store.ATTEMPTS.decode(old).expires_ms == key[2]:
            state.delete(("attempt", name, key[3]))
    attempt = Attempt(
        expires_ms=call.now_ms + LIMITS.attempt_s * 1000,
        taken_ms=call.now_ms,
        visible_ms=taken[0][1].visible_ms,
        sequences=[message.sequence for message, _ in taken],
    )
    state.put(("attempt", name, attempt_id), store.ATTEMPTS.encode(attempt))
    state.put(("attempt_until", name, attempt.expires_ms, attempt_id), b"")
