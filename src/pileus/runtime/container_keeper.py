"""The keeper of one task: starts its containers, keeps their output, and outlives the platform.

A process of its own session, single-threaded, that the platform starts and leaves alone. It waits for
its containers, writes to disk how they ended, and answers whichever platform connects to its socket.
The task's network is the keeper's own: it listens where the platform is reached from inside, and hands
those listeners to every platform that connects, so that containers keep their door over a restart. While
none is connected it gives the answers that the last one left (``container_answers``).

It ends when told to close, or, should the platform never come back, stays for what runs.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from pileus.runtime import container_process, container_root, linux, messages
from pileus.runtime.container_answers import StandIn
from pileus.runtime.container_blank import Blank
from pileus.runtime.container_disk import DiskWatch
from pileus.runtime.container_network import Network
from pileus.runtime.container_output import READ_BYTES, OutputWriter
from pileus.runtime.container_plan import PROTOCOL_VERSION, ContainerPlan, TaskPlan

CONTROL = "control"
STATUS = "status.json"
STARTING, RUNNING, ENDED, FAILED = "STARTING", "RUNNING", "ENDED", "FAILED"
_FULL_S = 0.25
_LOOK_S = 30.0


class Container:
    """One container as its keeper knows it."""

    def __init__(self, plan: ContainerPlan) -> None:
        self.plan = plan
        self.pid = 0
        self.output = self.mounts = self.old_root = -1
        self.writer = OutputWriter(plan.folder)
        self.read_position = 0
        self.is_told = False
        self.is_polled = False
        self.status = STARTING
        self.started_ms = self.ended_ms = 0
        self.code: int | None = None
        self.signal: int | None = None
        self.is_out_of_memory = False
        self.detail = ""
        self.early_code: int | None = None
        """How it ended before the pipe of its start said whether the program ran."""

    def let_go(self) -> None:
        """The kernel takes its mounts down now, and frees what was removed: that takes milliseconds."""
        for descriptor in (self.mounts, self.old_root):
            if descriptor >= 0:
                os.close(descriptor)
        self.mounts = self.old_root = -1

    def state(self) -> dict[str, Any]:
        """What is told and kept."""
        return {
            "status": self.status,
            "pid": self.pid,
            "started_ms": self.started_ms,
            "ended_ms": self.ended_ms,
            "code": self.code,
            "signal": self.signal,
            "out_of_memory": self.is_out_of_memory,
            "detail": self.detail,
        }


class Keeper:
    """The loop. ``first`` is the channel to the platform that started it; ``listeners`` are those of
    the network that the process is in; ``blank`` becomes the first container."""

    def __init__(
        self,
        task: TaskPlan,
        first: socket.socket,
        listeners: list[socket.socket],
        blank: Blank | None,
    ) -> None:
        self.task = task
        self._blank = blank
        self.containers: dict[str, Container] = {}
        self._channels: dict[int, socket.socket] = {first.fileno(): first}
        self._handlers: dict[int, Callable[[], None]] = {}
        self._poller = select.poll()
        self._executions: dict[int, tuple[int, float]] = {}
        self._status = -1
        self._look_at = 0.0
        self._disk = DiskWatch(task.folder, task.disk_mb)
        self._is_closing = False
        self._listeners = self._doors(listeners)
        at_metadata = self._listeners[-1] if task.metadata_address else None
        self._stand_in = StandIn(at_metadata, self._on, self._off)
        self._door = self._listen()
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self._on(wake_read, lambda: self._reap(wake_read))
        self._on(self._door.fileno(), self._accept)
        self._add_channel(first)

    # -- what it stands on ------------------------------------------------------------------

    def _doors(self, listeners: list[socket.socket]) -> list[socket.socket]:
        if self.task.gateway_port or self.task.metadata_address:
            return listeners
        for listener in listeners:
            listener.close()
        return []

    def _listen(self) -> socket.socket:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Through a descriptor, because an address is shorter than many a path.
        folder = os.open(self.task.folder, os.O_PATH | os.O_DIRECTORY)
        door.bind(f"/proc/self/fd/{folder}/{CONTROL}")
        os.close(folder)
        door.listen(8)
        door.setblocking(False)
        return door

    # -- the loop ---------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until closed and empty."""
        while not (self._is_closing and not any(one.pid for one in self.containers.values())):
            for descriptor, _ in self._poller.poll(self._next_ms()):
                handler = self._handlers.get(descriptor)
                if handler is not None:
                    handler()
            self._tend()

    def _next_ms(self) -> int:
        waits = [_LOOK_S] + [end - time.monotonic() for _, end in self._executions.values()]
        if any(one.pid for one in self.containers.values()):
            if self.task.disk_mb:
                waits.append(self._disk.glance_at_s - time.monotonic())
            if any(one.output >= 0 and not one.is_polled for one in self.containers.values()):
                waits.append(_FULL_S)
        return max(0, round(min(waits) * 1000) + 1)

    def _tend(self) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            if not os.path.exists(f"{self.task.folder}/{CONTROL}"):
                self._close()  # the data folder was thrown away: nobody can ever ask again
        for pid, (_, end) in list(self._executions.items()):
            if end <= now:
                os.kill(pid, signal.SIGKILL)
                self._executions[pid] = (self._executions[pid][0], now + 3600)
        for container in self.containers.values():
            if container.output >= 0 and not container.is_polled and not container.writer.is_full:
                self._poll_output(container)
        running = [one for one in self.containers.values() if one.pid]
        if self.task.disk_mb and self._disk.is_over(now, [one.plan for one in running]):
            for container in running:
                container.detail = f"the task wrote more than {self.task.disk_mb} MB"
                self._signal(container.plan.name, signal.SIGKILL)

    def _on(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._poller.register(descriptor, select.POLLIN)

    def _off(self, descriptor: int) -> None:
        del self._handlers[descriptor]
        self._poller.unregister(descriptor)

    # -- platforms --------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            channel, _ = self._door.accept()
        except BlockingIOError:
            return
        self._channels[channel.fileno()] = channel
        self._add_channel(channel)

    def _add_channel(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._on(channel.fileno(), lambda: self._hear(channel))
        self._stand_in.step_back()

    def _hear(self, channel: socket.socket) -> None:
        try:
            message, _ = messages.receive(channel)
        except BlockingIOError:
            return
        except OSError:
            message = None
        if message is None:
            self._off(channel.fileno())
            del self._channels[channel.fileno()]
            channel.close()
            if not self._channels:
                self._stand_in.take_over()
            return
        operation = message["op"]
        if operation == "hello":
            told = {"event": "hello", "version": PROTOCOL_VERSION, "containers": self._states()}
            self._send(channel, told, [listener.fileno() for listener in self._listeners])
        elif operation == "start":
            self._start(message["container"])
        elif operation == "signal":
            self._signal(message["container"], message["number"])
        elif operation == "execute":
            self._execute(message)
        elif operation == "output_read":
            self._note_read(message["container"], message["position"])
        elif operation == "answers":
            self._stand_in.answers = message["answers"]
        elif operation == "close":
            self._close()

    def _close(self) -> None:
        self._is_closing = True
        if self._blank is not None:
            self._blank.drop()
            self._blank = None
        for name in self.containers:
            self._signal(name, signal.SIGKILL)

    def _send(
        self, channel: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None
    ) -> None:
        try:
            messages.send(channel, message, descriptors or [])
        except OSError:
            pass  # a platform that went away, or reads nothing: the files tell it all later

    def _tell(self, message: dict[str, Any]) -> None:
        for channel in list(self._channels.values()):
            self._send(channel, message)

    def _states(self) -> dict[str, Any]:
        return {name: container.state() for name, container in self.containers.items()}

    def _changed(self, container: Container) -> None:
        path = f"{self.task.folder}/{STATUS}"
        file = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(file, json.dumps({"containers": self._states()}).encode())
        if container.status != RUNNING:
            os.fsync(file)
        os.replace(f"{path}.new", path)
        name = container.plan.name
        self._tell({"event": "state", "container": name, "state": container.state()})
        # Held until it is replaced and that was told: a disk may be waited for when it becomes free.
        if self._status >= 0:
            os.close(self._status)
        self._status = file

    # -- containers -------------------------------------------------------------------------

    def _start(self, asked: dict[str, Any]) -> None:
        plan = ContainerPlan.read(asked)
        if plan.name in self.containers:
            return
        container = self.containers[plan.name] = Container(plan)
        if self._is_closing:
            self._fail(container, "the task is being closed")
            return
        try:
            blank = self._take_blank()
        except OSError as error:
            self._fail(container, f"fork: {error}")
            return
        container.pid, container.output = blank.pid, blank.output
        container.mounts = _hold_mounts(blank.pid)
        os.set_blocking(blank.output, False)
        self._poll_output(container)
        status = blank.status
        self._on(status, lambda: self._hear_start(container, status))
        try:
            container.old_root = container_root.hold_old_root(plan)
        except OSError:
            pass  # what stands against it the container will tell
        try:
            blank.begin(self.task.plain(), asked)
        except OSError as error:
            container.detail = f"its plan cannot be handed over: {error}"

    def _take_blank(self) -> Blank:
        """The one that waits, unless the machine's mounts changed meanwhile. Raises OSError."""
        blank, self._blank = self._blank, None
        if blank is not None and not blank.is_fresh:
            blank.drop()
            blank = None
        return blank or Blank()

    def _forget_parent(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def _hear_start(self, container: Container, status: int) -> None:
        told = os.read(status, 65_536)
        for line in told.splitlines():
            container.detail = json.loads(line)["failure"]
        if told:
            return
        self._off(status)
        os.close(status)
        if container.detail or not (container.pid or container.early_code is not None):
            self._fail(container, container.detail or "its first process ended")
            return
        container.status, container.started_ms = RUNNING, _now_ms()
        for path, text in container.plan.late_limits:
            _write(path, text)
        self._changed(container)
        if container.early_code is not None:
            self._end(container, container.early_code)

    def _fail(self, container: Container, detail: str) -> None:
        container.status, container.detail = FAILED, detail
        container.ended_ms = _now_ms()
        self._changed(container)
        container.let_go()

    def _signal(self, name: str, number: int) -> None:
        container = self.containers.get(name)
        if container is not None and container.pid:
            os.kill(container.pid, number)

    def _reap(self, wake: int) -> None:
        os.read(wake, 512)
        while True:
            try:
                pid, ended = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self._executions:
                number, _ = self._executions.pop(pid)
                code = os.waitstatus_to_exitcode(ended)
                self._tell({"event": "executed", "id": number, "code": code})
                continue
            for container in self.containers.values():
                if container.pid == pid:
                    self._end(container, os.waitstatus_to_exitcode(ended))

    def _end(self, container: Container, code: int) -> None:
        """Process 1 is gone, and with it every process of the container."""
        container.pid = 0
        container.is_out_of_memory = any(
            _field(path, name) > 0 for path, name in container.plan.oom_files
        )
        while container.output >= 0:
            self._take_output(container, is_last=True)
        container.writer.finish(_now_ms())
        if container.status == FAILED:
            return
        if container.status == STARTING:
            container.early_code = code
            return
        container.code, container.signal = (code, None) if code >= 0 else (None, -code)
        container.status, container.ended_ms = ENDED, _now_ms()
        self._changed(container)
        container.let_go()

    def _execute(self, message: dict[str, Any]) -> None:
        container = self.containers.get(message["container"])
        if container is None or container.status != RUNNING or not container.pid:
            self._tell({"event": "executed", "id": message["id"], "code": -1})
            return
        nowhere = os.open("/dev/null", os.O_WRONLY)
        pid = os.fork()
        if pid == 0:
            self._forget_parent()
            container_process.enter(
                self.task, container.plan, container.pid, message["command"], nowhere
            )
        os.close(nowhere)
        self._executions[pid] = (message["id"], time.monotonic() + message["timeout_s"])

    # -- output -----------------------------------------------------------------------------

    def _poll_output(self, container: Container) -> None:
        container.is_polled = True
        self._on(container.output, lambda: self._take_output(container))

    def _take_output(self, container: Container, *, is_last: bool = False) -> None:
        try:
            data = os.read(container.output, READ_BYTES)
        except BlockingIOError:
            data = None
        if data:
            before = container.writer.position
            container.writer.write(_now_ms(), data)
            if not container.is_told and container.writer.position > before:
                container.is_told = True
                self._tell({"event": "output", "container": container.plan.name})
            if not is_last and container.writer.is_full:
                self._off(container.output)
                container.is_polled = False
            return
        if data is None and not is_last:
            return
        if container.is_polled:
            self._off(container.output)
            container.is_polled = False
        os.close(container.output)
        container.output = -1

    def _note_read(self, name: str, position: int) -> None:
        container = self.containers.get(name)
        if container is None:
            return
        container.is_told = container.writer.position > position
        if container.is_told:
            self._tell({"event": "output", "container": name})


def _field(path: str, name: str) -> int:
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(f"{name} "):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _hold_mounts(pid: int) -> int:
    """Keeps a container's mounts when it ends: the kernel tells of an end only after it has taken
    down what nobody holds, which takes milliseconds. -1 where the process is gone already."""
    try:
        return os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    except OSError:
        return -1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_for_task(channel: socket.socket, network: Network) -> None:
    """Be a keeper: make the network and the first container, blank, then wait to be told which task to
    keep, and keep it.

    Says that it is ready, with the network's listeners, or why it cannot be. Ends unneeded when the
    channel closes.
    """
    linux.become_subreaper()
    try:
        listeners = network.make()
        blank = Blank()
        messages.send(channel, {"event": "ready"}, [one.fileno() for one in listeners])
    except OSError as error:
        _refuse(channel, str(error))
    message, _ = messages.receive(channel)
    if message is None:
        blank.drop()
        return
    task = TaskPlan.read(message["task"])
    record = os.open(f"{task.folder}/keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(record, 2)
    os.chdir("/")
    try:
        task.read_program()
        keeper = Keeper(task, channel, listeners, blank)
    except OSError as error:
        blank.drop()
        _refuse(channel, str(error))
    keeper.run()


def _refuse(channel: socket.socket, reason: str) -> NoReturn:
    """Say why, and stay until that was read: what is unread is lost when this end closes."""
    messages.send(channel, {"event": "refused", "reason": reason})
    while messages.receive(channel)[0] is not None:
        continue
    sys.exit(1)
