"""What stands against a copy, each tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PREAMBLE = """
import os, socket, sys, threading
from pileus.runtime import snapshot_audit
snapshot_audit._examine_processes = lambda: None  # there are others outside a sandbox
def found():
    try:
        return "", snapshot_audit.examine({0, 1, 2})
    except snapshot_audit.Obstacle as obstacle:
        return str(obstacle), []
"""


def _examined(program: str) -> str:
    command = [sys.executable, "-c", _PREAMBLE + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("", ""),
        ("s = socket.socketpair()", "a pair of sockets"),
        ("p = os.pipe()", "a pipe"),
        ("import select; e = select.epoll()", "an event loop"),
        ("import mmap; m = mmap.mmap(-1, 4096)", "mapped shared memory"),
        ("m = os.memfd_create('x')", "/memfd:x"),
        (
            "import tempfile; t = tempfile.TemporaryFile()",
            "left a deleted file open",
        ),
        (
            "threading.Thread(target=threading.Event().wait, name='busy', daemon=True).start()",
            "threads running (busy)",
        ),
        ("f = open('/dev/urandom', 'rb')", ""),
    ],
)
def test_obstacles_are_named(program: str, told: str) -> None:
    text = _examined(f"{program}\nprint(found()[0], flush=True)\nos._exit(0)")
    assert told in text
    assert bool(text) == bool(told)


def test_files_are_opened_again_where_they_stood() -> None:
    text = _examined("""
import tempfile
path = tempfile.mktemp()
open(path, "w").write("0123456789")
file = open(path, "rb", buffering=0)
file.read(4)
files = found()[1]
if os.fork() == 0:
    snapshot_audit.reopen(files)
    file.read(3)
    os._exit(0)
os.wait()
print(file.read(2).decode())
os.unlink(path)
""")
    assert text == "45", "the copy's reading moved the original"


def test_connections_are_closed() -> None:
    text = _examined("""
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
print(found()[0], repr(client.recv(1)))
""")
    assert text == "b''"
