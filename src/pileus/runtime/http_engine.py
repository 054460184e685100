"""Serves a media engine whose program speaks HTTP: a client in the instance, beside the program.

The program is a child of this process, in whatever language, out of a container image or a package. Calls
arrive as frames, as in any instance of ours (``engine_client`` tells their events); each piece is taken out of
its ring and posted to the program on 127.0.0.1, and its answer goes back. Of the platform the program sees
nothing but these requests:

* ``GET /ready``: 200 once it can work; 503, or nobody listening, before that. Anything else means that it
  never will.
* ``POST /process``: a form (``http_forms``). 200 with JSON, or 204 where there is nothing to say.

When the program ends, this process ends in the same way, and the node tells how.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from pileus.runtime import errors, frame_ring, frames, http_exchange, http_forms, python_client
from pileus.runtime.errors import Fault
from pileus.runtime.http_exchange import BrokenExchange, Connection
from pileus.runtime.lambda_context import LambdaContext
from pileus.runtime.log_sink import LogSink

NOT_READY = "Engine.NotReady"
"""The program did not say in time that it can work, or said that it never will."""
HTTP_ERROR = "Engine.HttpError"
"""The program answered with an error, or broke the connection."""
WRONG_RESULT = "Engine.WrongResult"
"""The program's answer is no JSON."""

_POLL_S = 0.05
_PATIENCE_S = 5.0
"""The node ends a call that takes too long; this is for a clock of another mind."""
_END_S = 3.0
_TOLD_MAX = 200
_SUCCESS = 2


def begin(become: Callable[[], NoReturn]) -> None:
    """Start the program, in a child: ``become`` takes that process over. This process ends as it does."""
    signal.signal(signal.SIGCHLD, lambda *_: _end_with_program())
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become()


def _end_with_program() -> None:
    """The program has ended: leave by its status, or die by its signal."""
    pid, status = os.waitpid(-1, os.WNOHANG)
    if not pid:
        return
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


def serve(link: socket.socket, http: dict[str, Any]) -> NoReturn:
    """Wait until the program is ready, then answer invocations until the node hangs up.

    Args:
        http: of the start message: ``port``, ``ready_s``, ``rings_dir`` and ``rings_fd``.
    """
    sink = LogSink(2)
    sink.attach()
    try:
        engine = HttpEngine(http)
        try:
            engine.await_ready()
        except Exception as error:
            report = errors.document(error, "")
            sink.write_error(report, errors.log_text(report))
            link.sendall(frames.encode(frames.INIT_ERROR, b"0", json.dumps(report).encode()))
            python_client.leave(1)
        LambdaContext.describe(os.environ)
        # The node measures: what this process needs says nothing of the program.
        link.sendall(frames.encode(frames.READY, b"0", b""))
        python_client.answer_invocations(link, sink, engine.answer, lambda: 0)
    except (BrokenPipeError, ConnectionResetError):
        python_client.leave(0)
    python_client.leave(0)


