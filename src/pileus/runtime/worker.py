"""The process that becomes one function: waits blank, takes its function, runs its client."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from pileus.runtime import (
    http_engine,
    image_process,
    messages,
    python_client,
    sandbox,
    snapshot_source,
    uniqueness,
)
from pileus.runtime.snapshot_source import Channels

LINK = 3
"""Descriptor on which a program of ours finds its link."""


def run(
    plan: sandbox.Plan,
    control: socket.socket,
    link: int,
    log: int,
    copying: tuple[socket.socket, socket.socket] | None = None,
) -> NoReturn:
    """Wait for the start message, enter the function's surroundings, serve; never returns.

    Args:
        copying: a snapshot's door and where it reports (``snapshot_source``); None for an instance.
    """
    try:
        messages.send(control, {"event": "blank"})
        start, _ = messages.receive(control)
        if start is None:
            os._exit(0)
        plan.show_code(start)
        http = start.get("http")
        kept = [control.fileno(), link, *(each.fileno() for each in copying or ())]
        if http and http["rings_fd"] >= 0:
            kept.append(http["rings_fd"])
        _arrange_descriptors(log, kept)
        plan.restrict(start, is_snapshot=copying is not None)
        if start["image"] and not http:
            _launch(start, control)
        if start["image"]:
            os.environ.clear()
            os.environ.update(start["environment"])
        else:
            _enter(start)
        if http:
            http_engine.begin(lambda: _become(start, control))
    except BaseException as error:
        messages.send(control, {"event": "failed", "reason": f"{type(error).__name__}: {error}"})
        os._exit(1)
    control.close()
    if http:
        http_engine.serve(socket.socket(fileno=link), http)
    if start["command"]:
        _execute(start["command"], -1 if start["speaks_http"] else link)
    if copying:
        snapshot_source.serve(Channels(plan, socket.socket(fileno=link), *copying), start)
    python_client.serve(socket.socket(fileno=link), start["handler"], start["kind"])


def _arrange_descriptors(log: int, kept: list[int]) -> None:
    """Standard output and error to the log; nothing else open but ``kept``."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    # The zygote may hold more than an instance may have itself.
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _enter(start: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()
    os.umask(0o022)
    os.chdir(start["task_dir"])
    sys.path[:] = start["python_path"]
    sys.argv[:] = [sys.executable]
    for name in [name for name in sys.modules if name.split(".")[0] == "pileus"]:
        del sys.modules[name]  # ours stay alive by reference; users may have their own
    uniqueness.reseed()


def _become(start: dict[str, Any], control: socket.socket) -> NoReturn:
    """In the child beside which this process asks an engine: its program."""
    if start["image"]:
        _launch(start, control)
    _execute(start["command"], -1)


def _launch(start: dict[str, Any], control: socket.socket) -> NoReturn:
    """Become the program of a container image; the control channel closes when it runs."""
    os.umask(0o022)
    _take_signals_back()
    try:
        image_process.launch(start["image"], start["environment"])
    except image_process.CannotLaunch as error:
        told = {"error_type": error.error_type, "detail": str(error)}
        messages.send(control, {"event": "not_launched", **told})
    os._exit(1)


def _take_signals_back() -> None:
    """What Python ignores, other programs expect to be told."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def _execute(command: list[str], link: int) -> NoReturn:
    """Replace the worker by another program: a custom runtime, which finds its API in
    AWS_LAMBDA_RUNTIME_API, or one of ours, which gets the link as ``LINK`` (negative: no link)."""
    if link >= 0:
        os.dup2(link, LINK)
        os.set_inheritable(LINK, True)
    _take_signals_back()
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
