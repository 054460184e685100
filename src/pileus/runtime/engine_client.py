"""Serves a media engine over the frames of functions: events name pieces, and the pieces lie in a ring.

Events and answers are JSON:

``{"op": "chunks", "ring", "stream", "chunks": [{"number", "start_ms", "stop_ms", "source"}]}`` →
``{"results": [{"number", "result"} | {"number", "gone": true}]}``: one call of an object engine. A piece is
gone when the ring moved on before the engine was done with it.

A piece may also be data: ``"record"`` in its chunk is what the engine gets where ``"ring"`` is empty, and what
another engine said of the picture where it is not.

Or it may be a recorded segment: ``"segment"`` in its chunk is the path of a file, there during the call.

``{"op": "chunks", …, "resume": {"state"} | null}`` of a stream engine → ``{"emitted": […], "consumed": number,
"checkpoint": {"at_ms", "state"} | null}`` once the engine asks for more; fewer are consumed than were given
where the ring moved on. What it emitted tells in ``at_ms`` where it had taken the stream.
``{"op": "end", "forced"}`` → what it emitted until it returned. ``resume`` counts in the first call: a
predecessor has had a part of the stream.
"""

from __future__ import annotations

import json
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pileus.runtime import engine_sdk, frame_ring
from pileus.runtime.engine_sdk import (
    EngineContext,
    EngineStream,
    Frame,
    Piece,
    Record,
    Segment,
    Sound,
)
from pileus.runtime.errors import Fault
from pileus.runtime.lambda_context import LambdaContext

NOT_AN_ENGINE = "Engine.NotAnEngine"
"""The handler carries neither mark."""
WRONG_RESULT = "Engine.WrongResult"
"""The engine's answer does not fit its pieces."""
ENDED_EARLY = "Engine.EndedEarly"
"""A stream engine returned before the end of its stream."""

Answer = Callable[[bytes, LambdaContext], bytes]
_POLL_S = 0.05


def offer_sdk() -> None:
    """Let ``from pileus.engines import …`` find the SDK: the platform's own package is not shown inside."""
    package = types.ModuleType("pileus")
    package.__path__ = []
    sys.modules["pileus"], sys.modules["pileus.engines"] = package, engine_sdk
    package.engines = engine_sdk  # type: ignore[attr-defined]


def serve(handler: Callable[..., Any], name: str) -> Answer:
    """The engine as bytes in, bytes out; raises Fault where it carries no mark."""
    mode = engine_sdk.mode_of(handler)
    if not mode:
        raise Fault(
            NOT_AN_ENGINE, f"'{name}' is marked neither by @object_engine nor by @stream_engine"
        )
    rings = _Rings()
    engine = _Objects(handler, rings) if mode == engine_sdk.OBJECT else _Stream(handler, rings)

    def answer(payload: bytes, context: LambdaContext) -> bytes:
        told = engine.answer(json.loads(payload), context.get_remaining_time_in_millis)
        return json.dumps(told, default=engine_sdk.plain).encode()

    return answer


class _Rings:
    """Mapped rings, by path; a ring that was made anew has another name."""

    def __init__(self) -> None:
        self._known: dict[str, frame_ring.RingReader] = {}

    def reader(self, path: str) -> frame_ring.RingReader | None:
        """None where the ring is gone."""
        known = self._known.get(path)
        if known is None:
            try:
                known = self._known[path] = frame_ring.RingReader(path)
            except FileNotFoundError:
                return None
        return known

    def piece(self, event: dict[str, Any], chunk: dict[str, Any]) -> Piece | None:
        """The piece in place; None where it is gone."""
        if "segment" in chunk:
            return _segment(chunk)
        if not event["ring"]:
            return _record(chunk)
        reader = self.reader(event["ring"])
        slot = reader.look(chunk["number"]) if reader else None
        return None if slot is None else _piece(slot, chunk)

    def has(self, event: dict[str, Any], number: int) -> bool:
        """Whether what was looked at was whole."""
        if not event["ring"]:
            return True
        reader = self.reader(event["ring"])
        return reader is not None and reader.has(number)


def _record(chunk: dict[str, Any]) -> Record:
    start_ms, stop_ms = chunk["start_ms"], chunk["stop_ms"]
    return Record(chunk["record"], start_ms, stop_ms, chunk["source"], chunk["number"])


def _segment(chunk: dict[str, Any]) -> Segment:
    start_ms, stop_ms = chunk["start_ms"], chunk["stop_ms"]
    return Segment(chunk["segment"], start_ms, stop_ms, chunk["source"], chunk["number"])


