"""Output of containers on its way to the logs room; what was sent is noted on the node.

Nothing is lost while the platform is away: the node keeps what was not shipped. A platform that is
killed between sending and noting sends its last batch again.
"""

from __future__ import annotations

import logging
from typing import Any

from pileus.compute.log_shipping import batches
from pileus.compute.task_plan import LogTarget
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import LogLine
from pileus.ports.tasks import OutputPiece, TaskHandle
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError, StoreUnavailable

_log = logging.getLogger("pileus.logs")
_AGAIN_S = 1.0
_LINE_CHARACTERS_MAX = 262_118


class TaskOutput:
    """Ships one container's output.

    Args:
        scope: ``account/region`` of the task.
        service: the room it belongs to; its principal writes.
    """

    def __init__(self, kernel: Kernel, scope: str, service: str, target: LogTarget | None) -> None:
        account, _, region = scope.partition("/")
        self._kernel = kernel
        self._scope = scope
        self._target = target
        self._context = CallContext(
            account=account,
            region=target.region if target else region,
            principal=Principal.service(f"{service}-tasks.amazonaws.com", account),
            source=service,
            endpoint=kernel.endpoint,
        )

    async def open(self) -> None:
        """Make the log stream. Raises ServiceError as the logs room does."""
        target = self._target
        if target is None:
            return
        if target.is_group_made:
            await self._make("CreateLogGroup", {"logGroupName": target.group})
        await self._make("CreateLogStream", self._where(target))

    async def ship(self, handle: TaskHandle, container: str) -> None:
        """Send everything there is now, and note it."""
        position = handle.forgotten_output(container)
        while True:
            pieces, end = handle.read_output(container, position)
            if end == position:
                return
            lines = lines_of(pieces)
            if self._target is not None:
                await self._send(self._target, lines)
            handle.forget_output(container, end)
            position = end

    async def _send(self, target: LogTarget, lines: list[LogLine]) -> None:
        self._kernel.observe(
            "log",
            account=self._context.account,
            region=self._context.region,
            function=target.stream,
            group=target.group,
            stream=target.stream,
            lines=lines,
        )
        for events in batches(lines):
            while not await self._is_sent(target, events):
                await self._kernel.clock.sleep(_AGAIN_S)

    async def _is_sent(self, target: LogTarget, events: list[dict[str, Any]]) -> bool:
        given = {**self._where(target), "logEvents": events}
        try:
            await self._kernel.invoke(self._context, "logs", "PutLogEvents", given)
        except StoreUnavailable as problem:
            _log.warning("output of %s waits for the store: %s", target.stream, problem)
            return False
        except ServiceError as error:
            if error.is_retryable:
                return False
            if error.code == "ResourceNotFoundException" and await self._is_made_again():
                return False
            _log.warning("%d lines of %s were refused: %s", len(events), target.stream, error)
        return True

    async def _is_made_again(self) -> bool:
        try:
            await self.open()
        except ServiceError:
            return False
        return True

    async def _make(self, operation: str, given: dict[str, Any]) -> None:
        try:
            await self._kernel.invoke(self._context, "logs", operation, given)
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    @staticmethod
    def _where(target: LogTarget) -> dict[str, Any]:
        return {"logGroupName": target.group, "logStreamName": target.stream}


def lines_of(pieces: list[OutputPiece]) -> list[LogLine]:
    """The lines of pieces, which are whole, with the time each piece came at."""
    return [
        LogLine(piece.at_ms, line[:_LINE_CHARACTERS_MAX])
        for piece in pieces
        for line in piece.data.decode("utf-8", "replace").removesuffix("\n").split("\n")
    ]
