"""One engine on one source, running: pieces go to instances, results into the Log in order.

A result is written once: after a restart a lane knows from the Log's last record what it has written, and
leaves out pieces up to there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

import orjson

from pileus.compute.engines.lane import Batch, Chunk, Entry, Lane, LaneSettings, State
from pileus.compute.engines.scaling import EngineScale, Scaler, Seen
from pileus.compute.errors import PackageError
from pileus.compute.reports import EXIT_ERROR, OUT_OF_MEMORY, TIMED_OUT, error_type
from pileus.kernel.calls import StreamCall, WriteCall
from pileus.languages.media_results import InvalidResult, checked
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.intakes import Chunk as Told
from pileus.ports.log import LogUnavailable, Record
from pileus.ports.nodes import NoCapacity, RuntimeUnavailable
from pileus.services.media import telling
from pileus.services.media.engines import Engines
from pileus.services.media.figures import Figures, Sample
from pileus.services.media.model import Engine
from pileus.services.media.store import topic
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.media")
_PAUSE_S = 1.0
_REASON_MAX = 2000
_INSTANCE_LOST = frozenset({EXIT_ERROR, OUT_OF_MEMORY, TIMED_OUT})


class ObjectLane:
    """An object engine on a source. Begun by :meth:`run`, which returns when the lane is cancelled.

    Args:
        stream: the life of the source whose pieces come.
    """

    def __init__(
        self, call: StreamCall, source: str, stream: str, engine: Engine, rings_dir: str
    ) -> None:
        self._call, self._source, self._stream = call, source, stream
        self.figures = call.part(Figures).lane((call.account, call.region, source), engine.name)
        self._engines = call.part(Engines)
        self._rings_dir = rings_dir
        self.engine = engine
        self._lane = Lane(
            LaneSettings(
                batch_size=engine.batch_size,
                window_ms=engine.window_ms,
                when_behind=engine.when_behind,
                attempts_max=engine.attempts_max,
            )
        )
        scale = EngineScale(
            least=engine.scale_min,
            most=engine.scale_max,
            target_lag_ms=engine.target_lag_ms,
            idle_ms=engine.idle_ms,
        )
        self._scaler, self._wanted, self._busy = Scaler(scale), 0, 0
        self._news = asyncio.Event()
        self._topic = topic(call.account, call.region, source, engine.name)
        self._last: tuple[str, int] = ("", -1)
        self._drops: Counter[str] = Counter()

    async def open(self) -> None:
        """Find out what was written before. Raises LogUnavailable."""
        await self._call.log.create_topic(self._topic, 1)
        _, end = self._call.log.bounds(self._topic, 0)
        if end:
            (record,) = await self._call.log.read(self._topic, 0, end - 1, limit=1)
            told = orjson.loads(record.value)
            self._last = (told["stream"], told["chunk"]["start_ms"])

    def offer(self, told: Told) -> None:
        """A piece is in the ring."""
        if self._stream == self._last[0] and told.start_ms <= self._last[1]:
            return  # written by an earlier platform
        chunk = Chunk(
            id=f"{self._stream}:{told.start_ms}",
            ring=told.ring,
            number=told.number,
            start_ms=told.start_ms,
            stop_ms=told.stop_ms,
            captured_at_ms=told.captured_at_ms,
        )
        self._lane.offer(chunk, self._call.clock.now_ms())
        self._news.set()

    async def run(self) -> None:
        """Send batches and write results until cancelled."""
        self.figures.begun(self)
        try:
            while True:
                self._news.clear()
                now_ms = self._call.clock.now_ms()
                self._scale(now_ms)
                self._start(now_ms)
                await self._write()
                await self._tell()
                await self._rest(now_ms)
        finally:
            self.figures.ended(self)

    def _start(self, now_ms: int) -> None:
        """Give what waits to instances, as many as are wanted."""
        while self._busy < self._wanted:
            batch = self._lane.next_batch(now_ms, is_instance_idle=True)
            if batch is None:
                return
            self._busy += 1
            self._call.spawn(f"engine {self.engine.name} on {self._source}", self._send(batch))

    async def _rest(self, now_ms: int) -> None:
        """Until something happened, or a second has passed: lag grows by itself."""
        if not self._lane.pending and not self._wanted:
            await self._news.wait()
            return
        news = asyncio.ensure_future(self._news.wait())
        try:
            await self._call.clock.wait(news, now_ms + 1000)
        finally:
            news.cancel()

    def _scale(self, now_ms: int) -> None:
        seen = Seen(lag_ms=self._lane.lag_ms(now_ms), pending=self._lane.pending, busy=self._busy)
        self._wanted = self._scaler.wanted(self._wanted, seen, now_ms)
        self._sample(now_ms)

    def _sample(self, now_ms: int) -> None:
        sample = Sample(
            lag_ms=self._lane.lag_ms(now_ms),
            waiting=self._lane.waiting,
            pending=self._lane.pending,
            busy=self._busy,
            wanted=self._wanted,
        )
        self.figures.sampled(now_ms, sample)
        for reason, count in self._lane.drops.items():
            if more := count - self._drops[reason]:
                self._drops[reason] = count
                self.figures.dropped(reason, more)

    async def _tell(self) -> None:
        """The event bus hears that the engine began to fail, or got over it."""
        turns = self.figures.turns
        if not turns:
            return

        def step(write: WriteCall) -> None:
            for turn in turns:
                telling.engine_turned(write, self._source, self.engine.name, turn)

        await self._call.write_at_last(step, f"events of engine {self.engine.name}")
        turns.clear()

    # -- a call -----------------------------------------------------------------------------

    async def _send(self, batch: Batch) -> None:
        """One call of the engine; what comes of it is told to the lane."""
        try:
            await self._invoke(batch)
        finally:
            self._busy -= 1
            self._news.set()

    async def _invoke(self, batch: Batch) -> None:
        chunks = [
            {
                "number": each.number,
                "start_ms": each.start_ms,
                "stop_ms": each.stop_ms,
                "source": self._source,
            }
            for each in batch.chunks
        ]
        event = {
            "op": "chunks",
            "ring": batch.chunks[0].ring,
            "stream": self._stream,
            "chunks": chunks,
        }
        try:
            result = await self._engines.invoke(
                self._call, self.engine, self._rings_dir, orjson.dumps(event)
            )
        except (
            BlobNotFound,
            BlobsUnavailable,
            NoCapacity,
            PackageError,
            RuntimeUnavailable,
        ) as why:
            await self._failed(batch, str(why))
            return
        except ServiceError as why:
            await self._failed(batch, f"{why.code}: {why.message}")
            return
        if result.function_error:
            is_lost = error_type(result.payload) in _INSTANCE_LOST
            await self._failed(batch, _words(result.payload), is_alive=True, is_lost=is_lost)
            return
        self._completed(batch, orjson.loads(result.payload)["results"])

    async def _failed(
        self, batch: Batch, reason: str, *, is_alive: bool = False, is_lost: bool = False
    ) -> None:
        reason = reason[:_REASON_MAX]
        now_ms = self._call.clock.now_ms()
        self.figures.failed(now_ms, reason, is_alive=is_alive and not is_lost, is_lost=is_lost)
        self._lane.failed(batch, reason)
        # An engine that cannot start at all is not tried a hundred times a second.
        await self._call.clock.sleep(_PAUSE_S)

    def _completed(self, batch: Batch, told: list[dict[str, Any]]) -> None:
        chunks = {each.number: each for each in batch.chunks}
        results: dict[int, Any] = {}
        wrong: dict[int, str] = {}
        gone = []
        for each in told:
            chunk = chunks[each["number"]]
            if each.get("gone"):
                gone.append(chunk.number)
                continue
            try:
                results[chunk.number] = checked(each["result"], chunk.start_ms, chunk.stop_ms)
            except InvalidResult as problem:
                wrong[chunk.number] = f"Engine.WrongResult: {problem}"
        now_ms = self._call.clock.now_ms()
        if wrong:
            self.figures.failed(now_ms, next(iter(wrong.values())), is_alive=True)
        else:
            self.figures.answered(now_ms)
        self._lane.completed(batch, results, gone, wrong)

    # -- results ----------------------------------------------------------------------------

    async def _write(self) -> None:
        """Append what has come to its end, in order; a store that is away holds the lane up."""
        left = [entry for entry in self._lane.leaving() if entry.state is not State.DROPPED]
        if not left:
            return
        now_ms = self._call.clock.now_ms()
        documents = [self._document(entry, now_ms) for entry in left]
        records = [
            (now_ms, entry.chunk.id.encode(), orjson.dumps(document))
            for entry, document in zip(left, documents, strict=True)
        ]
        dead = [document for document in documents if "error" in document]
        if dead:
            # First, as nobody comes back to a piece whose record is written.
            await self._bury(dead)
        while True:
            try:
                await self._call.log.append(self._topic, 0, records)
                break
            except LogUnavailable as problem:
                _log.warning("results of %s wait for the store: %s", self.engine.name, problem)
                await self._call.clock.sleep(_PAUSE_S)
        self.figures.wrote(now_ms, [entry.chunk.captured_at_ms for entry in left], len(dead))

    async def _bury(self, dead: list[dict[str, Any]]) -> None:
        """Pieces that were given up go to the dead-letter queue, and the event bus hears of them."""

        def step(write: WriteCall) -> None:
            for document in dead:
                telling.piece_failed(write, self.engine, document)

        await self._call.write_at_last(step, f"pieces that engine {self.engine.name} failed on")

    def _document(self, entry: Entry, now_ms: int) -> dict[str, Any]:
        chunk = entry.chunk
        document = {
            "source": self._source,
            "stream": self._stream,
            "engine": self.engine.name,
            "chunk": {
                "start_ms": chunk.start_ms,
                "stop_ms": chunk.stop_ms,
                "captured_at_ms": chunk.captured_at_ms,
            },
            "series": entry.result or [],
            "done_at_ms": now_ms,
        }
        if entry.state is State.DEAD:
            document["error"] = entry.reason
        return document

    @property
    def pending(self) -> int:
        """Pieces that are not written yet."""
        return self._lane.pending

    def shown(self) -> dict[str, Any]:
        """The lane as DescribeLane tells it."""
        now_ms = self._call.clock.now_ms()
        self._sample(now_ms)
        return self.figures.shown(now_ms)


def _words(payload: bytes) -> str:
    """The reason of an error document."""
    try:
        told = orjson.loads(payload)
        return f"{told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
    except (orjson.JSONDecodeError, AttributeError):
        return payload[:_REASON_MAX].decode(errors="replace")


def results_of(records: list[Record]) -> list[dict[str, Any]]:
    """Records of the Log as ``Result`` members."""
    return [{"Offset": each.offset, "Document": each.value.decode()} for each in records]