def _piece(slot: frame_ring.Slot, chunk: dict[str, Any]) -> Frame | Sound:
    import numpy  # an engine without numpy has no pieces to look at: told when the first one comes

    source, number = chunk["source"], slot.number
    if slot.kind == frame_ring.RGB24:
        image = numpy.frombuffer(slot.data, numpy.uint8).reshape(slot.height, slot.width, 3)
        results = _record(chunk) if "record" in chunk else None
        return Frame(image, slot.pts_ms, source, number, results, chunk["stop_ms"])
    samples = numpy.frombuffer(slot.data, numpy.int16)
    return Sound(samples, slot.width, chunk["start_ms"], chunk["stop_ms"], source, number)


def _copied(piece: Piece) -> Piece:
    """A piece that the ring cannot change any more."""
    if isinstance(piece, Sound):
        return replace(piece, samples=piece.samples.copy())
    return replace(piece, image=piece.image.copy()) if isinstance(piece, Frame) else piece


class _Objects:
    """An object engine: one call of the author's function an event."""

    def __init__(self, handler: Callable[..., Any], rings: _Rings) -> None:
        self._handler, self._rings = handler, rings

    def answer(self, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:
        found = [(chunk, self._rings.piece(event, chunk)) for chunk in event["chunks"]]
        there = [piece for _, piece in found if piece is not None]
        given: list[Any] = []
        if there:
            context = EngineContext(there[0].source, event["stream"], remaining_ms)
            given = _results(self._handler(there, context), len(there))
        results = iter(given)
        told = []
        for chunk, piece in found:
            result = None if piece is None else next(results)
            number = chunk["number"]
            if piece is None or not self._rings.has(event, number):
                told.append({"number": number, "gone": True})
            else:
                told.append({"number": number, "result": result})
        return {"results": told}


def _results(given: Any, count: int) -> list[Any]:
    if given is None:
        return [None] * count
    results = list(given)
    if len(results) != count:
        raise Fault(WRONG_RESULT, f"the engine got {count} pieces and gave {len(results)} results")
    return results


class _Stream:
    """A stream engine: the author's function runs in a thread and takes pieces as they come."""

    def __init__(self, handler: Callable[..., Any], rings: _Rings) -> None:
        self._handler, self._rings = handler, rings
        self._stream = EngineStream()
        self._emitted: list[dict[str, Any]] = []
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._remaining_ms: Callable[[], int] = int

    def answer(self, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:
        self._remaining_ms = remaining_ms
        if event["op"] == "end":
            return self._end(bool(event["forced"]))
        consumed = 0
        for chunk in event["chunks"]:
            piece = self._rings.piece(event, chunk)
            # Copied: the engine may keep a piece for as long as it likes.
            copied = None if piece is None else _copied(piece)
            if copied is None or not self._rings.has(event, chunk["number"]):
                break
            if self._thread is None:
                self._start(event, copied.source)
            self._feed(copied)
            consumed = copied.number
        return self._told(consumed)

    def _start(self, event: dict[str, Any], source: str) -> None:
        resumed = event.get("resume")
        self._stream = EngineStream((resumed or {}).get("state"), is_resumed=resumed is not None)
        context = EngineContext(source, event["stream"], lambda: self._remaining_ms())

        def run() -> None:
            try:
                self._handler(self._stream, self._emit, context)
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, name="engine", daemon=True)
        self._thread.start()
        self._await_wish()

    def _emit(self, start_ms: float, stop_ms: float, **series: Any) -> None:
        given = {"start_ms": start_ms, "stop_ms": stop_ms, "at_ms": self._stream.position_ms}
        self._emitted.append({**series, **given})

    def _feed(self, piece: Piece) -> None:
        """Hand over a piece and wait until the engine asks for the next one."""
        self._stream.feed(piece)
        self._await_wish()

    def _await_wish(self) -> None:
        assert self._thread is not None
        while not self._stream.next_wanted(_POLL_S):
            if not self._thread.is_alive():
                raise self._error or Fault(
                    ENDED_EARLY, "the engine returned before its stream ended"
                )

    def _end(self, is_forced: bool) -> dict[str, Any]:
        if self._thread is not None:
            self._stream.is_forced_end = is_forced
            self._stream.feed(None)
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._told(0)

    def _told(self, consumed: int) -> dict[str, Any]:
        emitted, self._emitted = self._emitted, []
        found = self._stream.taken_checkpoint()
        checkpoint = None if found is None else {"at_ms": found[0], "state": found[1]}
        return {"emitted": emitted, "consumed": consumed, "checkpoint": checkpoint}
