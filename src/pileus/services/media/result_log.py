"""What engines say, in the Log: a topic for each engine on a source, whose last record is the checkpoint."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.ports.log import LogUnavailable
from pileus.services.media import telling
from pileus.services.media.figures import Figures
from pileus.services.media.model import Engine
from pileus.services.media.store import key_of, topic

_log = logging.getLogger("pileus.media")
_PAUSE_S = 1.0


class ResultLog:
    """The results of one engine on one source."""

    def __init__(self, call: StreamCall, source: str, engine: str) -> None:
        self._call = call
        self.source, self.engine = source, engine
        self.topic = topic(call.account, call.region, source, engine)

    async def open(self) -> dict[str, Any] | None:
        """The last document; None where there is none. Raises LogUnavailable."""
        await self._call.log.create_topic(self.topic, 1)
        low, end = self._call.log.bounds(self.topic, 0)
        return None if end <= low else (await self.read(end - 1, 1))[0]

    def bounds(self) -> tuple[int, int]:
        """The first kept offset, and the next one to be written."""
        return self._call.log.bounds(self.topic, 0)

    async def read(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """Documents from an offset on. Raises LogUnavailable, OffsetOutOfRange."""
        records = await self._call.log.read(self.topic, 0, offset, limit=limit)
        return [orjson.loads(each.value) for each in records]

    async def append(self, documents: list[dict[str, Any]]) -> None:
        """Write, in order; waits for as long as the store is away."""
        records = [(each["done_at_ms"], _key(each), orjson.dumps(each)) for each in documents]
        while True:
            try:
                await self._call.log.append(self.topic, 0, records)
                return
            except LogUnavailable as problem:
                _log.warning("results of %s wait for the store: %s", self.engine, problem)
                await self._call.clock.sleep(_PAUSE_S)


class LaneLog(ResultLog):
    """The results of a lane as it writes them, and what is told beside them."""

    def __init__(self, call: StreamCall, source: str, engine: Engine) -> None:
        super().__init__(call, source, engine.name)
        self._of = engine
        self._dropped: Counter[str] = Counter()
        self.figures = call.part(Figures).lane(key_of(call, source), engine.name)

    def document(
        self, stream: str, chunk: Mapping[str, int], series: list[Any], now_ms: int
    ) -> dict[str, Any]:
        """What is said of a stretch of a stream; ``chunk``: where it lies and when it was captured."""
        return {
            "source": self.source,
            "stream": stream,
            "engine": self.engine,
            "chunk": chunk,
            "series": series,
            "done_at_ms": now_ms,
        }

    async def write(self, documents: list[dict[str, Any]]) -> None:
        """Append documents. Of pieces that were given up others hear first: nobody comes back to a piece
        whose record is written."""
        dead = [document for document in documents if "error" in document]
        if dead:
            await self._bury(dead)
        await self.append(documents)
        captured = [document["chunk"]["captured_at_ms"] for document in documents]
        self.figures.wrote(documents[0]["done_at_ms"], captured, len(dead))

    async def _bury(self, dead: list[dict[str, Any]]) -> None:
        """The dead-letter queue gets them, and the event bus hears of them."""

        def step(write: WriteCall) -> None:
            for document in dead:
                telling.piece_failed(write, self._of, document)

        await self._call.write_at_last(step, f"pieces that engine {self.engine} failed on")

    async def tell(self) -> None:
        """The event bus hears that the engine began to fail, or got over it."""
        turns = self.figures.turns
        if not turns:
            return

        def step(write: WriteCall) -> None:
            for turn in turns:
                telling.engine_turned(write, self.source, self.engine, turn)

        await self._call.write_at_last(step, f"events of engine {self.engine}")
        turns.clear()

    def dropped(self, drops: Mapping[str, int]) -> None:
        """So many pieces has the lane left out until now, by reason."""
        for reason, count in drops.items():
            if more := count - self._dropped[reason]:
                self._dropped[reason] = count
                self.figures.dropped(reason, more)


def _key(document: dict[str, Any]) -> bytes:
    return f"{document['stream']}:{document['chunk']['start_ms']}".encode()
