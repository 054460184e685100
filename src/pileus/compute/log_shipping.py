"""Output of instances on its way to the logs room: gathered for a moment, sent in batches.

Log lines are of the batched class of acknowledgement: a crash may lose the last second of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pileus.compute.calls import Target
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import LogLine
from pileus.ports.state import StateUnavailable
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.logs")
GATHER_S = 0.25
_PENDING_MAX = 200_000
_STREAM_LINES_MAX = 20_000
_STREAM_CHARACTERS_MAX = 16 * 1024**2
_CHARACTERS_MAX = 64 * 1024**2
"""Of what functions print and the store has not taken yet: one stream, and all together."""
_KNOWN_MAX = 10_000
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_BATCH_EVENTS_MAX = 10_000
_BATCH_BYTES_MAX = 1_048_576
_EVENT_OVERHEAD_BYTES = 26
_EVENT_BYTES_MAX = _BATCH_BYTES_MAX - _EVENT_OVERHEAD_BYTES
_BATCH_SPAN_MS_MAX = 24 * 3_600_000
_Stream = tuple[str, str, str, str]
"""Scope, function, log group, name."""


class _Waiting:
    """What one stream has to send."""

    __slots__ = ("characters", "count", "dropped", "written")

    def __init__(self) -> None:
        self.written: list[Sequence[LogLine]] = []
        self.count = self.characters = self.dropped = 0

    def lines(self, now_ms: int) -> list[LogLine]:
        """All of them, and a word about those that are missing."""
        lines: list[LogLine] = []
        for some in self.written:
            lines += some[:]
        if self.dropped:
            told = f"PILEUS {self.dropped} lines were dropped: they came faster than can be kept"
            lines.append(LogLine(now_ms, told))
        return lines


class LogShipper:
    """Takes lines at any time; ``dropped`` counts those that found the buffer full or no store.

    A function that prints without end loses lines of its own, not those of others.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._pending: dict[_Stream, _Waiting] = defaultdict(_Waiting)
        self._known: set[_Stream] = set()
        self._count = self._characters = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def write(self, target: Target, stream: str, lines: Sequence[LogLine]) -> None:
        """Queue lines of a target's log stream: invocations do not wait for what follows."""
        group = target.spec.environment.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        if not group:
            return
        count = len(lines)
        if self._count + count > _PENDING_MAX:
            self.dropped += count
            return
        waiting = self._pending[(target.scope, target.function, group, stream)]
        # What is no list is a few lines of the platform's own, not put into words yet.
        if isinstance(lines, list):
            kept = lines[: self._room(waiting, lines)]
            self.dropped += count - len(kept)
            waiting.dropped += count - len(kept)
            lines, count = kept, len(kept)
        waiting.written.append(lines)
        waiting.count += count
        self._count += count
        if self._task is None or self._task.done():
            self._task = self._kernel.supervisor.spawn("log shipper", self._ship())

    def _room(self, waiting: _Waiting, lines: list[LogLine]) -> int:
        """How many of the lines can wait, counted as waiting."""
        left = min(_STREAM_CHARACTERS_MAX - waiting.characters, _CHARACTERS_MAX - self._characters)
        taken = count = 0
        for line in lines[: max(0, _STREAM_LINES_MAX - waiting.count)]:
            if taken + len(line.text) > left:
                break
            taken += len(line.text)
            count += 1
        waiting.characters += taken
        self._characters += taken
        return count

    async def _ship(self) -> None:
        while self._pending:
            await self._kernel.clock.sleep(GATHER_S)
            await self.flush()

    async def flush(self) -> None:
        """Send everything gathered so far."""
        pending, self._pending = self._pending, defaultdict(_Waiting)
        self._count = self._characters = 0
        for stream, waiting in pending.items():
            lines = waiting.lines(self._kernel.clock.now_ms())
            self._show(stream, lines)
            for events in batches(lines):
                await self._send(stream, events)

    def _show(self, stream: _Stream, lines: Sequence[LogLine]) -> None:
        """Tell the observers."""
        scope, function, group, name = stream
        account, _, region = scope.partition("/")
        self._kernel.observe(
            "log",
            account=account,
            region=region,
            function=function,
            group=group,
            stream=name,
            lines=lines,
        )

    async def _send(self, stream: _Stream, events: list[dict[str, Any]]) -> None:
        scope, _, group, name = stream
        account, _, region = scope.partition("/")
        context = CallContext(
            account=account,
            region=region,
            principal=Principal.service("lambda.amazonaws.com", account),
            source="lambda",
            endpoint=self._kernel.endpoint,
        )
        where = {"logGroupName": group, "logStreamName": name}
        was_known = stream in self._known
        try:
            if not was_known:
                await self._create(context, where)
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known.add(stream)
            await self._kernel.invoke(
                context, "logs", "PutLogEvents", {**where, "logEvents": events}
            )
        except (ServiceError, StateUnavailable) as error:
            self._known.discard(stream)
            if was_known and getattr(error, "code", "") == "ResourceNotFoundException":
                # Somebody deleted the group or stream; AWS makes them again, too.
                await self._send(stream, events)
                return
            self.dropped += len(events)
            _log.warning("%d log lines of %s were refused: %s", len(events), group, error)

    async def _create(self, context: CallContext, where: dict[str, str]) -> None:
        for operation, given in (
            ("CreateLogGroup", {"logGroupName": where["logGroupName"]}),
            ("CreateLogStream", where),
        ):
            try:
                await self._kernel.invoke(context, "logs", operation, given)
            except ServiceError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise


def batches(lines: Sequence[LogLine]) -> Iterator[list[dict[str, Any]]]:
    """Events in order of time, cut as PutLogEvents wants them."""
    batch: list[dict[str, Any]] = []
    size_bytes = first_ms = 0
    # Output of the function and records of the platform may overtake each other.
    for line in sorted(lines, key=_time):
        text = line.text
        # Empty lines are no events to CloudWatch Logs.
        if not text or text.isspace():
            continue
        if len(text) * 4 > _EVENT_BYTES_MAX:
            text = _cut(text)
        text_bytes = len(text) if text.isascii() else len(text.encode())
        added_bytes = text_bytes + _EVENT_OVERHEAD_BYTES
        if batch and (
            len(batch) == _BATCH_EVENTS_MAX
            or size_bytes + added_bytes > _BATCH_BYTES_MAX
            or line.at_ms - first_ms >= _BATCH_SPAN_MS_MAX
        ):
            yield batch
            batch, size_bytes = [], 0
        if not batch:
            first_ms = line.at_ms
        batch.append({"timestamp": line.at_ms, "message": text})
        size_bytes += added_bytes
    if batch:
        yield batch


def _time(line: LogLine) -> int:
    return line.at_ms


def _cut(text: str) -> str:
    """The text, as far as it fits into one event."""
    return text.encode()[:_EVENT_BYTES_MAX].decode("utf-8", "ignore")
