"""Container tasks with real clients against a live platform, real processes behind it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pileus.testing.images import docker_archive, host_files, tar_of
from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.waiting import until


class Tasks:
    """A user of one live platform."""

    def __init__(self, platform: LivePlatform) -> None:
        self.platform = platform
        self.count = 0

    @property
    def ecs(self) -> Any:
        return self.platform.client("ecs")

    def define(self, command: list[str], **more: Any) -> str:
        log = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/tasks",
                "awslogs-stream-prefix": "p",
                "awslogs-create-group": "true",
            },
        }
        container = {"name": "main", "image": "pileus:host", "command": command}
        top = {name: more.pop(name) for name in ("taskRoleArn", "volumes", "cpu") if name in more}
        definition = self.ecs.register_task_definition(
            family="f",
            memory=more.pop("top_memory", "128"),
            containerDefinitions=[{**container, "logConfiguration": log, **more}],
            **top,
        )
        return str(definition["taskDefinition"]["taskDefinitionArn"])

    def start(self, command: list[str], **more: Any) -> str:
        self.ecs.create_cluster()
        told = self.ecs.run_task(taskDefinition=self.define(command, **more))
        assert not told["failures"], told
        return str(told["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        told: dict[str, Any] = self.ecs.describe_tasks(tasks=[arn])["tasks"][0]
        return told

    def until(self, arn: str, status: str) -> dict[str, Any]:
        return until(
            lambda: (told := self.task(arn))["lastStatus"] in (status, "STOPPED") and told, status
        )

    def run(self, command: list[str], **more: Any) -> dict[str, Any]:
        return self.until(self.start(command, **more), "STOPPED")

    def output(self, arn: str) -> list[str]:
        logs = self.platform.client("logs")
        stream = f"p/main/{arn.rpartition('/')[2]}"
        found = logs.get_log_events(logGroupName="/tasks", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in found["events"]]


@pytest.fixture
def tasks(live_platform: LivePlatform) -> Tasks:
    return Tasks(live_platform)


def test_output_and_exit_status(tasks: Tasks) -> None:
    told = tasks.run(["sh", "-c", "echo out; echo err >&2; printf end; exit 7"])
    assert told["containers"][0]["exitCode"] == 7
    assert told["stopCode"] == "EssentialContainerExited"
    assert tasks.output(told["taskArn"]) == ["out", "err", "end"]


def test_a_memory_hog_is_killed_alone(tasks: Tasks) -> None:
    other = tasks.start(["sleep", "60"])
    told = tasks.run(["python", "-c", "held = bytearray(300 << 20)"])
    assert told["containers"][0]["exitCode"] == 137
    assert (
        told["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    )
    assert tasks.until(other, "RUNNING")["lastStatus"] == "RUNNING"
    tasks.ecs.stop_task(task=other)


def test_stopping_a_task_that_does_not_listen(tasks: Tasks) -> None:
    loop = "trap 'echo asked' TERM; echo ready; while true; do sleep 0.1; done"
    arn = tasks.start(["sh", "-c", loop], stopTimeout=2)
    tasks.until(arn, "RUNNING")
    until(lambda: "ready" in tasks.output(arn), "the task ready")
    began = time.monotonic()
    tasks.ecs.stop_task(task=arn, reason="enough")
    told = tasks.until(arn, "STOPPED")
    assert time.monotonic() - began >= 1.9
    assert told["containers"][0]["exitCode"] == 137
    assert (told["stopCode"], told["stoppedReason"]) == ("UserInitiated", "enough")
    assert tasks.output(arn) == ["ready", "asked"]


def test_the_role_of_a_task_is_who_it_is(tasks: Tasks) -> None:
    role = tasks.platform.add_role("worker", "ecs-tasks.amazonaws.com")
    program = (
        "import boto3, json, os, urllib.request as u\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "told = u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task').read()\n"
        "print(json.loads(told)['Family'])\n"
    )
    told = tasks.run(["python", "-c", program], taskRoleArn=role)
    first, second = tasks.output(told["taskArn"])
    assert first.startswith("arn:aws:sts::000000000000:assumed-role/worker/")
    assert second == "f"


WALLS = """
import os, socket
def refused(what):
    try:
        what()
    except OSError:
        return True
    return False
def connect(address):
    socket.create_connection(address, 0.5).close()
port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
assert not refused(lambda: connect(("127.0.0.1", port)))
assert refused(lambda: connect(("127.0.0.1", 22)))
assert refused(lambda: connect(("1.1.1.1", 53)))
assert refused(lambda: open("/proc/sys/kernel/hostname", "w"))
assert refused(lambda: open("/usr/bin/evil", "w"))
assert refused(lambda: os.mknod("/dev/sda", 0o60600, os.makedev(8, 0)))
assert refused(lambda: os.chroot("/nothing"))
assert not os.path.exists("/home") or not os.listdir("/home")
pids = [name for name in os.listdir("/proc") if name.isdigit()]
assert pids == ["1"], pids
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) < 0
assert libc.unshare(0x10000000) < 0
assert libc.ptrace(16, os.getppid() or 1, 0, 0) < 0
os.chmod("/dev/null", 0o600)
open("/tmp/mine", "w").close(); open("/own", "w").close()
print("held")
"""


def test_walls(tasks: Tasks) -> None:
    told = tasks.run(["python", "-c", WALLS])
    assert tasks.output(told["taskArn"]) == ["held"]
    assert os.stat("/dev/null").st_mode & 0o777 == 0o666


def test_a_fork_bomb_stays_inside(tasks: Tasks) -> None:
    # Threads count as processes do, and thousands of them are there sooner.
    bomb = """
