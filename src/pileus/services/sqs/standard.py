"""Standard queues: every message is on its own.

A message that nobody received yet is one row, in the index by visibility. Its first receive moves it
into its Flight, and the index keeps the place only: so a send writes one row, and a message that is
received again is not looked for twice.
"""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import store
from pileus.services.sqs.model import Flight, Message, Queue


def add(call: WriteCall, queue: Queue, message: Message, visible_ms: int) -> None:
    """Store ``message``, to be received from ``visible_ms`` on."""
    name = queue.name
    call.state.put(("ready", name, visible_ms, message.sequence), store.MESSAGES.encode(message))
    call.wake(store.wake_key(name))


def take(
    call: WriteCall, queue: Queue, count: int, visible_ms: int
) -> list[tuple[Message, Flight]]:
    """Receive up to ``count`` messages: each becomes invisible until ``visible_ms``."""
    taken = []
    name, state = queue.name, call.state
    now = ("ready", name, call.now_ms + 1)
    for key, raw in state.range(("ready", name), stop=now, limit=count):
        sequence = key[3]
        flight = Flight(0, message=raw) if raw else store.flight(state, name, sequence)
        assert flight is not None
        flight.visible_ms = visible_ms
        flight.count += 1
        flight.first_ms = flight.first_ms or call.now_ms
        flight.taken_ms = call.now_ms
        state.delete(key)
        state.put(("ready", name, visible_ms, sequence), b"")
        store.put_flight(state, name, sequence, flight)
        taken.append((store.MESSAGES.decode(flight.message), flight))
    return taken


def remove(call: WriteCall, queue: Queue, sequence: int, flight: Flight) -> None:
    """Delete a message that was received."""
    call.state.delete(("ready", queue.name, flight.visible_ms, sequence))
    call.state.delete(("flight", queue.name, sequence))


def remove_sent_before(call: WriteCall, queue: Queue, horizon_ms: int, count: int) -> int:
    """Delete at most ``count`` messages sent before a moment; how many there were.

    Those that were received are in the order they were sent in, the others in the order in which
    they became visible: a delayed one goes that much later.
    """
    name, state = queue.name, call.state
    stop = ("flight", name, horizon_ms * 1000)
    received = state.range(("flight", name), stop=stop, limit=count)
    for key, raw in received:
        remove(call, queue, key[2], store.FLIGHTS.decode(raw))
    left = count - len(received)
    if not left:
        return count
    waiting = state.range(("ready", name), stop=("ready", name, horizon_ms), limit=left)
    for key, raw in waiting:
        if raw:
            state.delete(key)
    return len(received) + len(waiting)


def change_visibility(
    call: WriteCall, queue: Queue, sequence: int, flight: Flight, visible_ms: int
) -> None:
    """Move the moment at which a message in flight can be received again."""
    call.state.delete(("ready", queue.name, flight.visible_ms, sequence))
    call.state.put(("ready", queue.name, visible_ms, sequence), b"")
    flight.visible_ms = visible_ms
    store.put_flight(call.state, queue.name, sequence, flight)
    call.wake(store.wake_key(queue.name))
