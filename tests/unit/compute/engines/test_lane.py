"""A lane: order, batches, drops, poison."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pileus.compute.engines.lane import (
    NEVER,
    NEWEST,
    OLDEST,
    OVERTAKEN,
    OVERWRITTEN,
    Batch,
    Chunk,
    Lane,
    LaneSettings,
    State,
)


def chunk(number: int) -> Chunk:
    start_ms = number * 200
    return Chunk("s", "ring", number, start_ms, start_ms + 200, 10_000 + start_ms)


def lane(**settings: object) -> Lane:
    return Lane(LaneSettings(**settings))  # type: ignore[arg-type]


def numbers(batch: Batch | None) -> list[int]:
    return [each.number for each in batch.chunks] if batch else []


def offer(under_test: Lane, count: int, first: int = 1, now_ms: int = 0) -> list[bool]:
    return [under_test.offer(chunk(number), now_ms) for number in range(first, first + count)]


def done(under_test: Lane, batch: Batch) -> None:
    under_test.completed(batch, {each.number: [] for each in batch.chunks})


def left(under_test: Lane) -> list[tuple[int, State]]:
    return [(entry.chunk.number, entry.state) for entry in under_test.leaving()]


def test_an_idle_instance_gets_its_chunk_at_once():
    under_test = lane(batch_size=8, window_ms=200)
    offer(under_test, 1)
    assert numbers(under_test.next_batch(0, is_instance_idle=True)) == [1]


def test_busy_instances_wait_for_a_full_or_an_old_batch():
    under_test = lane(batch_size=3, window_ms=200, when_behind=OLDEST)
    offer(under_test, 2)
    assert under_test.next_batch(199, is_instance_idle=False) is None
    assert under_test.ripe_at_ms() == 200
    assert numbers(under_test.next_batch(200, is_instance_idle=False)) == [1, 2]
    offer(under_test, 3, first=3, now_ms=300)
    assert numbers(under_test.next_batch(300, is_instance_idle=False)) == [3, 4, 5]
    assert under_test.ripe_at_ms() is None


def test_results_leave_in_the_order_of_their_chunks():
    under_test = lane(when_behind=OLDEST)
    offer(under_test, 3)
    batches = [under_test.next_batch(0, is_instance_idle=True) for _ in range(3)]
    for batch in reversed(batches):
        assert batch is not None
        assert left(under_test) == []
        done(under_test, batch)
    assert left(under_test) == [(1, State.DONE), (2, State.DONE), (3, State.DONE)]
    assert under_test.pending == 0


def test_newest_keeps_one_waiting_and_counts_the_others():
    under_test = lane(when_behind=NEWEST)
    offer(under_test, 5)
    assert under_test.waiting == 1
    assert under_test.drops == {OVERTAKEN: 4}
    assert numbers(under_test.next_batch(0, is_instance_idle=True)) == [5]
    assert left(under_test) == [(number, State.DROPPED) for number in range(1, 5)]


def test_oldest_keeps_what_there_is_room_for():
    under_test = lane(when_behind=OLDEST, waiting_max=3)
    offer(under_test, 5)
    assert under_test.drops == {OVERTAKEN: 2}
    assert numbers(under_test.next_batch(0, is_instance_idle=True)) == [3]


def test_never_takes_nothing_until_it_has_caught_up():
    under_test = lane(when_behind=NEVER, waiting_max=2)
    offer(under_test, 1)
    seen = under_test.next_batch(0, is_instance_idle=True)
    assert seen is not None
    assert offer(under_test, 4, first=2) == [True, True, False, False]
    # The ring will not keep what waits: it is brought again as well.
    assert (under_test.behind, under_test.waiting) == (chunk(2), 0)
    done(under_test, seen)
    assert left(under_test) == [(1, State.DONE)]
    assert under_test.offer(chunk(5), 0) is False
    under_test.caught_up()
    assert offer(under_test, 1, first=2) == [True]
    assert not under_test.drops


def test_what_is_replayed_always_finds_room():
    under_test = lane(when_behind=NEVER, waiting_max=1)
    assert all(under_test.offer(chunk(number), 0, is_replayed=True) for number in range(1, 9))
    lossy = lane(when_behind=NEWEST)
    assert all(lossy.offer(chunk(number), 0, is_replayed=True) for number in range(1, 9))
    assert (lossy.waiting, lossy.lowest("ring"), lossy.lowest("other")) == (8, 1, None)


def test_chunks_of_a_failed_call_are_tried_alone_and_poison_is_given_up():
    under_test = lane(batch_size=3, when_behind=OLDEST, attempts_max=2)
    offer(under_test, 3)
    batch = under_test.next_batch(0, is_instance_idle=True)
    assert batch is not None
    under_test.failed(batch, "boom")
    for number in (1, 2, 3):
        batch = under_test.next_batch(0, is_instance_idle=True)
        assert batch is not None and numbers(batch) == [number]
        if number == 2:
            under_test.failed(batch, "boom again")
        else:
            done(under_test, batch)
    entries = under_test.leaving()
    assert [entry.state for entry in entries] == [State.DONE, State.DEAD, State.DONE]
    assert entries[1].reason == "boom again"


def test_what_the_ring_lost_is_dropped_or_brought_again():
    lossy, lossless = lane(when_behind=OLDEST), lane(when_behind=NEVER)
    for each in (lossy, lossless):
        offer(each, 1)
        batch = each.next_batch(0, is_instance_idle=True)
        assert batch is not None
        each.completed(batch, {}, gone=[1])
    assert lossy.drops == {OVERWRITTEN: 1}
    assert (lossless.waiting, lossless.behind) == (0, chunk(1))


def test_the_lag_is_that_of_the_oldest_that_has_not_left():
    under_test = lane(when_behind=OLDEST)
    assert under_test.lag_ms(99_999) == 0
    offer(under_test, 2)
    assert under_test.lag_ms(11_000) == 800


@given(st.lists(st.sampled_from(["offer", "send", "done", "fail"]), max_size=60))
def test_every_chunk_leaves_once_and_in_order(steps: Sequence[str]):
    under_test = lane(batch_size=2, when_behind=OLDEST, waiting_max=4)
    running: list[Batch] = []
    offered, gone = 0, []
    for step in [*steps, *["done", "send"] * 200]:
        if step == "offer":
            offered += 1
            under_test.offer(chunk(offered), 0)
        elif step == "send":
            batch = under_test.next_batch(0, is_instance_idle=True)
            running += [batch] if batch else []
        elif running:
            batch = running.pop()
            done(under_test, batch) if step == "done" else under_test.failed(batch, "x")
        gone += [number for number, _ in left(under_test)]
    assert gone == list(range(1, offered + 1))
