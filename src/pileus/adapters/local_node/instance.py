"""One instance on this machine: a sandboxed process tree from blank to gone.

States run one way: forking → blank → starting → ready ⇄ busy → ending → gone. What the kernel
does with the tree arrives on the control channel; answers arrive on the runtime's channel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from pileus.adapters.local_node import control_words
from pileus.adapters.local_node.cgroups import Group
from pileus.adapters.local_node.channels import Channel, FrameChannel
from pileus.adapters.local_node.image_roots import launch_error
from pileus.adapters.local_node.instance_state import Ends, State
from pileus.adapters.local_node.log_reader import LogPipe
from pileus.adapters.local_node.processes import (
    anonymous_bytes,
    kill_tree,
    namespace_members,
    resident_bytes,
)
from pileus.adapters.local_node.runtime_api import RuntimeApi, too_large
from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    Exit,
    ExitReason,
    InitFailed,
    InstanceSpec,
    Invocation,
    LeaseLost,
    LogLine,
    LogSink,
    Outcome,
    Restore,
    TakePart,
)
from pileus.runtime import frames, messages

_MIB = 1 << 20
_NS_PER_S = 1_000_000_000
_TIMER_S_MIN = 0.001

Door = Callable[[socket.socket, str], Callable[[], None]]
"""Takes the listener inside an instance's network and the instance's name; what it returns is
called when the instance is gone."""


class Instance:
    """Implements the ``Link`` of the Nodes port.

    Args:
        ends: this side of the control channel, the link and the log pipe.
        group: its control groups, or None where there are none.
        owns_namespaces: tier A: ending process 1 ends everything.
    """

    def __init__(
        self, ends: Ends, clock: Clock, group: Group | None, *, owns_namespaces: bool
    ) -> None:
        self.state = State.FORKING
        self.on_busy: Callable[[], object] = bool
        """Called whenever user code is about to run; the node sets it."""
        self.init_ns = 0
        self.ready_ns = 0
        """Of the init phase, what passed after the process was there."""
        self.restore: Restore | None = None
        self.obstacle = ""
        self.base_bytes = 0
        """Memory it shares with the snapshot it is a copy of, which its own group does not count."""
        self.memory_peak_mb = 0
        self.shareable: tuple[str, ...] = ()
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self.blank: asyncio.Future[None] = self._loop.create_future()
        self.blank.add_done_callback(_retrieve)
        self.group = group
        self.spec: InstanceSpec | None = None
        self._clock = clock
        self._ends = ends
        self._owns_namespaces = owns_namespaces
        self._pid = 0
        self._is_copy = False
        self._pidfd = -1
        self._is_worker_up = False
        self._listeners: list[socket.socket] = []
        self._channel: Channel | None = None
        self._close_door: Callable[[], None] | None = None
        self._log = LogPipe(ends.log, self._emit)
        self._log_sink: LogSink | None = None
        self._initialised: asyncio.Future[None] | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._request_id = ""
        self._take_part: TakePart | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._last_error = b""
        self._started_ns = 0
        self._blank_ns = 0
        self._deadline_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ending: ExitReason | None = None
        self._failure = ""
        self._not_launched: Exit | None = None
        ends.control.setblocking(False)
        os.set_blocking(ends.log, False)
        self._loop.add_reader(ends.control.fileno(), self._on_control)

    @property
    def is_busy(self) -> bool:
        """Whether an invocation or the init phase is under way."""
        return self.state in (State.BUSY, State.STARTING)

    def resident_bytes(self) -> int:
        """Memory of all its processes, without ``/tmp``."""
        if self._is_copy:
            # Its group counts what it has changed of the snapshot, and nothing of what it has not.
            return anonymous_bytes(namespace_members(self._pid))
        if self.group is not None:
            return self.group.anonymous_bytes()
        return resident_bytes(self._pid)

    def has_outgrown(self, memory_bytes: int) -> bool:
        """Whether :meth:`resident_bytes` exceeds so many; looked at often, so cheaply."""
        if self.group is not None and self.group.used_bytes() + self.base_bytes <= memory_bytes:
            return False
        return self.resident_bytes() > memory_bytes

    async def start(
        self, spec: InstanceSpec, message: dict[str, Any], log: LogSink, door: Door | None
    ) -> None:
        """Make the blank instance this function and run its init phase. Raises InitFailed."""
        if self.state is State.GONE:
            raise LeaseLost("the instance ended before it was started")
        self.state = State.STARTING
        self.on_busy()
        self.spec = spec
        self._log_sink = log
        self._initialised = self._loop.create_future()
        self._started_ns = self._clock.mono_ns()
        self._loop.add_reader(self._ends.log, self._read_log)
        timer = self._loop.call_later(spec.init_timeout_s, self.kill, ExitReason.TIMED_OUT)
        try:
            if message["speaks_http"]:
                await self.blank  # the Runtime API's listener arrives before
                await self._serve_http(message)
            else:
                channel = FrameChannel(self)
                self._channel = channel
                await self._loop.create_unix_connection(lambda: channel, sock=self._ends.link)
            messages.send(self._ends.control, message)
            # The gateway's listener arrives before; code may call the gateway while it initialises.
            await asyncio.wait((self.blank,))
            self._blank_ns = self._clock.mono_ns()
            self._open_door(door, spec.name)
            await self._initialised
        except OSError as error:
            self.kill(ExitReason.LOST)
            raise InitFailed(b"", Exit(ExitReason.LOST), 0, 0) from error
        except asyncio.CancelledError:
            self.kill(ExitReason.STOPPED)
            raise
        finally:
            timer.cancel()

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Hand over one event and wait for its outcome; see the port."""
        if self.state is not State.READY:
            if self.state is State.BUSY:
                raise ValueError("the instance is busy")
            raise LeaseLost("the instance has ended")
        channel = self._channel
        assert channel is not None
        self.state = State.BUSY
        self._request_id = invocation.request_id
        self._take_part = invocation.take_part
        answer: asyncio.Future[Outcome] = self._loop.create_future()
        self._answer = answer
        self._started_ns = self._clock.mono_ns()
        self._bound(invocation.timeout_s)
        self.on_busy()
        channel.send(invocation)
        try:
            return await answer
        except asyncio.CancelledError:
            self.kill(ExitReason.STOPPED)
            raise

    def _bound(self, timeout_s: float) -> None:
        """End the instance unless it has answered in time.

        One timer serves many invocations: it looks at the deadline of its moment, so that a quick
        call neither makes nor cancels one.
        """
        self._deadline_ns = self._started_ns + round(timeout_s * _NS_PER_S)
        timer = self._timer
        if timer is not None:
            if timer.when() <= self._loop.time() + timeout_s:
                return
            timer.cancel()
        self._timer = self._loop.call_later(timeout_s, self._look_at_deadline)

    def _look_at_deadline(self) -> None:
        self._timer = None
        if self.state is not State.BUSY:
            return
        left_ns = self._deadline_ns - self._clock.mono_ns()
        if left_ns > 0:
            self._timer = self._loop.call_later(
                max(_TIMER_S_MIN, left_ns / _NS_PER_S), self._look_at_deadline
            )
        else:
            self.kill(ExitReason.TIMED_OUT)

    async def stop(self) -> None:
        """End every process now; returns when they are gone."""
        self.kill(ExitReason.STOPPED)
        await asyncio.shield(self.exited)

    def kill(self, reason: ExitReason) -> None:
        """End every process for ``reason`` (the first one given counts)."""
        if self.state is State.GONE:
            return
        self._ending = self._ending or reason
        if self._pidfd < 0:
            self._ends.control.shutdown(socket.SHUT_RDWR)
            return
        if not self._owns_namespaces or self._is_copy:
            self._end_tree()
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it is on its way out already; the control channel will say so

    def on_ready(self, peak_kib: int, shareable: tuple[str, ...]) -> None:
        """From the channel: the init phase is over."""
        if self.state is not State.STARTING or self._initialised is None:
            self.on_nonsense("ready twice")
            return
        self._note_peak(peak_kib)
        now_ns = self._clock.mono_ns()
        self.init_ns = now_ns - self._started_ns
        # The answer may be here before the loop has noticed that the process is.
        self.ready_ns = now_ns - self._blank_ns if self._blank_ns else 0
        self._log.drain()
        self.shareable = shareable
        self.state = State.READY
        if not self._initialised.done():
            self._initialised.set_result(None)

    def on_snapshot(self, peak_kib: int, obstacle: str) -> None:
        """From the channel: the snapshot is initialised, and may be copied unless something is said."""
        self.obstacle = obstacle
        self.on_ready(peak_kib, ())

    def on_init_error(self, document: bytes, peak_kib: int) -> None:
        """From the channel: the init phase failed and says why."""
        if self.state is not State.STARTING:
            self.on_nonsense("an init error after the init phase")
            return
        self._note_peak(peak_kib)
        self._log.drain()
        if self._initialised is not None and not self._initialised.done():
            failed = self._init_failed(document, Exit(ExitReason.EXITED, code=1))
            self._initialised.set_exception(failed)
        self.kill(ExitReason.STOPPED)

    def on_answer(self, request_id: str, payload: bytes, is_error: bool, peak_kib: int) -> None:
        """From the channel: the answer to the invocation under way."""
        answer = self._answer
        if self.state is not State.BUSY or answer is None or request_id != self._request_id:
            self.on_nonsense(f"an answer to {request_id!r}")
            return
        duration_ns = self._clock.mono_ns() - self._started_ns
        self._note_peak(peak_kib)
        if self._log.has_output():
            self._log.drain()
        assert self.spec is not None
        if self.memory_peak_mb > self.spec.memory_mb:
            self.kill(ExitReason.OUT_OF_MEMORY)
            return
        if self._parts_bytes:
            payload, is_error = self._joined(payload, is_error)
        self._answer = None
        self.state = State.READY
        if not answer.done():
            answer.set_result(Outcome(payload, is_error, duration_ns, self.memory_peak_mb))

    def on_last_error(self, request_id: str, document: bytes, peak_kib: int) -> None:
        """From the channel: the handler failed and the process leaves; told when it is gone, so
        that no other call comes in between."""
        if self.state is not State.BUSY or request_id != self._request_id:
            self.on_nonsense(f"a last answer to {request_id!r}")
            return
        self._note_peak(peak_kib)
        self._last_error = document

    def on_part(self, request_id: str, content_type: str, data: bytes, peak_kib: int) -> None:
        """From the channel: a piece of a streamed answer."""
        if self.state is not State.BUSY or request_id != self._request_id:
            self.on_nonsense(f"a part of an answer to {request_id!r}")
            return
        self._note_peak(peak_kib)
        if self._take_part is not None:
            self._take_part(content_type, data, self._hold)
            return
        self._parts_bytes += len(data)
        if self._parts_bytes <= frames.RESPONSE_BYTES_MAX:
            self._parts.append(data)

    def _hold(self, is_held: bool) -> None:
        if self._channel is not None:
            self._channel.hold(is_held)

    def _joined(self, rest: bytes, is_error: bool) -> tuple[bytes, bool]:
        """A streamed answer for a caller who wants it whole; one that ended in an error is that."""
        parts, size_bytes = [*self._parts, rest], self._parts_bytes + len(rest)
        self._parts, self._parts_bytes = [], 0
        if is_error:
            return rest, True
        if size_bytes > frames.RESPONSE_BYTES_MAX:
            return too_large(), True
        return b"".join(parts), False

    def on_nonsense(self, detail: str) -> None:
        """From the channel: the runtime broke the protocol; the instance cannot be trusted."""
        if self._ending is None:
            self._emit([f"the runtime broke the protocol: {detail}"])
        self.kill(ExitReason.PROTOCOL)

    async def _serve_http(self, message: dict[str, Any]) -> None:
        channel = RuntimeApi(self)
        self._channel = channel
        if self._owns_namespaces:
            listener = self._listeners.pop()
        else:
            listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        message["runtime_api_port"] = port
        message["environment"]["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{port}"
        await channel.listen(listener)

    def _open_door(self, door: Door | None, name: str) -> None:
        has_gateway = len(self._listeners) > (0 if isinstance(self._channel, RuntimeApi) else 1)
        if has_gateway and door is not None:
            self._close_door = door(self._listeners.pop(0), name)
        self._close_listeners()

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _on_control(self) -> None:
        try:
            word = control_words.hear(self._ends.control)
        except BlockingIOError:
            return
        if isinstance(word, control_words.Forked) and self._pidfd < 0:
            self._forked(word)
        elif isinstance(word, control_words.Blank):
            self._is_worker_up = True
            self._note_blank()
        elif isinstance(word, control_words.Gone):
            self._leaving(word.exit)
        elif isinstance(word, control_words.NotLaunched):
            self._not_launched = word.exit
            self._emit([launch_error(self.spec, word.exit.detail)])
            self.kill(ExitReason.NOT_LAUNCHED)
        elif isinstance(word, control_words.Failed):
            self._failure = f"the sandbox could not be made: {word.reason}"
            self._emit([self._failure])
            if not self.blank.done():
                self.blank.set_exception(OSError(self._failure))
            self.kill(ExitReason.LOST)
        else:
            control_words.drop(word)
            self.on_nonsense("a word on the control channel")

    def _forked(self, word: control_words.Forked) -> None:
        self._pid, self._pidfd, self._is_copy = word.pid, word.pidfd, word.is_copy
        self._listeners = word.listeners
        self._note_blank()
        if self._ending is not None:
            self.kill(self._ending)

    def _note_blank(self) -> None:
        """Two processes tell: the worker that it is up, its grandparent who it is; in any order."""
        if not self._is_worker_up or self._pidfd < 0:
            return
        if self.state is State.FORKING:
            self.state = State.BLANK
        if not self.blank.done():
            self.blank.set_result(None)

    def _leaving(self, exit: Exit) -> None:
        """Process 1 closed its channel: the kernel still ends the rest before it is gone."""
        self._loop.remove_reader(self._ends.control.fileno())
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._gone, exit)
        else:
            self._gone(exit)

    def _gone(self, exit: Exit) -> None:
        duration_ns = self._clock.mono_ns() - self._started_ns
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
        if self._log_sink is not None:
            self._log.drain()
            self._loop.remove_reader(self._ends.log)
            self._log.finish()
        if self._pid and (not self._owns_namespaces or self._is_copy):
            self._end_tree()
        exit = self._classify(exit)
        self.state = State.GONE
        self._release()
        if not self.blank.done():
            self.blank.set_exception(OSError("the instance ended while it was being made"))
        if self._initialised is not None and not self._initialised.done():
            self._initialised.set_exception(self._init_failed(b"", exit))
        if self._answer is not None and not self._answer.done():
            told = None if self._last_error else exit
            outcome = Outcome(self._last_error, True, duration_ns, self.memory_peak_mb, told)
            self._answer.set_result(outcome)
        self.exited.set_result(exit)

    def _end_tree(self) -> None:
        """Where no namespace does it: what descends from process 1, and what has left it. Of a copy
        the snapshot's own code may have told another process 1."""
        if not self._owns_namespaces:
            kill_tree(self._pid)
        if self.group is not None:
            self.group.end()

    def _classify(self, exit: Exit) -> Exit:
        if self._ending is ExitReason.OUT_OF_MEMORY:
            return Exit(ExitReason.OUT_OF_MEMORY, signal=signal.SIGKILL)
        if self._not_launched is not None:
            return self._not_launched
        if self._ending is not None:
            return Exit(self._ending)
        is_killed = exit.reason is ExitReason.KILLED and exit.signal == signal.SIGKILL
        if is_killed and self.group is not None and self.group.oom_kills():
            if self.spec is not None:
                self.memory_peak_mb = max(self.memory_peak_mb, self.spec.memory_mb)
            return Exit(ExitReason.OUT_OF_MEMORY, signal=signal.SIGKILL)
        return exit

    def _release(self) -> None:
        self._close_listeners()
        if self._timer is not None:
            self._timer.cancel()
        if self._close_door is not None:
            self._close_door()
        if self._channel is not None:
            self._channel.close()
        self._ends.link.close()
        self._ends.control.close()
        os.close(self._ends.log)
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def _init_failed(self, document: bytes, exit: Exit) -> InitFailed:
        duration_ns = self._clock.mono_ns() - self._started_ns
        return InitFailed(document, exit, duration_ns, self.memory_peak_mb, self._failure)

    def _note_peak(self, peak_kib: int) -> None:
        peak_mb = -(-peak_kib // 1024) if peak_kib else -(-self.resident_bytes() // _MIB)
        if peak_mb > self.memory_peak_mb:
            self.memory_peak_mb = peak_mb

    def _read_log(self) -> None:
        self._log.read()
        if self._log.is_ended:
            self._loop.remove_reader(self._ends.log)

    def _emit(self, records: list[str]) -> None:
        if records and self._log_sink is not None:
            at_ms = self._clock.now_ms()
            self._log_sink([LogLine(at_ms, text) for text in records])


def _retrieve(future: asyncio.Future[None]) -> None:
    """Mark the exception as seen: a blank nobody asked for may fail unnoticed."""
    if not future.cancelled():
        future.exception()