import os, threading, time
threading.stack_size(65536)
count = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        count += 1
except RuntimeError:
    print("bounded", count < 5000, flush=True)
os._exit(0)
"""
    told = tasks.run(["python", "-c", bomb], memory=2048, top_memory="4096")
    assert tasks.output(told["taskArn"]) == ["bounded True"]
    assert told["containers"][0]["exitCode"] == 0


def test_a_disk_filler_is_ended(tasks: Tasks) -> None:
    fill = "i=0; while true; do head -c 8000000 /dev/zero > /f$i; i=$((i+1)); done"
    tasks.ecs.create_cluster()
    definition = tasks.define(["sh", "-c", fill], top_memory="1024")
    told = tasks.ecs.run_task(
        taskDefinition=definition, overrides={"ephemeralStorage": {"sizeInGiB": 1}}
    )
    told = tasks.until(told["tasks"][0]["taskArn"], "STOPPED")
    assert told["containers"][0]["exitCode"] == 137
    assert told["containers"][0]["reason"] == "the task wrote more than 1024 MB"
    folder = tasks.platform.data_dir / "tasks" / _id(told)
    until(lambda: not folder.exists(), "the folder's end")


def _id(told: dict[str, Any]) -> str:
    return str(told["taskArn"].rpartition("/")[2])


def test_volumes_of_the_host_must_be_allowed(tasks: Tasks) -> None:
    volumes = [{"name": "v", "host": {"sourcePath": "/etc"}}]
    mounts = [{"sourceVolume": "v", "containerPath": "/mnt"}]
    told = tasks.run(["true"], volumes=volumes, mountPoints=mounts)
    assert told["stopCode"] == "TaskFailedToStart"
    assert "PILEUS_HOST_VOLUMES" in told["stoppedReason"]


def test_containers_share_network_and_volumes(tasks: Tasks) -> None:
    tasks.ecs.create_cluster()
    serve = (
        "import socket; s = socket.create_server(('127.0.0.1', 8000)); open('/v/up', 'w').close();"
        "c, _ = s.accept(); print(c.recv(9)); c.close()"
    )
    wait = "import os, time, socket\nwhile not os.path.exists('/v/up'): time.sleep(0.02)\n"
    call = f"{wait}socket.create_connection(('127.0.0.1', 8000)).send(b'hello')"
    mounts = [{"sourceVolume": "v", "containerPath": "/v"}]
    shared = {"image": "pileus:host", "memory": 64, "mountPoints": mounts}
    tasks.ecs.register_task_definition(
        family="pair",
        volumes=[{"name": "v"}],
        containerDefinitions=[
            {"name": "a", "command": ["python", "-c", serve], **shared, "user": "1000:1000"},
            {"name": "b", "command": ["python", "-c", call], "essential": False, **shared},
        ],
    )
    arn = tasks.ecs.run_task(taskDefinition="pair")["tasks"][0]["taskArn"]
    told = tasks.until(arn, "STOPPED")
    assert [one.get("exitCode") for one in told["containers"]] == [0, 0]


def test_a_read_only_root_and_tmpfs(tasks: Tasks) -> None:
    parameters = {"tmpfs": [{"containerPath": "/scratch", "size": 4}]}
    program = "touch /scratch/x && ! touch /x && ! dd if=/dev/zero of=/scratch/y bs=1M count=5"
    told = tasks.run(["sh", "-c", program], readonlyRootFilesystem=True, linuxParameters=parameters)
    assert told["containers"][0]["exitCode"] == 0, tasks.output(told["taskArn"])


def test_the_command_line(commands: Commands) -> None:
    container = {"name": "main", "image": "pileus:host", "memory": 64, "command": ["sleep", "60"]}
    commands.aws("ecs", "create-cluster", "--cluster-name", "cli")
    commands.aws(
        "ecs", "register-task-definition", "--family", "cli",
        "--container-definitions", json.dumps([container]),
    )  # fmt: skip
    commands.aws(
        "ecs", "create-service", "--cluster", "cli", "--service-name", "s",
        "--task-definition", "cli", "--desired-count", "2",
    )  # fmt: skip
    commands.aws("ecs", "wait", "services-stable", "--cluster", "cli", "--services", "s")
    listed = commands.aws("ecs", "list-tasks", "--cluster", "cli")["taskArns"]
    assert len(listed) == 2
    assert commands.pileus("ps").out.count("service:s") == 2
    commands.aws(
        "ecs", "update-service", "--cluster", "cli", "--service", "s", "--desired-count", "0"
    )
    commands.aws("ecs", "wait", "tasks-stopped", "--cluster", "cli", "--tasks", *listed)
    commands.aws("ecs", "delete-service", "--cluster", "cli", "--service", "s")


def test_errors_reach_the_client(tasks: Tasks) -> None:
    tasks.ecs.create_cluster()
    with pytest.raises(ClientError, match="ClusterNotFoundException"):
        tasks.ecs.run_task(taskDefinition="f", cluster="none")
    with pytest.raises(ClientError, match="TaskDefinition not found"):
        tasks.ecs.run_task(taskDefinition="none")


def test_an_image_of_the_registry(commands: Commands, tasks: Tasks, tmp_path: Path) -> None:
    first = tar_of({**host_files("sh", "cat", "ls", "id"), "etc/gone": b"x", "etc/kept": b"kept\n"})
    users = b"root:x:0:0::/root:/bin/sh\nworker:x:1234:1234::/home/worker:/bin/sh\n"
    second = tar_of({"etc/.wh.gone": b"", "etc/passwd": users, "srv/": b""})
    archive = tmp_path / "image.tar"
    docker_archive(
        archive,
        [first, second],
        "small:1",
        Entrypoint=["/bin/sh", "-c"],
        Cmd=["echo default"],
        Env=["GREETING=hello", "PATH=/bin"],
        WorkingDir="/srv",
        User="worker",
    )
    commands.pileus("image", "import", str(archive))
    told = tasks.run(["echo $GREETING; id -u; cat /etc/kept; ls /etc/gone || echo none; pwd"],
                     image="small:1")  # fmt: skip
    lines = [line for line in tasks.output(told["taskArn"]) if "cannot access" not in line]
    assert lines == ["hello", "1234", "kept", "none", "/srv"]
    missing = tasks.run(["true"], image="nothing:1")
    assert missing["stopCode"] == "TaskFailedToStart"
    assert missing["stoppedReason"].startswith("CannotPullContainerError: ")


COUNTING = "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.2; done; exit 5"


def test_tasks_survive_a_killed_platform(make_platform: Callable[..., LivePlatform]) -> None:
    platform = make_platform()
    tasks = Tasks(platform)
    arn = tasks.start(["sh", "-c", COUNTING])
    ended = tasks.start(["sh", "-c", "sleep 0.7; echo over; exit 4"])
    tasks.until(arn, "RUNNING")
    tasks.until(ended, "RUNNING")
    until(lambda: len(tasks.output(arn)) > 5, "output")
    platform.kill()
    time.sleep(1.0)
    platform.start()
    assert tasks.task(arn)["lastStatus"] == "RUNNING"
    assert tasks.until(ended, "STOPPED")["containers"][0]["exitCode"] == 4
    assert tasks.output(ended) == ["over"]
    told = tasks.until(arn, "STOPPED")
    assert told["containers"][0]["exitCode"] == 5
    assert [int(line) for line in dict.fromkeys(tasks.output(arn))] == list(range(60))


ASKING = """
import json, os, time, urllib.request
address = "http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
for _ in range(40):
    with urllib.request.urlopen(address, timeout=60) as reply:
        print(json.loads(reply.read())["RoleArn"], flush=True)
    time.sleep(0.1)
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
"""


def test_a_task_has_its_keys_while_the_platform_is_away(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform()
    tasks = Tasks(platform)
    role = platform.add_role("worker", "ecs-tasks.amazonaws.com")
    arn = tasks.start(["python", "-c", ASKING], taskRoleArn=role)
    tasks.until(arn, "RUNNING")
    until(lambda: len(tasks.output(arn)) > 5, "output")
    platform.kill()
    time.sleep(2.5)
    platform.start()
    told = tasks.until(arn, "STOPPED")
    assert told["containers"][0]["exitCode"] == 0, tasks.output(arn)
    *asked, last = tasks.output(arn)
    assert set(asked) == {role}
    assert last.startswith("arn:aws:sts::000000000000:assumed-role/worker/")


def test_a_platform_that_ends_in_order_takes_its_tasks_along(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform()
    tasks = Tasks(platform)
    arn = tasks.start(["sh", "-c", "trap 'echo bye; exit 0' TERM; while true; do sleep 0.05; done"])
    tasks.until(arn, "RUNNING")
    time.sleep(0.2)
    assert platform.stop() == 0
    assert not list((platform.data_dir / "tasks").iterdir())
    platform.start()
    told = tasks.task(arn)
    assert (told["lastStatus"], told["stoppedReason"]) == ("STOPPED", "Pileus was stopped.")
    assert tasks.output(arn) == ["bye"]


def test_a_killed_keeper_is_told(make_platform: Callable[..., LivePlatform]) -> None:
    tasks = Tasks(make_platform())
    arn = tasks.start(["sleep", "60"])
    tasks.until(arn, "RUNNING")
    (keeper,) = [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if _opens(pid, f"{arn.rpartition('/')[2]}/keeper.log")
    ]
    os.kill(keeper, signal.SIGKILL)
    told = tasks.until(arn, "STOPPED")
    assert told["stopCode"] == "TerminationNotice"
    assert "exitCode" not in told["containers"][0]


def _opens(pid: int, name: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/fd/2").endswith(name)
    except OSError:
        return False
