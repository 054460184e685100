"""What task supervision and rooms tell each other: plans of tasks, and reports of how they fare."""

from __future__ import annotations

import enum
import signal
from collections.abc import Mapping

import msgspec

from pileus.ports.tasks import ContainerSpec, TaskSpec

START, COMPLETE, SUCCESS, HEALTHY = "START", "COMPLETE", "SUCCESS", "HEALTHY"
"""What a container may wait for in another one."""
STOP_TIMEOUT_S = 30.0
HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_BAD = "UNKNOWN", "HEALTHY", "UNHEALTHY"


class HealthCheck(msgspec.Struct, frozen=True):
    """A command run inside again and again. After ``retries`` failures in a row, not counted
    within ``start_period_s``, the container is unhealthy."""

    command: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 5.0
    retries: int = 3
    start_period_s: float = 0.0


class LogTarget(msgspec.Struct, frozen=True):
    """A stream of CloudWatch Logs."""

    group: str
    stream: str
    region: str
    is_group_made: bool = False


class ContainerPlan(msgspec.Struct, frozen=True):
    """One container: how to make it, and when.

    Attributes:
        dependencies: ``(container, condition)`` that must hold before it starts.
        start_timeout_s: how long the dependencies on it may take; None for ever.
    """

    spec: ContainerSpec
    is_essential: bool = True
    dependencies: tuple[tuple[str, str], ...] = ()
    health: HealthCheck | None = None
    start_timeout_s: float | None = None
    stop_timeout_s: float = STOP_TIMEOUT_S
    stop_signal: int = signal.SIGTERM
    log: LogTarget | None = None

    @property
    def name(self) -> str:
        """The container's."""
        return self.spec.name


class TaskPlan(msgspec.Struct, frozen=True):
    """A task, complete: images unpacked, secrets looked up. ``scope`` is ``account/region``."""

    spec: TaskSpec
    scope: str
    containers: tuple[ContainerPlan, ...]


class Phase(enum.Enum):
    """Of a container, as told."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class ContainerReport(msgspec.Struct, frozen=True):
    """How a container fares. ``exit_code`` is 128 + n for signal n, None where nothing ran;
    ``gpus`` are the ids of those it was given."""

    phase: Phase = Phase.PENDING
    exit_code: int | None = None
    reason: str = ""
    health: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    gpus: tuple[str, ...] = ()


class TaskReport(msgspec.Struct, frozen=True):
    """How a task fares.

    Attributes:
        is_running: every container that is to run was started.
        stop_code, stop_reason: why it is being stopped; empty while it is not.
    """

    containers: Mapping[str, ContainerReport]
    is_running: bool = False
    stop_code: str = ""
    stop_reason: str = ""
    health: str = HEALTH_UNKNOWN


USER_INITIATED = "UserInitiated"
ESSENTIAL_EXITED = "EssentialContainerExited"
FAILED_TO_START = "TaskFailedToStart"
SCHEDULER_INITIATED = "ServiceSchedulerInitiated"
NODE_LOST = "TerminationNotice"
LOST_REASON = "Host terminated: the node was restarted or lost hold of the task."
ESSENTIAL_REASON = "Essential container in task exited"
OUT_OF_MEMORY_REASON = "OutOfMemoryError: Container killed due to memory usage"


class Verdict(enum.Enum):
    """Whether a container may start."""

    START = "start"
    WAIT = "wait"
    NEVER = "never"


def may_start(plan: ContainerPlan, reports: Mapping[str, ContainerReport]) -> Verdict:
    """Whether the conditions of a container that has not started hold now, or can never."""
    verdict = Verdict.START
    for name, condition in plan.dependencies:
        answer = _holds(reports[name], condition)
        if answer is Verdict.NEVER:
            return Verdict.NEVER
        if answer is Verdict.WAIT:
            verdict = Verdict.WAIT
    return verdict


def _holds(report: ContainerReport, condition: str) -> Verdict:
    is_over = report.phase is Phase.STOPPED
    has_run = report.started_ms > 0
    if condition == START:
        if has_run:
            return Verdict.START
        return Verdict.NEVER if is_over else Verdict.WAIT
    if condition == HEALTHY:
        if report.health == HEALTH_GOOD and not is_over:
            return Verdict.START
        return Verdict.NEVER if is_over or report.health == HEALTH_BAD else Verdict.WAIT
    if not is_over:
        return Verdict.WAIT
    is_met = has_run and (condition == COMPLETE or report.exit_code == 0)
    return Verdict.START if is_met else Verdict.NEVER


def stop_order(containers: tuple[ContainerPlan, ...], living: set[str]) -> list[str]:
    """Living containers that nothing living depends on: those to be stopped now."""
    needed = {
        dependency
        for container in containers
        if container.name in living
        for dependency, _ in container.dependencies
    }
    return sorted(living - needed)


def task_health(
    containers: tuple[ContainerPlan, ...], reports: Mapping[str, ContainerReport]
) -> str:
    """Of the essential containers that have a check: UNHEALTHY if one is, HEALTHY if all are."""
    checked = [
        reports[container.name].health
        for container in containers
        if container.is_essential and container.health
    ]
    if HEALTH_BAD in checked:
        return HEALTH_BAD
    if checked and all(health == HEALTH_GOOD for health in checked):
        return HEALTH_GOOD
    return HEALTH_UNKNOWN
