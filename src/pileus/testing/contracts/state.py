"""The contract of ``ports/state.py``. A check gets a function that opens the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from pileus.ports.state import Snapshot, Space, State, Transaction
from pileus.values.keys import Key

Open = Callable[[], State]
HERE: Space = ("000000000000", "us-east-1", "sqs")
THERE: Space = ("000000000000", "us-east-1", "s3")


async def put_all(state: State, space: Space, pairs: dict[Key, bytes]) -> None:
    """Put every pair in one transaction."""

    def write(transaction: Transaction) -> None:
        for key, value in pairs.items():
            transaction.put(key, value)

    await state.transact(space, write)


def all_pairs(state: State, space: Space) -> dict[Key, bytes]:
    """Everything durable in ``space``."""
    return dict(state.read(space, lambda snapshot: snapshot.range()))


async def what_was_put_is_read(open_state: Open) -> None:
    state = open_state()
    await state.transact(HERE, lambda tx: tx.put(("a", 1), b"x"))
    assert state.read(HERE, lambda snapshot: snapshot.get(("a", 1))) == b"x"
    assert await state.transact(HERE, lambda tx: tx.get(("a", 1))) == b"x"
    await state.transact(HERE, lambda tx: tx.put(("a", 1), b""))
    assert state.read(HERE, lambda snapshot: snapshot.get(("a", 1))) == b""
    await state.transact(HERE, lambda tx: tx.delete(("a", 1)))
    assert state.read(HERE, lambda snapshot: snapshot.get(("a", 1))) is None
    await state.transact(HERE, lambda tx: tx.delete(("never", 0)))
    await state.close()


async def transactions_return_what_the_function_returns(open_state: Open) -> None:
    state = open_state()
    assert await state.transact(HERE, lambda tx: 42) == 42
    assert state.read(HERE, lambda snapshot: "seen") == "seen"
    await state.close()


async def every_kind_of_key_is_kept(open_state: Open) -> None:
    state = open_state()
    keys: list[Key] = [
        ("",),
        ("", ""),
        ("a",),
        ("a", ""),
        ("a\0",),
        ("a\0b",),
        ("ab",),
        ("ü",),
        ("\U0001f600",),
        (0,),
        (-1,),
        (1,),
        (-(1 << 63),),
        ((1 << 63) - 1,),
        (b"",),
        (b"\0",),
        (b"\0\xff",),
        (b"\xff\xff",),
        ("a", 1, b"x", "y"),
        ("a", 1, b"x"),
    ]
    await put_all(state, HERE, {key: repr(key).encode() for key in keys})
    found = state.read(HERE, lambda snapshot: snapshot.range())
    assert len(found) == len(keys)
    assert all(value == repr(key).encode() for key, value in found)
    assert [key for key, _ in found] == sorted(keys, key=_rank)
    for key in keys:
        assert state.read(HERE, lambda snapshot, key=key: snapshot.get(key)) == repr(key).encode()  # type: ignore[misc]
    await state.close()


def _rank(key: Key) -> list[tuple[int, int, bytes]]:
    """Bytes before strings before numbers; strings as their UTF-8."""
    ranks = []
    for part in key:
        if isinstance(part, bytes):
            ranks.append((1, 0, part))
        elif isinstance(part, str):
            ranks.append((2, 0, part.encode()))
        else:
            ranks.append((3, part, b""))
    return ranks


async def large_values_are_kept(open_state: Open) -> None:
    state = open_state()
    value = bytes(range(256)) * 4096
    await state.transact(HERE, lambda tx: tx.put(("large",), value))
    assert state.read(HERE, lambda snapshot: snapshot.get(("large",))) == value
    await state.close()


async def a_prefix_takes_whole_parts(open_state: Open) -> None:
    state = open_state()
    await put_all(state, HERE, {("a", 1): b"", ("a", 2): b"", ("ab", 1): b"", ("a",): b""})
    found = state.read(HERE, lambda snapshot: snapshot.range(("a",)))
    assert [key for key, _ in found] == [("a",), ("a", 1), ("a", 2)]
    assert state.read(HERE, lambda snapshot: snapshot.range(("b",))) == []
    await state.close()


async def ranges_keep_their_bounds(open_state: Open) -> None:
    state = open_state()
    await put_all(state, HERE, {("n", number): b"%d" % number for number in range(10)})
    await put_all(state, HERE, {("m", 0): b"", ("o", 0): b"", ("n", 4, "below"): b"4b"})
    assert_ranges(lambda look: state.read(HERE, look))
    await state.close()


async def ranges_in_a_transaction_see_its_own_writes(open_state: Open) -> None:
    state = open_state()
    before: dict[Key, bytes] = {("n", number): b"old" for number in (0, 1, 3, 4, 6, 20, 21)}
    await put_all(state, HERE, before)
    await put_all(state, HERE, {("m", 0): b"", ("n", 5, "gone"): b""})

    def work(tx: Transaction) -> None:
        for number in (20, 21, 4):
            tx.delete(("n", number))
        tx.delete_range(("n", 5))
        for number in range(10):
            tx.put(("n", number), b"%d" % number)
        tx.put(("o", 0), b"")
        tx.put(("n", 4, "below"), b"4b")
        tx.put(("n", 30), b"")
        tx.delete(("n", 30))
        assert_ranges(lambda look: look(tx))

    await state.transact(HERE, work)
    assert_ranges(lambda look: state.read(HERE, look))
    await state.close()


def assert_ranges(ask: Callable[[Callable[[Snapshot], object]], object]) -> None:
    """Check ranges over ``("n", 0)`` to ``("n", 9)`` with ``("n", 4, "below")`` in between."""
    order: list[Key] = [("n", number) for number in range(10)]
    order.insert(5, ("n", 4, "below"))

    def check(wanted: list[Key], **bounds: object) -> None:
        found = ask(lambda view: view.range(("n",), **bounds))  # type: ignore[arg-type]
        assert isinstance(found, list)
        assert [key for key, _ in found] == wanted, bounds
        assert all(value == (b"4b" if len(key) > 2 else b"%d" % key[1]) for key, value in found)

    for reverse in (False, True):
        turned = order[::-1] if reverse else order
        check(turned, reverse=reverse)
        for limit in (0, 1, 4, 11, 50):
            check(turned[:limit], limit=limit, reverse=reverse)
        for at, key in enumerate(order):
            bounded = {"start": order[at:], "after": order[at + 1 :], "stop": order[:at]}
            for bound, wanted in bounded.items():
                wanted = wanted[::-1] if reverse else wanted
                check(wanted, **{bound: key}, reverse=reverse)
                check(wanted[:3], **{bound: key}, reverse=reverse, limit=3)
        part = order[3:7][::-1] if reverse else order[3:7]
        check(part, start=order[3], stop=order[7], reverse=reverse)
        check(part, after=order[2], stop=order[7], reverse=reverse, limit=9)
    for bounds in ({}, {"start": order[3]}, {"after": order[4]}, {"stop": order[9]}):
        assert ask(lambda view, at=bounds: view.count(("n",), **at)) == len(  # type: ignore[misc]
            ask(lambda view, at=bounds: view.range(("n",), **at))  # type: ignore[misc, arg-type]
        )
    check([], start=("n", 5), stop=("n", 5))
    check([], start=("n", 7), stop=("n", 3))
    check(order, start=("a",), stop=("z",))
    check(order[5:], after=("n", 4))
    check(order[6:], start=("n", 4, "c"))


async def limits_count_what_is_left_after_deletions(open_state: Open) -> None:
    state = open_state()
    await put_all(state, HERE, {("n", number): b"" for number in range(50)})

    def work(tx: Transaction) -> list[list[Key]]:
        for number in range(0, 50, 2):
            tx.delete(("n", number))
        tx.put(("n", 100), b"")
        ranges = (tx.range(("n",), limit=5), tx.range(("n",), limit=5, reverse=True))
        return [[key for key, _ in found] for found in ranges]

    forward, backward = await state.transact(HERE, work)
    assert forward == [("n", number) for number in (1, 3, 5, 7, 9)]
    assert backward == [("n", number) for number in (100, 49, 47, 45, 43)]
    await state.close()


async def delete_range_counts_and_removes(open_state: Open) -> None:
    state = open_state()
    await put_all(state, HERE, {("a", 1): b"", ("a", 2): b"", ("ab", 1): b"", ("b", 1): b""})

    def work(tx: Transaction) -> tuple[int, int]:
        tx.put(("a", 3), b"")
        tx.delete(("a", 1))
        return tx.delete_range(("a",)), tx.delete_range(("a",))

    assert await state.transact(HERE, work) == (2, 0)
    assert set(all_pairs(state, HERE)) == {("ab", 1), ("b", 1)}
    assert await state.transact(HERE, lambda tx: tx.delete_range(())) == 2
    assert all_pairs(state, HERE) == {}
    await state.close()


async def an_exception_undoes_its_transaction_only(open_state: Open) -> None:
    state = open_state()
    await put_all(state, HERE, {("kept",): b"1"})

    def failing(tx: Transaction) -> NoReturn:
        tx.put(("kept",), b"2")
        tx.put(("new",), b"x")
        tx.delete_range(())
        raise ZeroDivisionError("a slip")

    good = [state.transact(HERE, lambda tx, n=n: tx.put(("good", n), b"")) for n in range(3)]  # type: ignore[misc]
    outcomes = await asyncio.gather(
        good[0], state.transact(HERE, failing), good[1], good[2], return_exceptions=True
    )
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert [outcomes[at] for at in (0, 2, 3)] == [None] * 3
    found = all_pairs(state, HERE)
    assert found.pop(("kept",)) == b"1"
    assert set(found) == {("good", number) for number in range(3)}
    await state.close()


async def concurrent_transactions_count_correctly(open_state: Open) -> None:
    state = open_state()

    def increment(tx: Transaction) -> int:
        value = int(tx.get(("count",)) or b"0") + 1
        tx.put(("count",), b"%d" % value)
        return value

    async def several() -> list[int]:
        return [await state.transact(HERE, increment) for _ in range(10)]

    seen = await asyncio.gather(*(several() for _ in range(20)))
    assert sorted(value for each in seen for value in each) == list(range(1, 201))
    assert state.read(HERE, lambda snapshot: snapshot.get(("count",))) == b"200"
    await state.close()


async def a_later_transaction_sees_an_earlier_one(open_state: Open) -> None:
    state = open_state()
    first = asyncio.ensure_future(state.transact(HERE, lambda tx: tx.put(("x",), b"1")))
    second = asyncio.ensure_future(
        state.transact(HERE, lambda tx: [tx.get(("x",)), len(tx.range())])
    )
    await first
    assert await second == [b"1", 1]
    await state.close()


async def reads_see_whole_durable_transactions_only(open_state: Open) -> None:
    state = open_state()

    def both(tx: Transaction) -> None:
        tx.put(("left",), b"1")
        tx.put(("right",), b"1")

    write = asyncio.ensure_future(state.transact(HERE, both))
    await asyncio.sleep(0)
    while not write.done():
        seen = len(all_pairs(state, HERE))
        assert seen in (0, 2)
        await asyncio.sleep(0)
    assert len(all_pairs(state, HERE)) == 2
    await state.close()


async def spaces_do_not_meet(open_state: Open) -> None:
    state = open_state()
    spaces: list[Space] = [HERE, THERE, (*HERE, "deeper"), ("000000000000",), ("0000",)]
    assert state.spaces() == []
    await asyncio.gather(
        *(put_all(state, space, {("k",): repr(space).encode()}) for space in spaces)
    )
    for space in spaces:
        assert all_pairs(state, space) == {("k",): repr(space).encode()}
    assert sorted(state.spaces()) == sorted(spaces)
    await state.transact(HERE, lambda tx: tx.delete_range(()))
    assert all_pairs(state, THERE) == {("k",): repr(THERE).encode()}
    assert sorted(state.spaces()) == sorted(space for space in spaces if space != HERE)
    await state.close()
    again = open_state()
    assert sorted(again.spaces()) == sorted(space for space in spaces if space != HERE)
    await again.close()


async def a_wake_resolves_waiters_after_the_commit(open_state: Open) -> None:
    state = open_state()
    waiters = [state.waiter(HERE, ("q", 1)) for _ in range(3)]
    others = [state.waiter(HERE, ("q", 2)), state.waiter(THERE, ("q", 1))]

    def send(tx: Transaction) -> None:
        tx.put(("m",), b"x")
        tx.wake(("q", 1))

    writing = asyncio.ensure_future(state.transact(HERE, send))
    await waiters[0]
    assert all_pairs(state, HERE) == {("m",): b"x"}
    await writing
    assert all(waiter.done() for waiter in waiters)
    assert not any(waiter.done() for waiter in others)
    # A wake-up is for those who waited, not for who comes later.
    late = state.waiter(HERE, ("q", 1))
    await state.transact(HERE, lambda tx: tx.put(("m",), b"y"))
    assert not late.done()
    for future in (late, *others):
        future.cancel()
    await state.close()


async def a_wake_without_a_write_is_a_wake(open_state: Open) -> None:
    state = open_state()
    waiter = state.waiter(HERE, ("q",))
    await state.transact(HERE, lambda tx: tx.wake(("q",)))
    assert waiter.done()
    await state.close()


async def an_undone_transaction_wakes_nobody(open_state: Open) -> None:
    state = open_state()
    waiter = state.waiter(HERE, ("q",))

    def failing(tx: Transaction) -> NoReturn:
        tx.wake(("q",))
        raise ZeroDivisionError("a slip")

    try:
        await state.transact(HERE, failing)
    except ZeroDivisionError:
        pass
    await put_all(state, HERE, {("x",): b""})
    assert not waiter.done()
    waiter.cancel()
    await state.close()


async def a_cancelled_waiter_disturbs_nobody(open_state: Open) -> None:
    state = open_state()
    first, second = state.waiter(HERE, ("q",)), state.waiter(HERE, ("q",))
    first.cancel()
    await state.transact(HERE, lambda tx: tx.wake(("q",)))
    assert second.done() and first.cancelled()
    await state.close()


async def a_cancelled_caller_leaves_the_store_working(open_state: Open) -> None:
    state = open_state()
    gone = asyncio.ensure_future(put_all(state, HERE, {("gone",): b""}))
    kept = asyncio.ensure_future(put_all(state, HERE, {("kept",): b""}))
    await asyncio.sleep(0)
    gone.cancel()
    await kept
    assert ("kept",) in all_pairs(state, HERE)
    await put_all(state, HERE, {("more",): b""})
    await state.close()


async def closing_finishes_what_is_under_way(open_state: Open) -> None:
    state = open_state()
    writes = [asyncio.ensure_future(put_all(state, HERE, {("n", n): b""})) for n in range(20)]
    await asyncio.sleep(0)
    await state.close()
    await asyncio.gather(*writes)
    again = open_state()
    assert len(all_pairs(again, HERE)) == 20
    await again.close()


async def everything_outlives_the_store(open_state: Open) -> None:
    pairs: dict[Key, bytes] = {("n", number): b"%d" % number for number in range(500)}
    state = open_state()
    await put_all(state, HERE, pairs)
    await state.transact(HERE, lambda tx: tx.delete(("n", 3)))
    await put_all(state, THERE, {("x",): b"y"})
    await state.close()
    del pairs[("n", 3)]
    again = open_state()
    assert all_pairs(again, HERE) == pairs
    assert sorted(again.spaces()) == sorted([HERE, THERE])
    await again.close()


CONTRACT = (
    what_was_put_is_read,
    transactions_return_what_the_function_returns,
    every_kind_of_key_is_kept,
    large_values_are_kept,
    a_prefix_takes_whole_parts,
    ranges_keep_their_bounds,
    ranges_in_a_transaction_see_its_own_writes,
    limits_count_what_is_left_after_deletions,
    delete_range_counts_and_removes,
    an_exception_undoes_its_transaction_only,
    concurrent_transactions_count_correctly,
    a_later_transaction_sees_an_earlier_one,
    reads_see_whole_durable_transactions_only,
    spaces_do_not_meet,
    a_wake_resolves_waiters_after_the_commit,
    a_wake_without_a_write_is_a_wake,
    an_undone_transaction_wakes_nobody,
    a_cancelled_waiter_disturbs_nobody,
    a_cancelled_caller_leaves_the_store_working,
    closing_finishes_what_is_under_way,
    everything_outlives_the_store,
)
