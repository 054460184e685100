"""Every State adapter against the contract, and against a dictionary."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from pileus.adapters.sqlite_state import SqliteState
from pileus.ports.state import State, StateUnavailable, Transaction
from pileus.testing.contracts.state import CONTRACT, HERE, all_pairs
from pileus.testing.contracts.state_model import state_model
from pileus.testing.memory import MemoryBase, MemoryState


@pytest.fixture(params=["sqlite", "memory"])
def open_state(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], State]:
    base = MemoryBase()
    if request.param == "memory":
        return lambda: MemoryState(base)
    return lambda: SqliteState(tmp_path / "state.db")


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_state(check, open_state) -> None:
    await check(open_state)


def _new_memory() -> Callable[[], State]:
    base = MemoryBase()
    return lambda: MemoryState(base)


def _new_sqlite() -> Callable[[], State]:
    folder = tempfile.TemporaryDirectory(prefix="pileus-state-")
    # The lambda keeps the folder alive as long as someone may open it again.
    return lambda: SqliteState(Path(folder.name) / "state.db")


@pytest.mark.parametrize("new_store", [_new_sqlite, _new_memory], ids=["sqlite", "memory"])
def test_state_agrees_with_a_dictionary(new_store: Callable[[], Callable[[], State]]) -> None:
    run_state_machine_as_test(
        state_model(new_store),
        settings=settings(max_examples=25, stateful_step_count=20, derandomize=True, database=None),
    )


@pytest.mark.slow
@pytest.mark.parametrize("new_store", [_new_memory], ids=["memory"])
def test_state_agrees_with_a_dictionary_at_length(new_store) -> None:
    run_state_machine_as_test(
        state_model(new_store),
        settings=settings(max_examples=50, stateful_step_count=30, database=None),
    )


async def test_a_failed_commit_fails_the_group_and_what_read_it() -> None:
    base = MemoryBase()
    state = MemoryState(base)
    await state.transact(HERE, lambda tx: tx.put(("kept",), b"1"))
    waiter = state.waiter(HERE, ("q",))
    base.failure = OSError(28, "No space left on device")

    def send(tx: Transaction) -> None:
        tx.put(("lost",), b"")
        tx.wake(("q",))

    outcomes = await asyncio.gather(
        state.transact(HERE, send),
        state.transact(HERE, lambda tx: tx.put(("lost", 2), b"")),
        state.transact(HERE, lambda tx: tx.get(("lost",))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [StateUnavailable] * 3
    assert not waiter.done()
    base.failure = None
    await state.transact(HERE, lambda tx: tx.put(("after",), b""))
    assert set(all_pairs(state, HERE)) == {("kept",), ("after",)}
    waiter.cancel()
    await state.close()


async def test_sqlite_tells_a_full_disk(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    await state.transact(HERE, lambda tx: tx.put(("kept",), b"1"))
    pages = state._base._writer.execute("PRAGMA page_count").fetchone()[0]
    state._base._writer.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StateUnavailable, match="full"):
        await state.transact(HERE, lambda tx: tx.put(("large",), bytes(1 << 20)))
    state._base._writer.execute("PRAGMA max_page_count=1000000")
    await state.transact(HERE, lambda tx: tx.put(("after",), b"2"))
    assert all_pairs(state, HERE) == {("kept",): b"1", ("after",): b"2"}
    await state.close()
