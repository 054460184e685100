"""When containers start and stop."""

from __future__ import annotations

import pytest

from pileus.compute.task_plan import (
    HEALTH_BAD,
    HEALTH_GOOD,
    HEALTH_UNKNOWN,
    ContainerPlan,
    ContainerReport,
    HealthCheck,
    Phase,
    Verdict,
    may_start,
    stop_order,
    task_health,
)
from pileus.ports.tasks import ContainerSpec

WAITING = ContainerReport()
RUNNING = ContainerReport(Phase.RUNNING, started_ms=1)
HEALTHY = ContainerReport(Phase.RUNNING, started_ms=1, health=HEALTH_GOOD)
SICK = ContainerReport(Phase.RUNNING, started_ms=1, health=HEALTH_BAD)
DONE = ContainerReport(Phase.STOPPED, 0, started_ms=1)
FAILED = ContainerReport(Phase.STOPPED, 3, started_ms=1)
NEVER_RAN = ContainerReport(Phase.STOPPED)


def plan(name: str, *needs: tuple[str, str], **more) -> ContainerPlan:
    return ContainerPlan(ContainerSpec(name, ("x",)), dependencies=needs, **more)


@pytest.mark.parametrize(
    ("condition", "report", "verdict"),
    [
        ("START", WAITING, Verdict.WAIT),
        ("START", RUNNING, Verdict.START),
        ("START", FAILED, Verdict.START),
        ("START", NEVER_RAN, Verdict.NEVER),
        ("COMPLETE", RUNNING, Verdict.WAIT),
        ("COMPLETE", FAILED, Verdict.START),
        ("COMPLETE", NEVER_RAN, Verdict.NEVER),
        ("SUCCESS", DONE, Verdict.START),
        ("SUCCESS", FAILED, Verdict.NEVER),
        ("HEALTHY", RUNNING, Verdict.WAIT),
        ("HEALTHY", HEALTHY, Verdict.START),
        ("HEALTHY", SICK, Verdict.NEVER),
        ("HEALTHY", DONE, Verdict.NEVER),
    ],
)
def test_conditions(condition: str, report: ContainerReport, verdict: Verdict) -> None:
    assert may_start(plan("b", ("a", condition)), {"a": report}) is verdict


def test_those_that_others_stand_on_stop_last() -> None:
    containers = (plan("db"), plan("app", ("db", "HEALTHY")), plan("front", ("app", "START")))
    assert stop_order(containers, {"db", "app", "front"}) == ["front"]
    assert stop_order(containers, {"db", "app"}) == ["app"]
    assert stop_order(containers, {"db"}) == ["db"]


def test_health_is_that_of_the_essential_ones() -> None:
    check = HealthCheck(("true",))
    containers = (
        plan("a", health=check),
        plan("b", health=check, is_essential=False),
        plan("c"),
    )
    good = {"a": HEALTHY, "b": SICK, "c": RUNNING}
    assert task_health(containers, good) == HEALTH_GOOD
    assert task_health(containers, {**good, "a": SICK}) == HEALTH_BAD
    assert task_health(containers, {**good, "a": RUNNING}) == HEALTH_UNKNOWN
