"""Pure parts of the ecs room."""

from __future__ import annotations

import pytest

from pileus.services.ecs.definitions import cpu_units, memory_of
from pileus.services.ecs.deploying import decide
from pileus.services.ecs.model import Deployment, Service, Task
from pileus.services.ecs.secret_values import parse_environment
from pileus.values.errors import ServiceError


def service(wanted: int, least: int = 100, most: int = 200) -> Service:
    deployments = [
        Deployment(id=name, definition=f"f:{name}", created_ms=0, updated_ms=0)
        for name in ("new", "old")
    ]
    return Service(
        name="s", cluster="c", desired_count=wanted, launch_type="EC2", created_ms=0,
        created_by="", deployments=deployments, minimum_percent=least, maximum_percent=most,
    )  # fmt: skip


def tasks(deployment: str, *statuses: str) -> list[Task]:
    return [
        Task(
            id=f"{deployment}{number}", cluster="c", definition="f:1", group="", launch_type="EC2",
            created_ms=number, credentials="", containers=[], status=status, deployment=deployment,
        )
        for number, status in enumerate(statuses)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "bounds", "new", "old", "start", "stop"),
    [
        (3, (100, 200), (), (), 3, 0),
        (3, (100, 200), ("RUNNING",) * 3, (), 0, 0),
        (2, (100, 200), ("RUNNING",) * 3, (), 0, 1),
        (4, (100, 200), (), ("RUNNING",) * 4, 4, 0),
        (4, (100, 150), (), ("RUNNING",) * 4, 2, 0),
        (4, (100, 150), ("RUNNING",) * 2, ("RUNNING",) * 4, 0, 2),
        (4, (50, 100), (), ("RUNNING",) * 4, 0, 2),
        (4, (100, 200), ("PENDING",) * 4, ("RUNNING",) * 4, 0, 0),
        (4, (100, 200), ("PENDING",) * 4, ("PENDING",) * 4, 0, 4),
        (0, (100, 200), ("RUNNING",) * 2, ("RUNNING",), 0, 3),
    ],
)
def test_next_steps(wanted, bounds, new, old, start, stop) -> None:
    steps = decide(service(wanted, *bounds), [*tasks("new", *new), *tasks("old", *old)])
    assert (steps.start, len(steps.stop)) == (start, stop)


def test_what_leaves_still_takes_its_place() -> None:
    assert decide(service(2, 0, 100), [], leaving=2).start == 0
    assert decide(service(2, 0, 100), [], leaving=1).start == 1


@pytest.mark.parametrize(
    ("text", "units"), [("256", 256), (".25 vCPU", 256), ("2 vcpu", 2048), (None, 0)]
)
def test_cpu(text: str | None, units: int) -> None:
    assert cpu_units(text) == units


@pytest.mark.parametrize(
    ("text", "size_mb"), [("512", 512), ("0.5GB", 512), ("2 GB", 2048), ("", 0)]
)
def test_memory(text: str, size_mb: int) -> None:
    assert memory_of(text) == size_mb


@pytest.mark.parametrize("text", ["much", "0.5", "1 TB"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="Invalid 'memory' setting"):
        memory_of(text)


def test_environment_files() -> None:
    text = "# comment\n\nA=1\n B = two words \nC=a=b\nnonsense\n"
    assert parse_environment(text) == {"A": "1", "B": "two words", "C": "a=b"}
