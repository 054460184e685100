"""The lines and documents AWS writes about an invocation. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import overload

from pileus.compute import runtimes
from pileus.ports.nodes import Exit, ExitReason, LogLine, Restore
from pileus.values.times import iso8601

EXIT_ERROR = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
TIMED_OUT = "Sandbox.Timedout"
_NS_PER_MS = 1_000_000

_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    10: "user defined signal 1",
    11: "segmentation fault",
    12: "user defined signal 2",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
    31: "bad system call",
}


def start_line(request_id: str, version: str) -> str:
    """The first line of an invocation."""
    return f"START RequestId: {request_id} Version: {version}"


def init_start_line(runtime: str, region: str) -> str:
    """The first line of a snapshot's init phase."""
    return f"INIT_START {_runtime_version(runtime, region)}"


def snapshot_line(init_ns: int) -> str:
    """The last line of it."""
    return f"INIT_REPORT Init Duration: {init_ns / _NS_PER_MS:.2f} ms"


def restore_start_line(runtime: str, region: str) -> str:
    """The first line of an instance that is a copy of a snapshot."""
    return f"RESTORE_START {_runtime_version(runtime, region)}"


def restore_report_line(restore: Restore | None, status: str = "") -> str:
    """How long that took, or what went wrong.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html
    """
    if restore is None:
        return f"RESTORE_REPORT {status}"
    return f"RESTORE_REPORT Restore Duration: {restore.duration_ns / _NS_PER_MS:.2f} ms"


def _runtime_version(runtime: str, region: str) -> str:
    name, arn = runtimes.version_name(runtime), runtimes.version_arn(region, runtime)
    return f"Runtime Version: {name}\tRuntime Version ARN: {arn}"


def end_line(request_id: str) -> str:
    """The line after the last output."""
    return f"END RequestId: {request_id}"


class RunLines(Sequence[LogLine]):
    """What the platform itself writes about one invocation, put into words only when it is read.

    Nobody waits for these lines, and most are read after the answer, if at all.

    Args:
        request_id: of the invocation.
        start: when START was due and the version it names; None where it stands before already.
        ended_ms: wall time of END and REPORT.
        figures: what :func:`report_line` wants after the request id.
    """

    __slots__ = ("_ended_ms", "_figures", "_lines", "_request_id", "_start")

    def __init__(
        self,
        request_id: str,
        start: tuple[int, str] | None,
        ended_ms: int,
        figures: tuple[int, tuple[int, int], Beginning, str],
    ) -> None:
        self._request_id = request_id
        self._start = start
        self._ended_ms = ended_ms
        self._figures = figures
        self._lines: list[LogLine] | None = None

    def __len__(self) -> int:
        return 2 if self._start is None else 3

    @overload
    def __getitem__(self, index: int) -> LogLine: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LogLine]: ...

    def __getitem__(self, index: int | slice) -> LogLine | Sequence[LogLine]:
        if self._lines is None:
            self._lines = self._worded()
        return self._lines[index]

    def _worded(self) -> list[LogLine]:
        request_id, at_ms = self._request_id, self._ended_ms
        lines = [
            LogLine(at_ms, end_line(request_id)),
            LogLine(at_ms, report_line(request_id, *self._figures)),
        ]
        if self._start is not None:
            start_ms, version = self._start
            lines.insert(0, LogLine(start_ms, start_line(request_id, version)))
        return lines


Beginning = int | Restore | None
"""What a cold start waited for: an init phase, in nanoseconds, or a restore; None for a warm start."""


def billed_ms(duration_ns: int, beginning: Beginning) -> int:
    """Whole milliseconds charged: the init phase counts, as AWS bills since August 2025, or what the
    function did in a restore."""
    before_ns = beginning.billed_ns if isinstance(beginning, Restore) else beginning or 0
    return max(1, math.ceil((duration_ns + before_ns) / _NS_PER_MS))


