"""Container tasks in podman and docker with real clients; skipped with the reason where neither runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pileus.adapters.container_engine.client import ENGINES, EngineClient
from pileus.testing.images import docker_archive, host_files, tar_of
from tests.conformance.commands import Commands
from tests.conformance.live import PYTHON, LivePlatform
from tests.conformance.test_ecs_clients import COUNTING, Tasks
from tests.engines import working_engine
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[EngineClient]:
    with working_engine(request.param) as client:
        yield client


@pytest.fixture
def tasks(engine: EngineClient, tmp_path: Path) -> Iterator[Tasks]:
    options = ("--task-runner", engine.engine)
    platform = LivePlatform(tmp_path / "data", options=options).start()
    yield Tasks(platform)
    platform.stop()


def _in_engine(engine: EngineClient) -> list[str]:
    listed = subprocess.run(
        [engine.program, "ps", "--all", "--filter", "label=pileus.task", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def _until_said(tasks: Tasks, arn: str, line: str) -> None:
    tasks.until(arn, "RUNNING")
    until(lambda: line in tasks.output(arn), line)


def test_a_task_of_an_image_is_what_the_image_says(tasks: Tasks, tmp_path: Path) -> None:
    users = b"root:x:0:0::/root:/bin/sh\nworker:x:1234:1234::/home/worker:/bin/sh\n"
    files = {**host_files("sh", "id", "cat"), "etc/passwd": users, "srv/": b""}
    archive = tmp_path / "image.tar"
    docker_archive(
        archive,
        [tar_of(files)],
        "small:1",
        Entrypoint=["/bin/sh", "-c"],
        Cmd=["echo default"],
        Env=["GREETING=hello", "PATH=/bin"],
        WorkingDir="/srv",
        User="worker",
    )
    commands = Commands(tasks.platform, tmp_path, tmp_path / "cache")
    commands.pileus("image", "import", str(archive))
    lines = "echo $GREETING $SECRET; id -u; pwd; cat /shared/note 2>/dev/null || echo none; exit 9"
    told = tasks.run(
        [lines],
        image="small:1",
        environment=[{"name": "SECRET", "value": "two words\nand a line"}],
        volumes=[{"name": "v"}],
        mountPoints=[{"sourceVolume": "v", "containerPath": "/shared"}],
    )
    assert tasks.output(told["taskArn"]) == [
        "hello two words and a line",
        "1234",
        "/srv",
        "none",
    ]
    assert told["containers"][0]["exitCode"] == 9
    missing = tasks.run(["true"], image="nothing:1")
    assert missing["stoppedReason"].startswith("CannotPullContainerError: ")


def test_a_task_has_its_role_and_its_bounds(engine: EngineClient, tasks: Tasks) -> None:
    role = tasks.platform.add_role("worker", "ecs-tasks.amazonaws.com")
    program = (
        "import boto3, json, os, urllib.request as u\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "told = u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task').read()\n"
        "print(json.loads(told)['Family'], flush=True)\n"
        "held = bytearray(300 << 20)\n"
    )
    told = tasks.run(["python", "-c", program], taskRoleArn=role)
    first, second = tasks.output(told["taskArn"])
    assert first.startswith("arn:aws:sts::000000000000:assumed-role/worker/")
    assert second == "f"
    (container,) = told["containers"]
    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    until(lambda: not _in_engine(engine), "nothing left in the engine")


def test_what_does_not_listen_is_killed(tasks: Tasks) -> None:
    loop = "trap 'echo asked' TERM; echo ready; while true; do sleep 0.1; done"
    arn = tasks.start(["sh", "-c", loop], stopTimeout=2)
    _until_said(tasks, arn, "ready")
    tasks.ecs.stop_task(task=arn, reason="enough")
    told = tasks.until(arn, "STOPPED")
    assert told["containers"][0]["exitCode"] == 137
    assert (told["stopCode"], told["stoppedReason"]) == ("UserInitiated", "enough")
    assert tasks.output(arn) == ["ready", "asked"]


def test_tasks_survive_a_killed_platform(engine: EngineClient, tasks: Tasks) -> None:
    arn = tasks.start(["sh", "-c", COUNTING])
    ended = tasks.start(["sh", "-c", "echo begun; sleep 0.7; echo over; exit 4"])
    removed = tasks.start(["sh", "-c", "echo begun; sleep 600"])
    stays = tasks.start(
        ["sh", "-c", "trap 'exit 0' TERM; echo begun; while true; do sleep 0.1; done"]
    )
    for one in (ended, removed, stays):
        _until_said(tasks, one, "begun")
    _until_said(tasks, arn, "5")
    tasks.platform.kill()
    (name,) = [name for name in _in_engine(engine) if removed.rpartition("/")[2] in name]
    subprocess.run([engine.program, "rm", "--force", name], capture_output=True, check=True)
    tasks.platform.start()
    assert tasks.until(ended, "STOPPED")["containers"][0]["exitCode"] == 4
    assert list(dict.fromkeys(tasks.output(ended))) == ["begun", "over"]
    told = tasks.until(arn, "STOPPED")
    assert told["containers"][0]["exitCode"] == 5
    assert [int(line) for line in dict.fromkeys(tasks.output(arn))] == list(range(60))
    assert "exitCode" not in tasks.until(removed, "STOPPED")["containers"][0]
    assert tasks.task(stays)["lastStatus"] == "RUNNING"
    assert tasks.platform.stop() == 0
    tasks.platform.start()
    assert tasks.until(stays, "STOPPED")["stoppedReason"] == "Pileus was stopped."
    until(lambda: not _in_engine(engine), "nothing left in the engine")


def test_no_other_runner_is_chosen_over_running_tasks(tasks: Tasks) -> None:
    arn = tasks.start(["sh", "-c", "echo begun; sleep 600"])
    _until_said(tasks, arn, "begun")
    tasks.platform.kill()
    told = _up(tasks.platform.data_dir)
    assert told.returncode == 1
    (_, runner) = tasks.platform.options
    assert f"1 container tasks of the runner '{runner}' go on in" in told.stderr
    tasks.platform.start()


def test_what_is_not_installed_is_refused_at_the_start(tmp_path: Path) -> None:
    for name in ENGINES:
        told = _up(tmp_path / "data", "--task-runner", name, PATH="/nowhere")
        assert told.returncode == 1
        assert told.stderr.startswith(f"pileus: {name} is not installed: apt-get install ")
    assert not (tmp_path / "data" / "state.db").exists()


def _up(data_dir: Path, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "pileus.cli.main", "up", "--port", "0", "--data", str(data_dir)]
    environment = {**os.environ, **more}
    return subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, timeout=120
    )
