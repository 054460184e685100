"""Starts the tasks that render tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steps.records import Render
from steps.settings import CLUSTER, TASK_DEFINITION, WORK_BUCKET, ecs

CONTAINER = "tile"


@dataclass(frozen=True)
class Attempt:
    """One task for one tile.

    Attributes:
        number: counts all tasks of the tile, from 0.
        failures: counts those of them that failed by themselves.
    """

    render: str
    tile: int
    number: int = 0
    failures: int = 0


class NotPlaced(Exception):
    """There is no room for a task now; the step is to be repeated."""


def start(render: Render, attempt: Attempt) -> None:
    """Run an attempt's task; asked for again it is the same task.

    Raises:
        NotPlaced: the cluster has no room.
    """
    variables = {
        "WORK_BUCKET": WORK_BUCKET,
        "PROGRAM": render.program,
        "FOLDER": render.folder,
        "RENDER": attempt.render,
        "TILE": str(attempt.tile),
        "ATTEMPT": str(attempt.number),
        "FAILURES": str(attempt.failures),
    }
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    told = ecs.run_task(
        cluster=CLUSTER,
        taskDefinition=TASK_DEFINITION,
        clientToken=f"{attempt.render}-{attempt.tile}-{attempt.number}",
        startedBy=attempt.render,
        overrides={"containerOverrides": [{"name": CONTAINER, "environment": environment}]},
    )
    if told["failures"]:
        raise NotPlaced(f"tile {attempt.tile} of {attempt.render}: {told['failures']}")


def attempt_of(detail: dict[str, Any]) -> Attempt:
    """Whose task an "ECS Task State Change" tells of."""
    (override,) = detail["overrides"]["containerOverrides"]
    given = {one["name"]: one["value"] for one in override["environment"]}
    return Attempt(
        given["RENDER"], int(given["TILE"]), int(given["ATTEMPT"]), int(given["FAILURES"])
    )
