"""What an engine is told of a container."""

from __future__ import annotations

import pytest

from pileus.adapters.container_engine.arguments import CAPABILITIES, create_arguments
from pileus.adapters.container_engine.client import DOCKER, PODMAN, EngineClient
from pileus.ports.tasks import ContainerSpec, Mount, TaskRefused, TaskSpec, Ulimit

TASK = TaskSpec("t", "t", memory_mb=512, cpu_units=256, processes_max=100)


def _arguments(
    spec: ContainerSpec, task: TaskSpec = TASK, engine: str = PODMAN, mounts: tuple[Mount, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    return create_arguments(EngineClient(engine, engine), task, spec, "image:1", list(mounts))


def _values(arguments: list[str], option: str) -> list[str]:
    return [arguments[at + 1] for at, one in enumerate(arguments) if one == option]


def test_the_command_is_the_whole_of_it() -> None:
    arguments, _ = _arguments(ContainerSpec("c", ("sh", "-c", "x"), working_dir="/srv", user="u:g"))
    assert arguments[-5:] == ["--entrypoint", "sh", "image:1", "-c", "x"]
    assert _values(arguments, "--workdir") == ["/srv"]
    assert _values(arguments, "--user") == ["u:g"]


@pytest.mark.parametrize(
    ("own_mb", "of_task_mb", "told"), [(0, 512, "512m"), (64, 512, "64m"), (64, 0, "64m")]
)
def test_memory_is_the_smaller_of_both_bounds(own_mb: int, of_task_mb: int, told: str) -> None:
    task = TaskSpec("t", "t", memory_mb=of_task_mb)
    arguments, _ = _arguments(ContainerSpec("c", ("x",), memory_mb=own_mb), task)
    assert _values(arguments, "--memory") == _values(arguments, "--memory-swap") == [told]


def test_bounds_are_told_only_where_there_are_some() -> None:
    arguments, _ = _arguments(ContainerSpec("c", ("x",)), TaskSpec("t", "t"))
    assert not {"--memory", "--cpus", "--cpu-shares"} & set(arguments)
    arguments, _ = _arguments(ContainerSpec("c", ("x",), cpu_shares=1))
    assert _values(arguments, "--cpus") == ["0.250"]
    assert _values(arguments, "--cpu-shares") == ["2"]
    assert _values(arguments, "--pids-limit") == ["100"]


def test_values_of_variables_are_seen_by_nobody_but_those_that_steer_the_program() -> None:
    given = {"PASSWORD": "secret", "PATH": "/bin", "DOCKER_HOST": "tcp://elsewhere"}
    arguments, environment = _arguments(ContainerSpec("c", ("x",), environment=given))
    assert environment == {"PASSWORD": "secret"}
    told = _values(arguments, "--env")
    assert told == ["PASSWORD", "PATH=/bin", "DOCKER_HOST=tcp://elsewhere"]


def test_walls_are_those_of_our_own_runner_but_for_the_network() -> None:
    arguments, _ = _arguments(ContainerSpec("c", ("x",)))
    assert _values(arguments, "--cap-drop") == ["ALL"]
    assert _values(arguments, "--cap-add") == list(CAPABILITIES)
    assert _values(arguments, "--security-opt") == ["no-new-privileges"]
    assert _values(arguments, "--network") == ["host"]
    arguments, _ = _arguments(ContainerSpec("c", ("x",)), TaskSpec("t", "t", has_doors=False))
    assert _values(arguments, "--network") == ["none"]


def test_mounts() -> None:
    arguments, _ = _arguments(
        ContainerSpec("c", ("x",)),
        mounts=(
            Mount("/in", "/a"),
            Mount("/out", "/b", is_writable=True),
            Mount("/t", size_mb=5, is_writable=True, options="noexec"),
            Mount("/u"),
        ),
    )
    assert _values(arguments, "--mount") == [
        "type=bind,source=/a,target=/in,readonly",
        "type=bind,source=/b,target=/out",
    ]
    assert _values(arguments, "--tmpfs") == [
        "/t:rw,nosuid,nodev,noexec,size=5m",
        "/u:ro,nosuid,nodev,exec",
    ]


def test_ulimits_of_the_container_win() -> None:
    spec = ContainerSpec("c", ("x",), ulimits=(Ulimit("nofile", 10, 20), Ulimit("core", -1, -1)))
    told = _values(_arguments(spec)[0], "--ulimit")
    assert {"nofile=10:20", "core=-1:-1"} < set(told)
    assert len(told) == 3  # and that of processes


def test_each_engine_has_its_log_driver() -> None:
    spec = ContainerSpec("c", ("x",), is_root_read_only=True, has_init=True)
    podman, docker = (_arguments(spec, engine=engine)[0] for engine in (PODMAN, DOCKER))
    assert _values(podman, "--log-driver") == ["k8s-file"]
    assert _values(docker, "--log-driver") == ["json-file"]
    assert "--read-only-tmpfs=false" in podman
    assert "--read-only-tmpfs=false" not in docker
    assert {"--read-only", "--init"} < set(docker)


def test_what_engines_cannot_is_refused() -> None:
    with pytest.raises(TaskRefused, match="no GPU on any node"):
        _arguments(ContainerSpec("c", ("x",), gpus=1))
    with pytest.raises(TaskRefused, match="builds are not run there"):
        _arguments(ContainerSpec("c", ("x",), upper_dir="/upper"))
