"""The snapshot itself: a process that has initialised a function and is copied for every instance.

It stands inside the function's sandbox. Each copy moves into a sandbox of its own that process 1
(``snapshot_keeper``) made and handed over, and waits there, blank, like any other instance. The copying
runs in memory that the function's code could have changed; what it could gain so are powers over the
empty sandboxes it is handed, all of them its own version's.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from pileus.runtime import (
    errors,
    frames,
    linux,
    messages,
    python_client,
    sandbox,
    snapshot_audit,
    snapshot_hooks,
    uniqueness,
)
from pileus.runtime.lambda_context import LambdaContext
from pileus.runtime.log_sink import LogSink
from pileus.runtime.snapshot_audit import Obstacle, OpenFile

NAMESPACES = ("user", "cgroup", "ipc", "uts", "net", "pid", "mnt")
"""In the order in which a copy enters them: the first gives the power to enter the others."""
_BEFORE_SNAPSHOT_FAILED = 64
_AFTER_RESTORE_FAILED = 65


@dataclass
class Channels:
    """Attributes: ``plan`` of the sandbox; ``link`` to the node while initialising; ``door``, on which
    process 1 hands over empty sandboxes; ``reports``, on which it is told who moved in."""

    plan: sandbox.Plan
    link: socket.socket
    door: socket.socket
    reports: socket.socket

    @property
    def descriptors(self) -> set[int]:
        """Of all of them, and the standard streams."""
        return {0, 1, 2, self.link.fileno(), self.door.fileno(), self.reports.fileno()}


def serve(channels: Channels, start: dict[str, Any]) -> NoReturn:
    """Initialise, then be copied until process 1 ends; never returns."""
    sink = LogSink(2)
    sink.attach()
    try:
        answer = python_client.load(channels.link, sink, start["handler"], start["kind"])
        _run_before_snapshot(channels.link, sink)
        gc.collect()
        files: list[OpenFile] = []
        obstacle = ""
        try:
            files = snapshot_audit.examine(channels.descriptors)
        except Obstacle as found:
            obstacle = str(found)
        sys.stdout.flush()
        ready = frames.encode(frames.SNAPSHOT, python_client.peak(), obstacle.encode())
        channels.link.sendall(ready)
    except SystemExit as leaving:
        python_client.leave(python_client.exit_status(leaving))
    except (BrokenPipeError, ConnectionResetError):
        python_client.leave(0)
    gc.freeze()
    control, link = _be_copied(channels, start["task_dir"], files)
    _restore(control, link, sink)
    try:
        python_client.answer_invocations(link, sink, answer)
    except SystemExit as leaving:
        python_client.leave(python_client.exit_status(leaving))
    except (BrokenPipeError, ConnectionResetError):
        pass
    python_client.leave(0)


def _run_before_snapshot(link: socket.socket, sink: LogSink) -> None:
    try:
        snapshot_hooks.run_before_snapshot()
    except Exception as error:
        _report(link, sink, error)
        raise SystemExit(_BEFORE_SNAPSHOT_FAILED) from None


def _report(link: socket.socket, sink: LogSink, error: Exception) -> None:
    report = errors.document(error, "")
    sink.write_error(report, errors.log_text(report))
    document = json.dumps(report).encode()
    link.sendall(frames.encode(frames.INIT_ERROR, python_client.peak(), document))


def _be_copied(
    channels: Channels, task_dir: str, files: list[OpenFile]
) -> tuple[socket.socket, socket.socket]:
    """Fork for every sandbox that is handed over; only the copies return, with control and link."""
    movers: list[int] = []
    while True:
        request, descriptors = messages.receive(channels.door)
        movers = [pid for pid in movers if not os.waitpid(pid, os.WNOHANG)[0]]
        if request is None:
            os._exit(0)
        try:
            pid = os.fork()
        except OSError as error:
            control = socket.socket(fileno=os.dup(descriptors[0]))
            messages.send(control, {"event": "failed", "reason": f"fork: {error}"})
            control.close()
            pid = -1
        if pid == 0:
            return _move_in(channels, request["number"], descriptors, (task_dir, files))
        if pid > 0:
            movers.append(pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _move_in(
    channels: Channels, number: int, descriptors: list[int], kept: tuple[str, list[OpenFile]]
) -> tuple[socket.socket, socket.socket]:
    """Enter the sandbox; the copy is the child that does, as only children change process namespaces."""
    control, link = socket.socket(fileno=descriptors[0]), socket.socket(fileno=descriptors[1])
    log = descriptors[2]
    namespaces = descriptors[3 : 3 + len(NAMESPACES)]
    entrances = descriptors[3 + len(NAMESPACES) :]
    task_dir, files = kept
    try:
        for descriptor in entrances:
            os.write(descriptor, b"0")
            os.close(descriptor)
        for descriptor in namespaces:
            linux.enter_namespace(descriptor)
            os.close(descriptor)
        pid = os.fork()
        if pid:
            messages.send(channels.reports, {"number": number, "worker": pid})
            os._exit(0)
        channels.plan.restrict_copy()
        os.chdir(task_dir)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        for channel in (channels.link, channels.door, channels.reports):
            channel.close()
        snapshot_audit.reopen(files)
        messages.send(control, {"event": "blank"})
    except BaseException as error:
        messages.send(control, {"event": "failed", "reason": f"{type(error).__name__}: {error}"})
        os._exit(1)
    return control, link


def _restore(control: socket.socket, link: socket.socket, sink: LogSink) -> None:
    """Wait to be somebody's instance, then become unlike the other copies."""
    start, _ = messages.receive(control)
    control.close()
    if start is None:
        os._exit(0)
    os.environ.update(start["environment"])
    uniqueness.reseed()
    try:
        snapshot_hooks.run_after_restore()
    except SystemExit as leaving:
        python_client.leave(python_client.exit_status(leaving))
    except Exception as error:
        _report(link, sink, error)
        python_client.leave(_AFTER_RESTORE_FAILED)
    LambdaContext.describe(os.environ)
    sys.stdout.flush()
    link.sendall(frames.encode(frames.READY, python_client.peak(), b""))