class HttpEngine:
    """The program, as this process asks it.

    Args:
        end_s: how long a program that broke a connection is waited for: it is most often about to end.
    """

    def __init__(self, http: dict[str, Any], end_s: float = _END_S) -> None:
        self._end_s = end_s
        self._port, self._ready_s = int(http["port"]), float(http["ready_s"])
        self._rings = _Rings(http["rings_dir"], http["rings_fd"])
        self._connection = Connection(self._port, frames.RESPONSE_BYTES_MAX)

    def await_ready(self) -> None:
        """Return once the program says that it can work. Raises Fault (NOT_READY)."""
        until_s = time.monotonic() + self._ready_s
        where = f"GET http://127.0.0.1:{self._port}/ready"
        seen = "nobody listens"
        while True:
            status, seen = self._look(max(_POLL_S, until_s - time.monotonic()), seen)
            if status == http_exchange.OK:
                return
            if status not in (0, http_exchange.SERVICE_UNAVAILABLE):
                raise Fault(NOT_READY, f"{where} answered {status}, not 200 (or 503 for not yet)")
            if time.monotonic() >= until_s:
                told = f"{where} did not answer 200 within {self._ready_s:g} s: {seen}"
                raise Fault(NOT_READY, told)
            time.sleep(_POLL_S)

    def _look(self, timeout_s: float, seen: str) -> tuple[int, str]:
        """The status of ``/ready``, 0 for no answer, and what is to be said of it."""
        try:
            status = self._connection.ask("GET", "/ready", timeout_s).status
        except ConnectionRefusedError:
            return 0, seen
        except (OSError, BrokenExchange) as problem:
            return 0, _told(problem)
        return status, f"it answers {status}"

    def answer(self, payload: bytes, context: LambdaContext) -> bytes:
        """One call of the platform: every piece is posted for itself. Raises Fault."""
        event = json.loads(payload)
        told = []
        for chunk in event["chunks"]:
            form = self._rings.form(event, chunk)
            if form is None:
                told.append({"number": chunk["number"], "gone": True})
                continue
            timeout_s = context.get_remaining_time_in_millis() / 1000 + _PATIENCE_S
            result = self._process(form, timeout_s)
            told.append({"number": chunk["number"], "result": result})
        return json.dumps({"results": told}).encode()

    def _process(self, form: http_forms.Form, timeout_s: float) -> Any:
        try:
            status, body = self._connection.ask(
                "POST", "/process", timeout_s, form.content_type, form.body
            )
        except (OSError, BrokenExchange) as problem:
            # When the program ends, this process does, here: that tells more than the connection.
            time.sleep(self._end_s)
            raise Fault(HTTP_ERROR, f"POST /process got no answer: {_told(problem)}") from None
        if len(body) > frames.RESPONSE_BYTES_MAX:
            told = f"POST /process answered with more than {frames.RESPONSE_BYTES_MAX} bytes"
            raise Fault(WRONG_RESULT, told)
        if status // 100 != _SUCCESS:
            said = body[:_TOLD_MAX].decode(errors="replace").strip()
            raise Fault(HTTP_ERROR, f"POST /process answered {status}: {said}".rstrip(": "))
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except ValueError:
            told = f"POST /process answered with what is no JSON: {body[:_TOLD_MAX]!r}"
            raise Fault(WRONG_RESULT, told) from None


def _told(problem: Exception) -> str:
    return str(problem) or type(problem).__name__


class _Rings:
    """Mapped rings, by path.

    Args:
        folder: below which they lie, as the platform names it.
        descriptor: that folder, where the instance's root is an image and does not show it; else -1.
    """

    def __init__(self, folder: str, descriptor: int) -> None:
        self._folder, self._descriptor = folder, descriptor
        self._known: dict[str, frame_ring.RingReader] = {}

    def form(self, event: dict[str, Any], chunk: dict[str, Any]) -> http_forms.Form | None:
        """The form of a piece; None where it is gone."""
        path, stream = event["ring"], event["stream"]
        if "segment" in chunk:
            return self._segment_form(stream, chunk)
        if not path:
            return http_forms.form_of(stream, chunk, None)
        reader = self._reader(path)
        slot = reader.look(chunk["number"]) if reader else None
        if reader is None or slot is None:
            return None
        form = http_forms.form_of(stream, chunk, slot)
        return form if reader.has(chunk["number"]) else None

    def _segment_form(self, stream: str, chunk: dict[str, Any]) -> http_forms.Form | None:
        """Of a recorded segment, whose file is there during the call."""
        try:
            with open(self._inside(chunk["segment"]), "rb") as file:
                return http_forms.form_of(stream, chunk, None, file.read())
        except FileNotFoundError:
            return None

    def _reader(self, path: str) -> frame_ring.RingReader | None:
        known = self._known.get(path)
        if known is None:
            try:
                known = self._known[path] = frame_ring.RingReader(self._inside(path))
            except FileNotFoundError:
                return None
        return known

    def _inside(self, path: str) -> str:
        if self._descriptor < 0:
            return path
        return f"/proc/self/fd/{self._descriptor}{path.removeprefix(self._folder)}"
