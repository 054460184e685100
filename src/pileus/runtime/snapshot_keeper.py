"""Process 1 of a snapshot's sandbox: makes empty sandboxes for its copies and tells how copies end.

Each of them is below this one: namespaces of its own in a user namespace of its own, which belongs to the
unprivileged user that the snapshot is, so that a copy may enter what it is handed. It sees the snapshot's
code and layers, and a ``/tmp`` with what the snapshot left in its own. The function's code runs in none of
the processes here.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pileus.runtime import linux, messages, sandbox
from pileus.runtime.snapshot_source import NAMESPACES

_STRAYS_MAX = 4096
_DESCRIPTORS_MAX = 1 << 20


@dataclass
class _Copy:
    control: socket.socket
    init_pid: int = 0
    worker_pid: int = 0


@dataclass
class Keeper:
    """Attributes: ``control`` and ``node`` lead to the node, for the snapshot's own life and for
    requests; ``door`` to the snapshot; ``reports`` comes from all who make or fill a sandbox."""

    plan: sandbox.Plan
    source_pid: int
    control: socket.socket
    node: socket.socket
    door: socket.socket
    reports: tuple[socket.socket, socket.socket]
    _copies: dict[int, _Copy] = field(default_factory=dict)
    _makers: dict[int, int] = field(default_factory=dict)
    _strays: dict[int, int] = field(default_factory=dict)
    _count: int = 0
    _source_end: dict[str, Any] | None = None

    def keep(self) -> NoReturn:
        """Serve until the node goes away, or the snapshot and its last copy have ended."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(wake_read, select.POLLIN)
        poller.register(self.control, 0)  # hang-up only: messages are for the worker
        poller.register(self.node, select.POLLIN)
        poller.register(self.reports[0], select.POLLIN)
        self._reap()
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == wake_read:
                    os.read(wake_read, 512)
                    self._reap()
                elif descriptor == self.reports[0].fileno():
                    self._take_report()
                elif descriptor == self.node.fileno():
                    self._take_request()
                else:
                    os._exit(0)  # the node is gone, and with this process everything here

    def _take_request(self) -> None:
        request, descriptors = messages.receive(self.node)
        if request is None:
            os._exit(0)
        self._count += 1
        number = self._count
        control = socket.socket(fileno=descriptors[0])
        try:
            pid = os.fork()
        except OSError as error:
            _tell(control, {"event": "failed", "reason": f"fork: {error}"})
            control.close()
            descriptors = descriptors[1:]
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._make(number, request, control, descriptors)
        if pid > 0:
            self._makers[pid] = number
            self._copies[number] = _Copy(control)
            descriptors = descriptors[1:]
        for descriptor in descriptors:
            os.close(descriptor)

    def _make(
        self,
        number: int,
        request: dict[str, Any],
        control: socket.socket,
        descriptors: list[int],
    ) -> NoReturn:
        """In a child that leaves as soon as the sandbox has a process 1 of its own."""
        try:
            for descriptor in descriptors[3:]:
                os.write(descriptor, b"0")
            self.plan.leave_user_namespace()
            listeners = self.plan.leave_namespaces()
            pid = os.fork()
            if pid:
                watched = linux.pidfd_open(pid)
                messages.send(self.reports[1], {"number": number, "init": pid})
                passed = [watched, *(listener.fileno() for listener in listeners)]
                messages.send(control, {"event": "forked"}, passed)
                os._exit(0)
            for listener in listeners:
                listener.close()
            names = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in NAMESPACES]
            self.plan.enter_copy_root(request["tmp_mb"], request["late_shown"])
            passed = [*descriptors[:3], *names, *descriptors[3:]]
            messages.send(self.door, {"number": number}, passed)
            linux.drop_capabilities()
            linux.set_dumpable(False)
            os.closerange(3, _DESCRIPTORS_MAX)
            _reap_for_ever()
        except BaseException as error:
            _tell(control, {"event": "failed", "reason": f"{type(error).__name__}: {error}"})
        os._exit(1)

    def _take_report(self) -> None:
        # The snapshot can write here too, and with it the function's code: numbers may be wrong.
        try:
            report, descriptors = messages.receive(self.reports[0])
        except ValueError:
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if not isinstance(report, dict):
            return
        number = report.get("number")
        copy = self._copies.get(number) if isinstance(number, int) else None
        for name in ("init", "worker"):
            pid = report.get(name)
            if not isinstance(pid, int):
                continue
            if copy is not None and not getattr(copy, f"{name}_pid"):
                setattr(copy, f"{name}_pid", pid)
            if pid in self._strays:
                self._ended(pid, self._strays.pop(pid))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                os._exit(0)
            if not pid:
                return
            if pid == self.source_pid:
                self._source_end = _told_status(status)
                _tell(self.node, {"event": "ended"})
                self._leave_when_done()
            elif pid in self._makers:
                number = self._makers.pop(pid)
                if status:
                    self._forget(number)
            else:
                self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        for number, copy in self._copies.items():
            if pid == copy.worker_pid:
                _tell(copy.control, _told_status(status))
                if copy.init_pid:
                    os.kill(copy.init_pid, signal.SIGKILL)
                return
            if pid == copy.init_pid:
                self._forget(number)
                return
        if len(self._strays) >= _STRAYS_MAX:  # orphans of the snapshot's own
            self._strays.pop(next(iter(self._strays)))
        self._strays[pid] = status

    def _forget(self, number: int) -> None:
        copy = self._copies.pop(number, None)
        if copy is not None:
            copy.control.close()
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._source_end is not None and not self._copies:
            _tell(self.control, self._source_end)
            os._exit(0)


def _told_status(status: int) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        return {"event": "exited", "signal": os.WTERMSIG(status)}
    return {"event": "exited", "code": os.WEXITSTATUS(status)}


def _reap_for_ever() -> NoReturn:
    """What process 1 of a copy is for; it dies with the one above, or is killed when the copy ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


def _tell(channel: socket.socket, message: dict[str, object]) -> None:
    try:
        messages.send(channel, message)
    except OSError:
        return  # that end is gone: nobody is left to hear it
