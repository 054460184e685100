"""Every State adapter against the contract, and against a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pileus.adapters.sqlite_state import SqliteState
from pileus.ports.state import State
from pileus.testing.contracts.state import CONTRACT
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
