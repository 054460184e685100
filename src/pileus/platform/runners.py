"""What runs container tasks: our own runner, or the podman or docker that the user prefers."""

from __future__ import annotations

from pathlib import Path

from pileus.adapters.container_engine.client import ENGINES, EngineClient, EngineUnusable
from pileus.adapters.container_engine.probing import find_engine
from pileus.kernel.settings import Settings
from pileus.values.errors import PileusError

OWN = "own"


class RunnerUnusable(PileusError):
    """The runner of tasks that was asked for cannot be had; the text says what to do."""


async def require(settings: Settings) -> EngineClient | None:
    """See that no other runner has tasks here, and try the chosen one out; its client, None for our own.

    Raises:
        RunnerUnusable: what is to be installed, or ended first.
    """
    for runner in (OWN, *ENGINES):
        tasks = _tasks_in(tasks_dir(settings, runner))
        if runner != settings.task_runner and tasks:
            raise RunnerUnusable(
                f"{tasks} container tasks of the runner {runner!r} go on in {settings.data_dir}: start "
                f"with --task-runner {runner} and end it by Ctrl-C, which stops them"
            )
    if settings.task_runner == OWN:
        return None
    try:
        return await find_engine(settings.task_runner, settings.data_dir.resolve() / "run")
    except EngineUnusable as error:
        raise RunnerUnusable(f"{error}. Without it: --task-runner own") from error


def tasks_dir(settings: Settings, runner: str) -> Path:
    """Where a runner keeps what it needs of its tasks."""
    return settings.data_dir.resolve() / ("tasks" if runner == OWN else f"tasks-{runner}")


def _tasks_in(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
