"""Standard queues: every message is on its own."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import store
from pileus.services.sqs.model import Flight, Message, Queue


def add(call: WriteCall, queue: Queue, message: Message, visible_ms: int) -> None:
    """Store ``message``, to be received from ``visible_ms`` on."""
    name, sequence = queue.name, message.sequence
    message.visible_ms = visible_ms
    call.state.put(("message", name, sequence), store.MESSAGES.encode(message))
    call.state.put(("ready", name, visible_ms, sequence), b"")
    call.wake(store.wake_key(name))


def take(
    call: WriteCall, queue: Queue, count: int, visible_ms: int
) -> list[tuple[Message, Flight]]:
    """Receive up to ``count`` messages: each becomes invisible until ``visible_ms``."""
    taken = []
    name = queue.name
    now = ("ready", name, call.now_ms + 1)
    for key, _ in call.state.range(("ready", name), stop=now, limit=count):
        sequence = key[3]
        flight = store.flight(call.state, name, sequence) or Flight(0)
        flight.visible_ms = visible_ms
        flight.count += 1
        flight.first_ms = flight.first_ms or call.now_ms
        flight.taken_ms = call.now_ms
        call.state.delete(key)
        call.state.put(("ready", name, visible_ms, sequence), b"")
        store.put_flight(call.state, name, sequence, flight)
        taken.append((store.message(call.state, name, sequence), flight))
    return taken


def remove(call: WriteCall, queue: Queue, sequence: int, flight: Flight) -> None:
    """Delete a message that was received."""
    call.state.delete(("ready", queue.name, flight.visible_ms, sequence))
    store.forget(call.state, queue.name, sequence)


def change_visibility(
    call: WriteCall, queue: Queue, sequence: int, flight: Flight, visible_ms: int
) -> None:
    """Move the moment at which a message in flight can be received again."""
    call.state.delete(("ready", queue.name, flight.visible_ms, sequence))
    call.state.put(("ready", queue.name, visible_ms, sequence), b"")
    flight.visible_ms = visible_ms
    store.put_flight(call.state, queue.name, sequence, flight)
    call.wake(store.wake_key(queue.name))
