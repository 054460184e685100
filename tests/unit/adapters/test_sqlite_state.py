"""What SqliteState knows of the file without asking it again is never stale or of two moments."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from pileus.adapters.sqlite_state import SqliteState

SPACE = ("000000000000", "us-east-1", "test")


@pytest.fixture
async def state(tmp_path: Path):
    state = SqliteState(tmp_path / "state.db")
    yield state
    await state.close()


def _put(state: SqliteState, **values: bytes | None) -> asyncio.Task[None]:
    def write(transaction) -> None:
        for key, value in values.items():
            if value is None:
                transaction.delete((key,))
            else:
                transaction.put((key,), value)

    return asyncio.ensure_future(state.transact(SPACE, write))


def _get(state: SqliteState, *keys: str) -> list[bytes | None]:
    return state.read(SPACE, lambda view: [view.get((key,)) for key in keys])


@pytest.mark.parametrize("value", [b"new", None, b"x" * 100_000])
async def test_a_known_value_follows_its_key(state: SqliteState, value: bytes | None) -> None:
    assert _get(state, "a") == [None]
    await _put(state, a=b"old")
    assert _get(state, "a") == [b"old"]
    await _put(state, a=value)
    assert _get(state, "a") == [value]


async def test_a_snapshot_is_of_one_moment(state: SqliteState) -> None:
    await _put(state, a=b"0", b=b"0")
    for turn in range(1, 30):
        value = str(turn).encode()
        _get(state, "a")  # known; b may be or not
        writing = _put(state, a=value, b=value)
        while not writing.done():
            first, second = _get(state, "a", "b")
            assert first == second
            await asyncio.sleep(0)
        assert _get(state, "a", "b") == [value, value]


async def test_a_count_during_a_commit_counts_once(state: SqliteState) -> None:
    counted = []
    for turn in range(30):
        key = f"k{turn}"
        assert _get(state, key) == [None]
        writing = _put(state, **{key: b"v"})
        while not writing.done():
            await asyncio.sleep(0)
            counted.append((turn, await state.transact(SPACE, lambda t: t.count(("k",)))))
            counted.append((turn, await state.transact(SPACE, lambda t: t.count())))
    assert {count for turn, count in counted if count} <= set(range(1, 31))
    assert all(count in (0, turn + 1) for turn, count in counted)


async def test_more_keys_than_are_remembered(state: SqliteState) -> None:
    chance = random.Random(7)
    model: dict[str, bytes] = {}
    for _ in range(12):
        written = {f"k{chance.randrange(6000)}": chance.randbytes(8) for _ in range(500)}
        await _put(state, **written)
        model |= written
        asked = [f"k{chance.randrange(6000)}" for _ in range(500)]
        assert _get(state, *asked) == [model.get(key) for key in asked]
