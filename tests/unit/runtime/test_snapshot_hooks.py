"""The order of hooks, by our module and by a function's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import pileus
from pileus.runtime import snapshot_hooks

_OURS = Path(pileus.__file__).parent / "runtime" / "python" / "snapshot_restore_py.py"


@pytest.fixture(params=["ours", "official"])
def hooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    if request.param == "ours":
        spec = importlib.util.spec_from_file_location("snapshot_restore_py", _OURS)
    else:
        sys.modules.pop("snapshot_restore_py", None)
        spec = importlib.util.find_spec("snapshot_restore_py")
        if spec is None:
            pytest.skip("snapshot-restore-py is not installed")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    yield module


def test_the_last_registered_runs_first_before_a_snapshot(hooks: ModuleType) -> None:
    ran: list[object] = []
    hooks.register_before_snapshot(ran.append, 1)
    hooks.register_before_snapshot(lambda value, *, more: ran.append((value, more)), 2, more=3)
    snapshot_hooks.run_before_snapshot()
    assert ran == [(2, 3), 1]


def test_the_first_registered_runs_first_after_a_restore(hooks: ModuleType) -> None:
    ran: list[int] = []

    @hooks.register_after_restore
    def one() -> None:
        ran.append(1)

    hooks.register_after_restore(ran.append, 2)
    assert one.__name__ == "one"
    snapshot_hooks.run_after_restore()
    assert ran == [1, 2]


def test_an_error_ends_them(hooks: ModuleType) -> None:
    ran: list[int] = []
    hooks.register_after_restore(lambda: 1 / 0)
    hooks.register_after_restore(ran.append, 2)
    with pytest.raises(ZeroDivisionError):
        snapshot_hooks.run_after_restore()
    assert ran == []


def test_functions_without_hooks_have_nothing_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "snapshot_restore_py", raising=False)
    snapshot_hooks.run_before_snapshot()
    snapshot_hooks.run_after_restore()
