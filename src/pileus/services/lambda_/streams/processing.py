"""Batches of one shard, each tried until it is dealt with.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pileus.compute.calls import Result
from pileus.kernel.calls import WriteCall
from pileus.services.lambda_.streams import letters, store
from pileus.services.lambda_.streams.answers import first_failure
from pileus.services.lambda_.streams.attempts import (
    FAILED,
    Attempts,
    Runner,
    note,
    note_result,
    role_of,
)
from pileus.services.lambda_.streams.checkpoints import Checkpoints
from pileus.services.lambda_.streams.model import Batch, Letter, Record
from pileus.services.lambda_.streams.reading import Source
from pileus.services.lambda_.streams.windows import Window
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.sources")


class Processor(Attempts):
    """Brings batches of one shard to their end and keeps its checkpoint."""

    def __init__(self, runner: Runner, source: Source, checkpoints: Checkpoints) -> None:
        super().__init__(runner)
        mapping = runner.mapping
        self.window = Window(checkpoints.progress, mapping.tumbling_s, mapping.source)
        self._source = source
        self._checkpoints = checkpoints
        # One at a time: a checkpoint never tells of an end that is not written yet.
        self._settling = asyncio.Lock()

    async def close_window(self) -> None:
        """Make the final invocation for the open window until it succeeds or is given up."""
        batch = Batch([])
        while self.window.is_open:
            await self.pause(batch.failures)
            batch = await self._runner.finish(self._close(batch))

    async def _close(self, batch: Batch) -> Batch:
        """Try once; how often it failed."""
        mapping = self._mapping
        again = replace(batch, failures=batch.failures + 1)
        try:
            _, result = await self.invoke(batch.records)
        except ServiceError as error:
            await note_result(self._call, mapping.id, f"PROBLEM: {error.message}")
            return again
        if result.function_error:
            again = replace(again, attempts=batch.attempts + 1)
            await note_result(self._call, mapping.id, FAILED)
            if mapping.retries_max < 0 or again.attempts <= mapping.retries_max:
                return again
        async with self._settling:
            self.window.keep(result.payload, is_final=True)
            outcome = FAILED if result.function_error else "OK"
            await self._write(lambda write: note(write, mapping.id, outcome))
        return again

    async def pass_over(self) -> None:
        """Keep a checkpoint behind records that filters dropped."""
        async with self._settling:
            await self._write(lambda write: None)

    def event(self, records: list[Record]) -> dict[str, Any]:
        """See Attempts."""
        # Only the end of a window is told without records.
        return self.window.event(records, is_final=not records, now_ms=self._call.clock.now_ms())

    def divide(self, result: Result, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """See Attempts."""
        failed = first_failure(result.payload, records)
        return (records, []) if failed is None else (records[:failed], records[failed:])

    async def expired(self, batch: Batch) -> list[Record]:
        """See Attempts."""
        age_ms = self._mapping.age_max_s * 1000 if self._mapping.age_max_s >= 0 else None
        if batch.failures:
            retention_ms = await self._retention_ms()
            if retention_ms is not None:
                age_ms = retention_ms if age_ms is None else min(age_ms, retention_ms)
        if age_ms is None:
            return []
        oldest_ms = self._call.clock.now_ms() - age_ms
        count = next(
            (at for at, record in enumerate(batch.records) if record.at_ms >= oldest_ms),
            len(batch.records),
        )
        return batch.records[:count]

    async def _retention_ms(self) -> int | None:
        """How long the stream keeps records; None when it cannot be asked."""
        try:
            return await self._source.retention_ms()
        except ServiceError as error:
            _log.warning("%s: %s", self._mapping.source, error)
            return None

    async def settle(
        self,
        lane: int,
        batch: Batch,
        letter: Letter | None,
        outcome: str,
        answer: Result | None = None,
    ) -> None:
        """See Attempts."""
        mapping = self._mapping
        async with self._settling:
            self._checkpoints.finish(lane, batch.records)
            if answer is not None:
                self.window.keep(answer.payload, is_final=False)

            def step(write: WriteCall) -> None:
                if letter is not None:
                    role = role_of(write, mapping)
                    letters.tell(write, mapping, self._checkpoints.progress.shard, letter, role)
                note(write, mapping.id, outcome)

            await self._write(step)

    async def _write(self, step: Callable[[WriteCall], None]) -> None:
        """Write the checkpoint, however long the store is away: the function has run."""
        mapping = self._mapping

        def whole(write: WriteCall) -> None:
            if write.state.get(("mapping", mapping.id)) is None:
                return
            store.put(write.state, mapping.id, self._checkpoints.progress)
            step(write)

        await self._call.write_at_last(whole, f"the checkpoint of mapping {mapping.id}")
