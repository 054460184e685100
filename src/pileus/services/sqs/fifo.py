"""FIFO queues: messages of a group one after another, never past one that is in flight.

The group's first message stands for it in the ``ready`` index, at the moment that message becomes
visible; so a group is locked exactly while its first message is in flight.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import store
from pileus.services.sqs.model import Flight, Message, Queue, Sent
from pileus.values.keys import Key

_EXPIRED_PER_SEND = 4


def add(call: WriteCall, queue: Queue, message: Message, visible_ms: int) -> None:
    """Store ``message`` at the end of its group."""
    name, sequence, state = queue.name, message.sequence, call.state
    is_first = not state.range(("group", name, message.group), limit=1)
    state.put(("message", name, sequence), store.MESSAGES.encode(message))
    state.put(("group", name, message.group, sequence), b"")
    store.put_flight(state, name, sequence, Flight(visible_ms))
    if is_first:
        state.put(("ready", name, visible_ms, sequence), message.group.encode())
        call.wake(store.wake_key(name))


def take(
    call: WriteCall, queue: Queue, count: int, visible_ms: int
) -> list[tuple[Message, Flight]]:
    """Receive up to ``count`` messages, as many of one group as are visible, in order."""
    taken: list[tuple[Message, Flight]] = []
    name = queue.name
    now = ("ready", name, call.now_ms + 1)
    for key, raw in call.state.range(("ready", name), stop=now, limit=count):
        if len(taken) >= count:
            break
        group = raw.decode()
        for member, _ in call.state.range(("group", name, group), limit=count - len(taken)):
            sequence = int(member[3])
            flight = store.flight(call.state, name, sequence)
            if flight is None or flight.visible_ms > call.now_ms:
                break
            flight.visible_ms = visible_ms
            flight.count += 1
            flight.first_ms = flight.first_ms or call.now_ms
            flight.taken_ms = call.now_ms
            store.put_flight(call.state, name, sequence, flight)
            taken.append((store.message(call.state, name, sequence), flight))
        _move_head(call, name, group, key)
    return taken


def remove(call: WriteCall, queue: Queue, sequence: int, flight: Flight) -> None:
    """Delete a message that was received; the next of its group becomes the first."""
    group = store.message(call.state, queue.name, sequence).group
    call.state.delete(("group", queue.name, group, sequence))
    store.forget(call.state, queue.name, sequence)
    _move_head(call, queue.name, group, ("ready", queue.name, flight.visible_ms, sequence))


def remove_sent_before(call: WriteCall, queue: Queue, horizon_ms: int, count: int) -> int:
    """Delete at most ``count`` messages sent before a moment; how many there were."""
    # Sequences are at least the sending time in microseconds, so the oldest come first.
    stop = ("message", queue.name, horizon_ms * 1000)
    rows = call.state.range(("message", queue.name), stop=stop, limit=count)
    for key, _ in rows:
        flight = store.flight(call.state, queue.name, key[2])
        assert flight is not None
        remove(call, queue, key[2], flight)
    return len(rows)


def change_visibility(
    call: WriteCall, queue: Queue, sequence: int, flight: Flight, visible_ms: int
) -> None:
    """Move the moment at which a message in flight can be received again."""
    old: Key = ("ready", queue.name, flight.visible_ms, sequence)
    group = store.message(call.state, queue.name, sequence).group
    flight.visible_ms = visible_ms
    store.put_flight(call.state, queue.name, sequence, flight)
    _move_head(call, queue.name, group, old)


def _move_head(call: WriteCall, name: str, group: str, old: Key) -> None:
    """Let the ``ready`` index name the group's first message, and when it is visible."""
    if call.state.get(old) is None and old[3] != _first_sequence(call, name, group):
        # What changed was not the first message, so the index stands.
        return
    call.state.delete(old)
    first = _first_sequence(call, name, group)
    if first is None:
        return
    flight = store.flight(call.state, name, first)
    assert flight is not None
    call.state.put(("ready", name, flight.visible_ms, first), group.encode())
    call.wake(store.wake_key(name))


def _first_sequence(call: WriteCall, name: str, group: str) -> int | None:
    rows = call.state.range(("group", name, group), limit=1)
    return int(rows[0][0][3]) if rows else None


def scope(queue: Queue, group: str) -> str:
    """Within what a deduplication id is unique: the queue, or one group (high throughput)."""
    return group if queue.attribute("DeduplicationScope") == "messageGroup" else ""


def find_sent(call: WriteCall, queue: Queue, group: str, deduplication_id: str) -> Sent | None:
    """The earlier message with the same deduplication id, for five minutes after it was sent."""
    for key, _ in call.state.range(
        ("sent_until", queue.name),
        stop=("sent_until", queue.name, call.now_ms),
        limit=_EXPIRED_PER_SEND,
    ):
        call.state.delete(key)
        # The id may have been sent again since, and then stands for that message.
        old = call.state.get(("sent", queue.name, key[3], key[4]))
        if old is not None and store.SENT.decode(old).expires_ms == key[2]:
            call.state.delete(("sent", queue.name, key[3], key[4]))
    raw = call.state.get(("sent", queue.name, scope(queue, group), deduplication_id))
    if raw is None:
        return None
    sent = store.SENT.decode(raw)
    return sent if sent.expires_ms > call.now_ms else None


def put_sent(call: WriteCall, queue: Queue, message: Message, keep_ms: int) -> None:
    """Remember the message's deduplication id."""
    where = scope(queue, message.group)
    expires_ms = call.now_ms + keep_ms
    sent = Sent(expires_ms, message.id, message.sequence)
    call.state.put(("sent", queue.name, where, message.deduplication_id), store.SENT.encode(sent))
    call.state.put(("sent_until", queue.name, expires_ms, where, message.deduplication_id), b"")
