"""One execution environment from its init phase on: log lines, reports, AWS's retried init."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.compute import errors, reports
from pileus.compute.calls import Call, ImageLayers, LogWriter, Result, Target
from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    ExitReason,
    InitFailed,
    InstanceKind,
    InstanceSpec,
    Invocation,
    Lease,
    Link,
    LogLine,
    Nodes,
    Outcome,
    Restore,
    RestoreFailed,
)
from pileus.values.errors import ServiceError

UNHANDLED = "Unhandled"
AFTER_RESTORE_ERROR = "Runtime.AfterRestoreError"
_NS_PER_S = 1_000_000_000


class _Run(msgspec.Struct):
    """What one invocation has come to so far."""

    call: Call
    beginning: reports.Beginning = None
    init_failure: InitFailed | None = None


class Session:
    """An instance and its log stream.

    Args:
        spec: the target's, completed with credentials and log stream.
        log_stream: where its output goes.
        write_log: takes every record.
    """

    def __init__(
        self,
        target: Target,
        spec: InstanceSpec,
        log_stream: str,
        services: tuple[Nodes, Clock, LogWriter, ImageLayers | None],
    ) -> None:
        self.target = target
        self.log_stream = log_stream
        self.idle_since_ns = 0
        self.started_ns = 0
        self._spec = spec
        self._nodes, self._clock, self._write_log, self._layers = services
        self._holder = f"{target.scope}/{target.function} {log_stream}"
        self._lease: Lease | None = None
        self.link: Link | None = None
        self._written: list[Sequence[LogLine]] = []
        # START waits for the first output or the end, so that a quiet call writes its log once.
        self._held_start: tuple[int, str] | None = None
        # Engines are called for every picture: their lanes tell how they fare.
        self._is_told = spec.kind is not InstanceKind.ENGINE
        self._request_id = ""
        self._is_running = False  # stays set when a call is cancelled: its handler may still run

    @property
    def is_alive(self) -> bool:
        """Whether it can take another invocation."""
        return self.link is not None and not self._is_running and not self.link.exited.done()

    async def open(self) -> None:
        """Place and initialise. Raises NoCapacity, RuntimeUnavailable, InitFailed."""
        await self._start(self._spec)

    async def invoke_cold(self, call: Call) -> Result:
        """Initialise and run the first invocation.

        A failed init phase is run again within the invocation, under the function's timeout, as
        AWS does. Raises NoCapacity, RuntimeUnavailable; ServiceError when a copy of a snapshot does
        not come to life.
        """
        self._written = []
        run = _Run(call)
        timeout_s = self._spec.timeout_s
        began_ns = self._clock.mono_ns()
        try:
            await self.open()
        except RestoreFailed as failed:
            raise self._restore_failed(failed) from failed
        except InitFailed as first:
            self._report_init(first, "init")
            began_ns = self._clock.mono_ns()
            try:
                await self._start(replace(self._spec, init_timeout_s=timeout_s))
            except RestoreFailed as failed:
                raise self._restore_failed(failed) from failed
            except InitFailed as second:
                self._report_init(second, "invoke")
                run.init_failure = second
            spent_ns = self._clock.mono_ns() - began_ns
            return await self._run(run, spent_ns)
        assert self.link is not None
        run.beginning = self.link.restore or self.link.init_ns
        return await self._run(run, 0)

    def invoke(self, call: Call) -> Coroutine[Any, Any, Result]:
        """Run one invocation on the warm instance."""
        self._written = []
        return self._run(_Run(call), 0)

    async def close(self) -> None:
        """End the instance and give its place back."""
        lease, self._lease = self._lease, None
        self.link = None
        try:
            if lease is not None:
                await self._nodes.release(lease)
        finally:
            if self._layers is not None and self.target.image is not None:
                self._layers.release(self._holder)

    async def _start(self, spec: InstanceSpec) -> None:
        image = self.target.image
        try:
            if image is not None and spec.image is not None and self._layers is not None:
                lowers = await self._layers.unpacked(image, self._holder)
                spec = replace(spec, image=replace(spec.image, lowers=lowers))
            self._lease = await self._nodes.place(spec)
            self.link = await self._nodes.start(self._lease, spec, self._take_output)
        except BaseException:
            await self.close()
            raise
        self.started_ns = self._clock.mono_ns()
        if self.link.restore is not None:
            self._say_restored(reports.restore_report_line(self.link.restore))

    def _say_restored(self, text: str) -> None:
        """Before the first invocation, and no part of its log."""
        region = self.target.scope.partition("/")[2]
        start = reports.restore_start_line(self._spec.runtime, region)
        now_ms = self._clock.now_ms()
        lines = [LogLine(now_ms, start), LogLine(now_ms, text)]
        self._write_log(self.target, self.log_stream, lines)

    def _restore_failed(self, failure: RestoreFailed) -> ServiceError:
        error_type = "" if not failure.document else AFTER_RESTORE_ERROR
        status = reports.status_of(failure.exit, error_type)
        self._say_restored(reports.restore_report_line(None, status))
        if failure.exit.reason is ExitReason.TIMED_OUT:
            return errors.restore_timed_out()
        return errors.restore_failed()

    async def _run(self, run: _Run, spent_ns: int) -> Result:
        """``spent_ns`` of the timeout went into a repeated init phase."""
        call, timeout_s = run.call, self._spec.timeout_s
        self._is_running = True
        now_ms = self._clock.now_ms()
        self._request_id = call.request_id
        self._held_start = (now_ms, self.target.version) if self._is_told else None
        if run.init_failure is not None:
            return self._failed_in_init(run, run.init_failure, spent_ns)
        link = self.link
        assert link is not None
        left_s = max(0.001, timeout_s - spent_ns / _NS_PER_S)
        deadline_ms = now_ms + round(left_s * 1000)
        outcome = await link.invoke(
            Invocation(
                call.request_id,
                call.payload,
                call.invoked_arn,
                deadline_ms,
                left_s,
                call.trace,
                call.client_context,
                call.identity,
                call.take_part,
            )
        )
        duration_ns = outcome.duration_ns + spent_ns
        if outcome.exit is None:
            error = UNHANDLED if outcome.is_error else ""
            return self._finish(run, outcome, duration_ns, error)
        payload = reports.exit_document(outcome.exit, call.request_id, timeout_s)
        self._say(reports.exit_line(outcome.exit, call.request_id, timeout_s, self._clock.now_ms()))
        if outcome.exit.reason is ExitReason.TIMED_OUT:
            duration_ns = round(timeout_s * _NS_PER_S)
        return self._finish(run, replace(outcome, payload=payload), duration_ns, UNHANDLED)

    def _failed_in_init(self, run: _Run, failure: InitFailed, spent_ns: int) -> Result:
        request_id, timeout_s = run.call.request_id, self._spec.timeout_s
        payload = failure.document or reports.exit_document(failure.exit, request_id, timeout_s)
        if not failure.document:
            line = reports.exit_line(failure.exit, request_id, timeout_s, self._clock.now_ms())
            self._say(line)
        outcome = Outcome(payload, True, spent_ns, failure.memory_peak_mb, failure.exit)
        return self._finish(run, outcome, spent_ns, UNHANDLED, reports.error_type(failure.document))

    def _finish(
        self, run: _Run, outcome: Outcome, duration_ns: int, error: str, error_type: str = ""
    ) -> Result:
        request_id, size_mb = run.call.request_id, self._spec.memory_mb
        status = reports.status_of(outcome.exit, error_type)
        figures = (duration_ns, (size_mb, outcome.memory_peak_mb), run.beginning, status)
        beginning = run.beginning
        restore = beginning if isinstance(beginning, Restore) else None
        start, self._held_start = self._held_start, None
        if self._is_told:
            self._write(reports.RunLines(request_id, start, self._clock.now_ms(), figures))
        written, self._written = self._written, []
        self._is_running = False
        return Result(
            payload=outcome.payload,
            function_error=error,
            duration_ns=duration_ns,
            init_ns=None if isinstance(beginning, Restore) else beginning,
            memory_peak_mb=outcome.memory_peak_mb,
            written=written,
            log_stream=self.log_stream,
            restore=restore,
        )

    def _report_init(self, failure: InitFailed, phase: str) -> None:
        status = reports.status_of(failure.exit, reports.error_type(failure.document))
        self._say(reports.init_report_line(failure.duration_ns, phase, status))

    def _say(self, *texts: str) -> None:
        at_ms = self._clock.now_ms()
        self._take_output([LogLine(at_ms, text) for text in texts])

    def _take_output(self, lines: Sequence[LogLine]) -> None:
        if self._held_start is not None:
            start_ms, version = self._held_start
            self._held_start = None
            start = LogLine(start_ms, reports.start_line(self._request_id, version))
            lines = [start, *lines]
        self._write(lines)

    def _write(self, lines: Sequence[LogLine]) -> None:
        self._written.append(lines)
        self._write_log(self.target, self.log_stream, lines)
