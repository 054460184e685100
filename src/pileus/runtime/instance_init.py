"""From fork to worker: the two short-lived steps before user code and the init that outlives it.

The zygote's child moves into the instance's cgroups and namespaces, forks process 1 and leaves.
Process 1 arranges the root, forks the worker, drops every power and does nothing but reap: its
death ends every process of the instance. The worker waits, blank, for its function.

Why the worker is not process 1 itself: signals without a handler do not reach process 1, so a
handler that kills itself or aborts would hang instead of dying.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import NoReturn

from pileus.runtime import linux, messages, sandbox, worker
from pileus.runtime.snapshot_keeper import Keeper


def run(plan: sandbox.Plan, descriptors: list[int], keeper: int = -1) -> NoReturn:
    """Become an instance. ``descriptors``: control, link, log, then the
    files that let this process into its control groups. It has one thread: a group's ``tasks`` lets
    in no more than that. ``keeper``: where requests for copies arrive, for a snapshot."""
    control = socket.socket(fileno=descriptors[0])
    link, log, cgroups = descriptors[1], descriptors[2], descriptors[3:]
    try:
        os.setsid()
        for descriptor in cgroups:
            os.write(descriptor, b"0")
            os.close(descriptor)
        listeners = plan.leave_namespaces()
        pid = os.fork()
        if pid:
            watched = linux.pidfd_open(pid)
            passed = [watched, *(listener.fileno() for listener in listeners)]
            messages.send(control, {"event": "forked", "pid": pid}, passed)
            os._exit(0)
        for listener in listeners:
            listener.close()
        plan.enter_root()
        if keeper >= 0:
            _become_keeper(plan, control, (link, log), socket.socket(fileno=keeper))
        _become_init(plan, control, link, log)
    except BaseException as error:
        _tell(control, {"event": "failed", "reason": f"{type(error).__name__}: {error}"})
    os._exit(1)


def _become_init(plan: sandbox.Plan, control: socket.socket, link: int, log: int) -> NoReturn:
    if plan.tier != "A":
        linux.become_subreaper()
    pid = os.fork()
    if pid == 0:
        worker.run(plan, control, link, log)
    os.close(link)
    os.close(log)
    plan.drop_power()
    linux.set_dumpable(False)
    status = _reap_until(pid, control)
    if status is not None:
        if os.WIFSIGNALED(status):
            _tell(control, {"event": "exited", "signal": os.WTERMSIG(status)})
        else:
            _tell(control, {"event": "exited", "code": os.WEXITSTATUS(status)})
    os._exit(0)


def _become_keeper(
    plan: sandbox.Plan, control: socket.socket, streams: tuple[int, int], node: socket.socket
) -> NoReturn:
    """The same for a snapshot, whose process 1 also makes room for its copies."""
    link, log = streams
    door, their_door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reports = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        worker.run(plan, control, link, log, (their_door, reports[1]))
    os.close(link)
    os.close(log)
    their_door.close()
    plan.drop_power()
    linux.set_dumpable(False)
    Keeper(plan, pid, control, node, door, reports).keep()


def _reap_until(pid: int, control: socket.socket) -> int | None:
    """The worker's wait status; None when the node went away first."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poller = select.poll()
    poller.register(wake_read, select.POLLIN)
    poller.register(control, 0)  # hang-up only: messages are for the worker
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if ended == pid:
            return status
        if ended:
            continue
        for descriptor, _ in poller.poll():
            if descriptor != wake_read:
                return None
            os.read(wake_read, 512)


def _tell(control: socket.socket, message: dict[str, object]) -> None:
    try:
        messages.send(control, message)
    except OSError:
        os._exit(1)  # the node is gone; nobody is left to hear why
