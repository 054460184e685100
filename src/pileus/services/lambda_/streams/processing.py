"""Batches of one shard, each tried until it is dealt with.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.lambda_ import running
from pileus.services.lambda_ import store as functions_store
from pileus.services.lambda_.model import Configuration, Function, Mapping
from pileus.services.lambda_.streams import letters, store
from pileus.services.lambda_.streams.answers import first_failure
from pileus.services.lambda_.streams.checkpoints import Checkpoints
from pileus.services.lambda_.streams.model import EXHAUSTED, TOO_OLD, Batch, Letter
from pileus.services.lambda_.streams.reading import Source
from pileus.services.lambda_.streams.windows import Window
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.sources")
_PAUSE_FIRST_S = 1
_PAUSE_LAST_S = 60
FAILED = "PROBLEM: Function call failed"

Uninterrupted = Callable[[Any], Awaitable[Any]]
"""Runs a coroutine to its end also when the one who waits for it is cancelled."""


class Runner(msgspec.Struct, frozen=True):
    """What batches of a mapping run on.

    Attributes:
        finish: what is begun with it ends by itself, so that no batch runs twice at a time.
    """

    call: StreamCall
    functions: running.Functions
    mapping: Mapping
    source: Source
    finish: Uninterrupted


class Processor:
    """Brings batches of one shard to their end and keeps its checkpoint."""

    def __init__(self, runner: Runner, checkpoints: Checkpoints) -> None:
        self._runner = runner
        mapping = runner.mapping
        self.window = Window(checkpoints.progress, mapping.tumbling_s, mapping.source)
        self._call = runner.call
        self._mapping = runner.mapping
        self._checkpoints = checkpoints
        # One at a time: a checkpoint never tells of an end that is not written yet.
        self._settling = asyncio.Lock()

    async def process(self, lane: int, batch: Batch) -> None:
        """Invoke the function until every record of the batch is dealt with or given up."""
        waiting = [batch]
        while waiting:
            batch = waiting.pop()
            await self._pause(batch.failures)
            left: list[Batch] = await self._runner.finish(self._advance(lane, batch))
            waiting += reversed(left)

    async def close_window(self) -> None:
        """Make the final invocation for the open window until it succeeds or is given up."""
        batch = Batch([])
        while self.window.is_open:
            await self._pause(batch.failures)
            batch = await self._runner.finish(self._close(batch))

    async def _pause(self, failures: int) -> None:
        if failures:
            pause_s = _PAUSE_FIRST_S * 2 ** min(failures - 1, 10)
            await self._call.clock.sleep(min(pause_s, _PAUSE_LAST_S))

    async def _close(self, batch: Batch) -> Batch:
        """Try once; how often it failed."""
        mapping = self._mapping
        again = replace(batch, failures=batch.failures + 1)
        try:
            _, result = await self._invoke(batch)
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
            await self._write(lambda write: _note(write, mapping.id, outcome))
        return again

    async def pass_over(self) -> None:
        """Keep a checkpoint behind records that filters dropped."""
        async with self._settling:
            await self._write(lambda write: None)

    async def _advance(self, lane: int, batch: Batch) -> list[Batch]:
        """Try the batch once; what remains of it, in order."""
        young = await self._without_old(lane, batch)
        if not young.records:
            return []
        try:
            version, result = await self._invoke(young)
        except ServiceError as error:
            # Throttled, or the platform's fault: it does not count as a retry.
            await note_result(self._call, self._mapping.id, f"PROBLEM: {error.message}")
            return [replace(young, failures=young.failures + 1)]
        young = replace(young, invocations=young.invocations + 1)
        failed = self._first_failure(result, young)
        if failed is None:
            await self._settle(lane, young, None, "OK", result)
            return []
        if failed > 0:
            done = replace(young, records=young.records[:failed])
            await self._settle(lane, done, None, FAILED, result)
            young = replace(young, records=young.records[failed:], attempts=0)
        else:
            await note_result(self._call, self._mapping.id, FAILED)
        return await self._failed(lane, young, (version, result), is_cut=failed > 0)

    def _first_failure(self, result: Result, batch: Batch) -> int | None:
        if result.function_error:
            return 0
        if not self._mapping.reports_failures:
            return None
        return first_failure(result.payload, batch.records)

    async def _failed(
        self, lane: int, batch: Batch, ended: tuple[Configuration, Result], *, is_cut: bool
    ) -> list[Batch]:
        """Cut a batch in two, try it again, or give it up."""
        mapping, count = self._mapping, len(batch.records)
        if mapping.bisects and is_cut:
            return [replace(batch, failures=1)]
        if mapping.bisects and count > 1:
            half = (count + 1) // 2
            return [
                replace(batch, records=batch.records[:half], failures=1),
                replace(batch, records=batch.records[half:], failures=0),
            ]
        batch = replace(batch, attempts=batch.attempts + 1, failures=batch.failures + 1)
        if mapping.retries_max < 0 or batch.attempts <= mapping.retries_max:
            return [batch]
        version, result = ended
        letter = Letter(
            records=batch.records,
            condition=EXHAUSTED,
            invocations=batch.invocations,
            request_id=self._call.new_id(),
            version=version.version,
            function_error=result.function_error,
        )
        await self._settle(lane, batch, letter, FAILED)
        return []

    async def _without_old(self, lane: int, batch: Batch) -> Batch:
        """Give up the records that are too old, by the mapping's limit or the stream's."""
        age_ms = self._mapping.age_max_s * 1000 if self._mapping.age_max_s >= 0 else None
        if batch.failures:
            retention_ms = await self._retention_ms()
            if retention_ms is not None:
                age_ms = retention_ms if age_ms is None else min(age_ms, retention_ms)
        if age_ms is None:
            return batch
        oldest_ms = self._call.clock.now_ms() - age_ms
        count = next(
            (at for at, record in enumerate(batch.records) if record.at_ms >= oldest_ms),
            len(batch.records),
        )
        if not count:
            return batch
        old = replace(batch, records=batch.records[:count])
        letter = Letter(old.records, TOO_OLD, batch.invocations, self._call.new_id())
        await self._settle(lane, old, letter, FAILED if batch.invocations else "")
        return replace(batch, records=batch.records[count:])

    async def _retention_ms(self) -> int | None:
        """How long the stream keeps records; None when it cannot be asked."""
        try:
            return await self._runner.source.retention_ms()
        except ServiceError as error:
            _log.warning("%s: %s", self._mapping.source, error)
            return None

    async def _invoke(self, batch: Batch) -> tuple[Configuration, Result]:
        call, mapping = self._call, self._mapping
        chance = call.random_bytes(2)
        function, version = call.read(lambda view: target(view, mapping, chance))
        # Only the end of a window is told without records.
        event = self.window.event(
            batch.records, is_final=not batch.records, now_ms=call.clock.now_ms()
        )
        payload = orjson.dumps(event)
        arn = functions_store.arn_of(call, function.name, mapping.qualifier)
        scope = running.scope_of(call.account, call.region)
        compute_call = ComputeCall(call.new_id(), payload, arn)
        result = await self._runner.functions.invoke(scope, function, version, compute_call)
        return version, result

    async def _settle(
        self,
        lane: int,
        batch: Batch,
        letter: Letter | None,
        outcome: str,
        answer: Result | None = None,
    ) -> None:
        """Move the checkpoint behind a batch and tell of its end, in one transaction.

        ``answer`` is the function's, where it succeeded with these records.
        """
        mapping = self._mapping
        async with self._settling:
            self._checkpoints.finish(lane, batch.records)
            if answer is not None:
                self.window.keep(answer.payload, is_final=False)

            def step(write: WriteCall) -> None:
                if letter is not None:
                    role = _role(write, mapping)
                    letters.tell(write, mapping, self._checkpoints.progress.shard, letter, role)
                _note(write, mapping.id, outcome)

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


def target(
    view: ReadCall, mapping: Mapping, chance: bytes = bytes(2)
) -> tuple[Function, Configuration]:
    """What a mapping invokes; raises ResourceNotFoundException."""
    function = functions_store.find_function(view, mapping.function)
    return function, functions_store.chosen(view, function, mapping.qualifier, chance)


def _role(view: ReadCall, mapping: Mapping) -> str:
    """The function's role, which delivers letters; empty when the function is gone."""
    try:
        return target(view, mapping)[1].role
    except ServiceError:
        return ""


async def note_result(call: StreamCall, mapping_id: str, result: str) -> None:
    """Keep LastProcessingResult."""
    await call.write(lambda write: _note(write, mapping_id, result))


def _note(call: WriteCall, mapping_id: str, result: str) -> None:
    raw = call.state.get(("mapping", mapping_id))
    if raw is None or not result:
        return
    mapping = functions_store.MAPPINGS.decode(raw)
    if mapping.last_result != result:
        mapping.last_result = result
        functions_store.put_mapping(call.state, mapping)
