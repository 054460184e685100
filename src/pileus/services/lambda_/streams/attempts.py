"""Batches of records, each tried until all of it is dealt with or given up.

What a batch is made into and where its end is kept differ between kinds of sources; how often it is
tried, cut in two and given up does not.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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
from pileus.services.lambda_.measures import noted
from pileus.services.lambda_.model import Configuration, Function, Mapping
from pileus.services.lambda_.streams.model import EXHAUSTED, TOO_OLD, Batch, Letter, Record
from pileus.values.errors import ServiceError

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
    finish: Uninterrupted


class Attempts(ABC):
    """Brings batches to their end; subclasses know their source."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._call = runner.call
        self._mapping = runner.mapping

    @property
    def retries_max(self) -> int:
        """How often a batch that failed is tried again; negative for without end."""
        return self._mapping.retries_max

    # -- what differs --------------------------------------------------------------------------

    @abstractmethod
    def event(self, records: list[Record]) -> dict[str, Any]:
        """What the function gets."""

    @abstractmethod
    def divide(self, result: Result, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """What the function dealt with and what not, by its answer; it returned no error."""

    @abstractmethod
    async def expired(self, batch: Batch) -> list[Record]:
        """The records that are too old to be tried (again), in order."""

    @abstractmethod
    async def settle(
        self,
        lane: int,
        batch: Batch,
        letter: Letter | None,
        outcome: str,
        answer: Result | None = None,
    ) -> None:
        """Move checkpoints behind a batch and tell of its end, in one transaction.

        ``answer`` is the function's, where it succeeded with these records.
        """

    # -- what does not -------------------------------------------------------------------------

    async def process(self, lane: int, batch: Batch) -> None:
        """Invoke the function until every record of the batch is dealt with or given up."""
        waiting = [batch]
        while waiting:
            batch = waiting.pop()
            await self.pause(batch.failures)
            left: list[Batch] = await self._runner.finish(self._advance(lane, batch))
            waiting += reversed(left)

    async def pause(self, failures: int) -> None:
        """Wait before the next attempt, the longer the more failed in a row."""
        if failures:
            pause_s = _PAUSE_FIRST_S * 2 ** min(failures - 1, 10)
            await self._call.clock.sleep(min(pause_s, _PAUSE_LAST_S))

    async def _advance(self, lane: int, batch: Batch) -> list[Batch]:
        """Try the batch once; what remains of it, in order."""
        young = await self._without_old(lane, batch)
        if not young.records:
            return []
        try:
            version, result = await self.invoke(young.records)
        except ServiceError as error:
            # Throttled, or the platform's fault: it does not count as a retry.
            await note_result(self._call, self._mapping.id, f"PROBLEM: {error.message}")
            return [replace(young, failures=young.failures + 1)]
        young = replace(young, invocations=young.invocations + 1)
        done, left = self._divide(result, young.records)
        if not left:
            await self.settle(lane, young, None, "OK", result)
            return []
        if done:
            await self.settle(lane, replace(young, records=done), None, FAILED, result)
            young = replace(young, records=left, attempts=0)
        else:
            await note_result(self._call, self._mapping.id, FAILED)
        return await self._failed(lane, young, (version, result), is_cut=bool(done))

    def _divide(self, result: Result, records: list[Record]) -> tuple[list[Record], list[Record]]:
        if result.function_error:
            return [], records
        if not self._mapping.reports_failures:
            return records, []
        return self.divide(result, records)

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
        if self.retries_max < 0 or batch.attempts <= self.retries_max:
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
        await self.settle(lane, batch, letter, FAILED)
        return []

    async def _without_old(self, lane: int, batch: Batch) -> Batch:
        """Give up the records that are too old, by the mapping's limit or the source's."""
        records = await self.expired(batch)
        if not records:
            return batch
        old = replace(batch, records=records)
        letter = Letter(records, TOO_OLD, batch.invocations, self._call.new_id())
        await self.settle(lane, old, letter, FAILED if batch.invocations else "")
        gone = {id(record) for record in records}
        return replace(batch, records=[each for each in batch.records if id(each) not in gone])

    async def invoke(self, records: list[Record]) -> tuple[Configuration, Result]:
        """Run the function once; raises ServiceError."""
        call, mapping = self._call, self._mapping
        chance = call.random_bytes(2)
        function, version = call.read(lambda view: target(view, mapping, chance))
        payload = orjson.dumps(self.event(records))
        arn = functions_store.arn_of(call, function.name, mapping.qualifier)
        scope = running.scope_of(call.account, call.region)
        compute_call = ComputeCall(call.new_id(), payload, arn)
        if records:
            age = {"IteratorAge": float(max(0, call.clock.now_ms() - records[-1].at_ms))}
            call.note(noted(function.name, mapping.qualifier, age))
        result = await self._runner.functions.invoke(scope, function, version, compute_call)
        return version, result


def target(
    view: ReadCall, mapping: Mapping, chance: bytes = bytes(2)
) -> tuple[Function, Configuration]:
    """What a mapping invokes; raises ResourceNotFoundException."""
    function = functions_store.find_function(view, mapping.function)
    return function, functions_store.chosen(view, function, mapping.qualifier, chance)


def role_of(view: ReadCall, mapping: Mapping) -> str:
    """The function's role, which delivers letters; empty when the function is gone."""
    try:
        return target(view, mapping)[1].role
    except ServiceError:
        return ""


async def note_result(call: StreamCall, mapping_id: str, result: str) -> None:
    """Keep LastProcessingResult."""
    await call.write(lambda write: note(write, mapping_id, result))


def note(call: WriteCall, mapping_id: str, result: str) -> None:
    """The same within a transaction; an empty result changes nothing."""
    raw = call.state.get(("mapping", mapping_id))
    if raw is None or not result:
        return
    mapping = functions_store.MAPPINGS.decode(raw)
    if mapping.last_result != result:
        mapping.last_result = result
        functions_store.put_mapping(call.state, mapping)
