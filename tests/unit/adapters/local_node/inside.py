"""Code that tries things from inside an instance, and what asks it to."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.adapters.local_node import LocalNodes
from pileus.ports.nodes import InstanceSpec, Invocation, Link, NoCapacity

PROBES = """
import ctypes, errno, fcntl, os, signal, socket, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)


def system(*arguments):
    if libc.syscall(*map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "syscall")
    return "allowed"


def connect(port):
    with socket.socket() as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", port))
        return client.recv(16).decode()


def processes(limit):
    # Threads count as processes and are made faster.
    threading.stack_size(1 << 16)
    over = threading.Event()
    try:
        for _ in range(limit):
            threading.Thread(target=over.wait).start()
        return "unbounded"
    except RuntimeError:
        os.fork()
        os._exit(0)
    finally:
        over.set()


def refusals(numbers):
    return {name: libc.syscall(n, 0, 0, 0, 0, 0) < 0 and ctypes.get_errno() for name, n in numbers.items()}


def write(path, data=b"1"):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)


def opened(paths):
    found = []
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            found.append(path)
        except (FileNotFoundError, PermissionError):
            pass
    return found


def attempt(event, context):
    scope = dict(globals(), event=event)
    try:
        return repr(eval(event["try"], scope))
    except BaseException as error:
        return f"{type(error).__name__}: {getattr(error, 'errno', '')}"
"""


def write_probes(code_dir: Path) -> None:
    code_dir.mkdir(exist_ok=True)
    (code_dir / "app.py").write_text(PROBES)


@contextlib.asynccontextmanager
async def instance(nodes: LocalNodes, code_dir: Path, memory_mb=512, **more) -> AsyncIterator[Link]:
    write_probes(code_dir)
    spec = InstanceSpec(
        "f", "python3.11", "app.attempt", str(code_dir), memory_mb=memory_mb, **more
    )
    try:
        lease = await nodes.place(spec)
        link = await nodes.start(lease, spec, lambda _: None)
    except NoCapacity as refused:
        pytest.skip(str(refused))
    yield link
    await link.stop()


async def ask(link: Link, expression: str, **event: object) -> str:
    payload = json.dumps({"try": expression, **event}).encode()
    outcome = await link.invoke(Invocation("r", payload, "arn", 2**52, 20.0))
    assert not outcome.is_error, outcome
    answer: str = json.loads(outcome.payload)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