def report_line(
    request_id: str,
    duration_ns: int,
    memory: tuple[int, int],
    beginning: Beginning,
    status: str,
) -> str:
    """The REPORT line.

    Args:
        memory: size and peak, MB.
        beginning: of a cold start; None for a warm one.
        status: what :func:`status_of` says; empty for success.
    """
    if isinstance(beginning, Restore):
        init = (
            f"Restore Duration: {beginning.duration_ns / _NS_PER_MS:.2f} ms\t"
            f"Billed Restore Duration: {math.ceil(beginning.billed_ns / _NS_PER_MS)} ms\t"
        )
    else:
        init = "" if beginning is None else f"Init Duration: {beginning / _NS_PER_MS:.2f} ms\t"
    return (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ns / _NS_PER_MS:.2f} ms\t"
        f"Billed Duration: {billed_ms(duration_ns, beginning)} ms\tMemory Size: {memory[0]} MB\t"
        f"Max Memory Used: {min(memory)} MB\t{init}{status}"
    )


def init_report_line(duration_ns: int, phase: str, status: str) -> str:
    """The line about an init phase that did not end well; ``phase`` is ``init`` or ``invoke``."""
    return f"INIT_REPORT Init Duration: {duration_ns / _NS_PER_MS:.2f} ms\tPhase: {phase}\t{status}"


def status_of(exit: Exit | None, error: str = "") -> str:
    """``Status: …`` of a report; empty when nothing is wrong with the environment."""
    if exit is None:
        return ""
    if exit.reason is ExitReason.TIMED_OUT:
        return "Status: timeout"
    return f"Status: error\tError Type: {error or exit_type(exit)}"


def error_type(document: bytes) -> str:
    """The error type a runtime reported; empty when it reported none that can be read."""
    try:
        parsed = json.loads(document)
    except ValueError:
        return ""
    kind = parsed.get("errorType") if isinstance(parsed, dict) else None
    return kind if isinstance(kind, str) else ""


def exit_type(exit: Exit) -> str:
    """The error type AWS's report names for an environment that ended."""
    if exit.reason is ExitReason.TIMED_OUT:
        return TIMED_OUT
    if exit.reason is ExitReason.NOT_LAUNCHED:
        return exit.error_type
    return OUT_OF_MEMORY if exit.reason is ExitReason.OUT_OF_MEMORY else EXIT_ERROR


def exit_document(exit: Exit, request_id: str, timeout_s: float) -> bytes:
    """The payload of an invocation whose environment ended before it answered."""
    if exit.reason is ExitReason.TIMED_OUT:
        kind, text = TIMED_OUT, f"Task timed out after {timeout_s:.2f} seconds"
    else:
        kind, text = _told_type(exit), _exit_text(exit)
    document = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
    return json.dumps(document, separators=(",", ":")).encode()


def exit_line(exit: Exit, request_id: str, timeout_s: float, at_ms: int) -> str:
    """The log record of such an invocation."""
    if exit.reason is ExitReason.TIMED_OUT:
        return f"{iso8601(at_ms)} {request_id} Task timed out after {timeout_s:.2f} seconds\n"
    return f"RequestId: {request_id} Error: {_exit_text(exit)}\n{_told_type(exit)}"


def _told_type(exit: Exit) -> str:
    """What callers are told; running out of memory shows in the report only."""
    return exit.error_type or EXIT_ERROR


def _exit_text(exit: Exit) -> str:
    if exit.reason is ExitReason.NOT_LAUNCHED:
        return exit.detail
    if exit.reason is ExitReason.EXITED:
        if exit.code == 0:
            return "Runtime exited without providing a reason"
        return f"Runtime exited with error: exit status {exit.code}"
    if exit.reason is ExitReason.KILLED:
        name = _SIGNALS.get(exit.signal, f"signal {exit.signal}")
        return f"Runtime exited with error: signal: {name}"
    return "Runtime exited with error: signal: killed"
