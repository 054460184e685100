"""However the platform ends or cannot begin: it says so, in time, and leaves nothing behind."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.live import PYTHON, LivePlatform
from tests.fault.functions import add_function
from tests.groups import groups
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("endings")]
END_S = 30.0
"""What is stubborn would take ten minutes."""
_STUBBORN = """
import os, signal, subprocess, time

def handler(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 120"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        time.sleep(120)
    open("/tmp/left", "w").write("here")
    print("busy")
    time.sleep(50)
"""


class Busy:
    """A platform with a function that runs twice and will not end, a long poll and a WebSocket."""

    def __init__(self, platform: LivePlatform) -> None:
        self.platform = platform
        add_function(platform, "stubborn", _STUBBORN)
        lambda_, sqs = platform.client("lambda"), platform.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        self._threads: list[threading.Thread] = []
        self._spawn(lambda: lambda_.invoke(FunctionName="stubborn"))
        lambda_.invoke(FunctionName="stubborn", InvocationType="Event", Payload=b"{}")
        self._spawn(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20))
        self._socket = _websocket(platform)
        until(lambda: _busy_lines(platform) == 2, "both invocations under way")
        self.pid = platform.pid
        self.processes = _tree(platform.pid)
        assert len(self.processes) > 6

    def check_nothing_is_left(self) -> None:
        until(lambda: not [one for one in self.processes if _is_alive(one)], "their end", 5)
        left = groups(f"pileus-{self.pid}-*")
        assert left == []
        assert str(self.platform.data_dir) not in Path("/proc/mounts").read_text()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a client still waits"
        self._socket.close()

    def _spawn(self, call: Callable[[], object]) -> None:
        def run() -> None:
            try:
                call()
            except (ClientError, BotoCoreError):
                return

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()


def _websocket(platform: LivePlatform) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", platform.port), 10)
    key = base64.b64encode(os.urandom(16)).decode()
    opened.sendall(
        f"GET /_pileus/live HTTP/1.1\r\nHost: 127.0.0.1:{platform.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Origin: {platform.endpoint}\r\n\r\n".encode()
    )
    assert b" 101 " in opened.recv(4096)
    return opened


def _busy_lines(platform: LivePlatform) -> int:
    logs = platform.client("logs")
    try:
        found = logs.filter_log_events(logGroupName="/aws/lambda/stubborn", filterPattern="busy")
    except logs.exceptions.ResourceNotFoundException:
        return 0
    return len(found["events"])


Process = tuple[int, str]
"""A process id and when it began, which tells it from a later one of that number."""


def _tree(pid: int) -> list[Process]:
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").iterdir():
            children = (task / "children").read_text().split()
            todo += map(int, children)
            found += [(int(child), _began(int(child))) for child in children]
    return found


def _began(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _is_alive(process: Process) -> bool:
    return bool(process[1]) and _began(process[0]) == process[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_busy_platform_ends_in_time(
    make_platform: Callable[..., LivePlatform], number: signal.Signals
) -> None:
    busy = Busy(make_platform())
    began_s = time.monotonic()
    os.kill(busy.pid, number)
    status = busy.platform.stop()
    took_s = time.monotonic() - began_s
    assert status == 0
    assert took_s < END_S, f"it took {took_s:.1f} s"
    busy.check_nothing_is_left()
    assert "Traceback" not in busy.platform.errors(), busy.platform.errors()


def test_a_killed_platform_takes_its_functions_along(
    make_platform: Callable[..., LivePlatform],
) -> None:
    busy = Busy(make_platform())
    busy.platform.kill()
    until(lambda: not [one for one in busy.processes if _is_alive(one)], "their end", 5)
    # The next platform clears away what the kernel keeps of the dead one, once it runs something.
    busy.platform.start()
    busy.platform.client("lambda").invoke(
        FunctionName="stubborn", InvocationType="Event", Payload=b"{}"
    )
    until(lambda: _busy_lines(busy.platform) >= 3, "the event that was cut off runs again")
    busy.check_nothing_is_left()


def _up(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", "pileus.cli.main", "up", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **variables},
    )


def test_what_keeps_it_from_starting_is_one_sentence(
    live_platform: LivePlatform, tmp_path: Path
) -> None:
    data, port = str(tmp_path / "data"), live_platform.port
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "state.db").write_text("no database " * 1000)
    for done, words in (
        (
            _up("--port", "0", "--data", str(live_platform.data_dir)),
            "is in use by another process; stop that one or choose another folder",
        ),
        (
            _up("--port", str(port), "--data", data),
            f"127.0.0.1:{port} is in use by another program; choose another with --port",
        ),
        (_up("--port", "0", "--data", str(file)), f"{file}: it is a file, not a folder"),
        (_up("--port", "0", "--data", str(file / "in")), "Not a directory"),
        (_up("--port", "0", "--data", str(tmp_path / "broken")), "file is not a database"),
        (_up("--data", data, PILEUS_PORT="70000"), "port must be 0 to 65535, not '70000'"),
        (_up("--data", data, PILEUS_PORT="http"), "port cannot be 'http'"),
        (_up("--host", "0.0.0.0", "--data", data), "is not loopback"),
    ):
        assert done.returncode == 1, done
        assert words in done.stderr
        assert done.stderr.startswith("pileus: ")
        assert done.stderr.count("\n") == 1, done.stderr
    assert live_platform.client("sts").get_caller_identity()["Account"]
