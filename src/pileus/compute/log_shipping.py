"""Output of instances on its way to the logs room: gathered for a moment, sent in batches.

Log lines are of the batched class of acknowledgement: a crash may lose the last second of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from pileus.compute.calls import Target
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import LogLine
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.logs")
GATHER_S = 0.25
_EVENTS_PER_CALL = 10_000
_PENDING_MAX = 200_000
_Stream = tuple[str, str, str]


class LogShipper:
    """Takes lines at any time; ``dropped`` counts those that found the buffer full."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._pending: dict[_Stream, list[LogLine]] = defaultdict(list)
        self._known: set[_Stream] = set()
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def write(self, target: Target, stream: str, lines: Sequence[LogLine]) -> None:
        """Queue lines of a target's log stream; the observers see them at once."""
        group = target.spec.environment.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        if not group:
            return
        if self._count + len(lines) > _PENDING_MAX:
            self.dropped += len(lines)
            return
        self._pending[(target.scope, group, stream)] += lines
        self._count += len(lines)
        account, _, region = target.scope.partition("/")
        for line in lines:
            self._kernel.observe(
                "log",
                account=account,
                region=region,
                function=target.function,
                group=group,
                stream=stream,
                text=line.text,
            )
        if self._task is None or self._task.done():
            self._task = self._kernel.supervisor.spawn("log shipper", self._ship())

    async def _ship(self) -> None:
        while self._pending:
            await self._kernel.clock.sleep(GATHER_S)
            await self.flush()

    async def flush(self) -> None:
        """Send everything gathered so far."""
        pending, self._pending = self._pending, defaultdict(list)
        self._count = 0
        for stream, lines in pending.items():
            for at in range(0, len(lines), _EVENTS_PER_CALL):
                await self._send(stream, lines[at : at + _EVENTS_PER_CALL])

    async def _send(self, stream: _Stream, lines: list[LogLine]) -> None:
        scope, group, name = stream
        account, _, region = scope.partition("/")
        context = CallContext(
            account=account,
            region=region,
            principal=Principal.service("lambda.amazonaws.com", account),
            source="lambda",
            endpoint=self._kernel.endpoint,
        )
        where = {"logGroupName": group, "logStreamName": name}
        # Empty lines are no events to CloudWatch Logs.
        events = [
            {"timestamp": line.at_ms, "message": line.text} for line in lines if line.text.strip()
        ]
        if not events:
            return
        try:
            if stream not in self._known:
                await self._create(context, where)
                self._known.add(stream)
            await self._kernel.invoke(
                context, "logs", "PutLogEvents", {**where, "logEvents": events}
            )
        except ServiceError as error:
            self._known.discard(stream)
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
