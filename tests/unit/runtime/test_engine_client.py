"""Engines as instances run them: pieces out of a ring, results, streams and their ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from pileus import engines
from pileus.runtime import engine_client
from pileus.runtime.errors import Fault
from pileus.runtime.frame_ring import RGB24, S16LE, RingWriter
from pileus.runtime.lambda_context import LambdaContext

CONTEXT = LambdaContext("r", 0, "arn", None, None)


class Bench:
    """A ring and an engine that looks into it."""

    def __init__(self, folder: Path, handler: Any) -> None:
        self.path = folder / "ring"
        self.ring = RingWriter(self.path, 4, 4096)
        self._answer = engine_client.serve(handler, "app.engine")

    def picture(self, number: int, shade: int) -> None:
        data = numpy.full((2, 3, 3), shade, numpy.uint8)
        self.ring.write(number, number * 100, (3, 2, RGB24), memoryview(data.tobytes()))

    def sound(self, number: int) -> None:
        data = numpy.full(160, number, numpy.int16)
        self.ring.write(number, number * 10, (16_000, 0, S16LE), memoryview(data.tobytes()))

    def chunks(self, *numbers: int, **more: Any) -> Any:
        chunks = [
            {"number": n, "start_ms": n * 10, "stop_ms": n * 10 + 10, "source": "lobby"}
            for n in numbers
        ]
        return self.ask(op="chunks", ring=str(self.path), stream="s", chunks=chunks, **more)

    def ask(self, **event: Any) -> Any:
        return json.loads(self._answer(json.dumps(event).encode(), CONTEXT))


def test_an_object_engine_sees_pictures_in_place(tmp_path: Path) -> None:
    @engines.object_engine
    def shades(frames: Any, context: Any) -> Any:
        assert all(not frame.image.flags.writeable for frame in frames)
        assert (context.source, context.stream) == ("lobby", "s")
        return [
            [{"label": f"{frame.image.shape} {frame.pts_ms}", "confidence": frame.image.mean()}]
            for frame in frames
        ]

    bench = Bench(tmp_path, shades)
    bench.picture(1, 10)
    bench.picture(2, 20)
    results = bench.chunks(1, 2)["results"]
    assert results[1] == {"number": 2, "result": [{"label": "(2, 3, 3) 200", "confidence": 20.0}]}


def test_what_the_ring_lost_before_or_during_the_call_is_gone(tmp_path: Path) -> None:
    @engines.object_engine
    def slow(frames: Any, context: Any) -> None:
        bench.picture(7, 0)  # over number 3

    bench = Bench(tmp_path, slow)
    for number in (1, 3, 4, 5):  # 5 over 1
        bench.picture(number, 0)
    told = bench.chunks(1, 3, 4)["results"]
    assert [each.get("gone", False) for each in told] == [True, True, False]


def test_a_wrong_number_of_results_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, engines.object_engine(lambda frames, context: [1, 2]))
    bench.picture(1, 0)
    with pytest.raises(Fault, match="got 1 pieces and gave 2 results"):
        bench.chunks(1)


def test_a_function_without_a_mark_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="neither by @object_engine nor by @stream_engine"):
        Bench(tmp_path, lambda frames, context: None)


def test_a_stream_engine_gets_its_sound_in_order_and_its_end(tmp_path: Path) -> None:
    @engines.stream_engine
    def hear(audio: Any, emit: Any, context: Any) -> None:
        for piece in audio:
            emit(piece.start_ms, piece.stop_ms, words=[{"word": str(piece.samples[0])}])
        emit(audio.position_ms, audio.position_ms, words=[{"word": str(audio.is_forced_end)}])

    bench = Bench(tmp_path, hear)
    heard, consumed = [], []
    for numbers in ((1, 2), (3,)):
        for number in numbers:
            bench.sound(number)
        told = bench.chunks(*numbers)
        heard += [each["words"][0]["word"] for each in told["emitted"]]
        consumed.append(told["consumed"])
    assert (heard, consumed) == (["1", "2", "3"], [2, 3])
    (last,) = bench.ask(op="end", forced=True)["emitted"]
    assert (last["start_ms"], last["words"]) == (40, [{"word": "True"}])


def test_a_stream_engine_keeps_pictures_and_leaves_checkpoints(tmp_path: Path) -> None:
    @engines.stream_engine
    def track(stream: Any, emit: Any, context: Any) -> None:
        assert (stream.is_resumed, stream.state) == (True, {"count": 40})
        kept = []
        for frame in stream:
            kept.append(frame.image)
            emit(
                frame.start_ms,
                frame.stop_ms,
                objects=[{"label": str([int(k.max()) for k in kept])}],
            )
            stream.checkpoint({"count": stream.state["count"] + len(kept)})

    bench = Bench(tmp_path, track)
    bench.picture(1, 10)
    told = bench.chunks(1, resume={"state": {"count": 40}})
    assert told["checkpoint"] == {"at_ms": 20, "state": {"count": 41}}
    for number in (2, 5):  # 5 over 1, of which the engine has a copy
        bench.picture(number, number * 10)
    told = bench.chunks(2, 5)
    assert told["emitted"][-1]["objects"] == [{"label": "[10, 20, 50]"}]
    assert told["checkpoint"]["state"] == {"count": 43}
    assert bench.ask(op="end", forced=False)["checkpoint"] is None


def test_the_state_of_a_checkpoint_is_bounded() -> None:
    with pytest.raises(ValueError, match="larger than 65536"):
        engines.EngineStream().checkpoint("x" * 70_000)


def test_records_come_without_a_ring_and_beside_pictures(tmp_path: Path) -> None:
    seen: list[Any] = []

    @engines.object_engine
    def look(pieces: Any, context: Any) -> None:
        seen.extend(pieces)

    bench = Bench(tmp_path, look)
    bench.picture(1, 10)
    document = {"series": [{"objects": [{"label": "person"}], "words": [{"word": "hi"}]}]}
    chunk = {"number": 1, "start_ms": 10, "stop_ms": 20, "source": "lobby", "record": document}
    for ring in ("", str(bench.path)):
        told = bench.ask(op="chunks", ring=ring, stream="s", chunks=[chunk])
        assert told["results"] == [{"number": 1, "result": None}]
    record, frame = seen
    assert record == engines.Record(document, 10, 20, "lobby", 1)
    assert (record.objects, record.words) == ([{"label": "person"}], [{"word": "hi"}])
    assert (frame.results, frame.image.shape) == (record, (2, 3, 3))


def test_an_error_of_a_stream_engine_is_raised(tmp_path: Path) -> None:
    @engines.stream_engine
    def deaf(audio: Any, emit: Any, context: Any) -> None:
        next(iter(audio))
        raise RuntimeError("deaf")

    bench = Bench(tmp_path, deaf)
    bench.sound(1)
    with pytest.raises(RuntimeError, match="deaf"):
        bench.chunks(1)


def test_an_engine_that_returns_early_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, engines.stream_engine(lambda audio, emit, context: None))
    bench.sound(1)
    with pytest.raises(Fault, match="returned before its stream ended"):
        bench.chunks(1)


@pytest.fixture
def own_modules() -> Iterator[None]:
    kept = {name: module for name, module in sys.modules.items() if name.startswith("pileus")}
    yield
    for name in [name for name in sys.modules if name.startswith("pileus")]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_the_sdk_is_there_where_the_platform_is_not(own_modules: None) -> None:
    for name in [name for name in sys.modules if name.startswith("pileus")]:
        del sys.modules[name]
    engine_client.offer_sdk()
    found: dict[str, Any] = {}
    exec("from pileus.engines import Frame, object_engine", found)
    assert found["object_engine"] is engines.object_engine
    with pytest.raises(ImportError):
        exec("import pileus.kernel", {})


def test_an_object_engine_reads_whole_segments(tmp_path: Path) -> None:
    @engines.object_engine
    def read(segments: list[engines.Segment], context: engines.EngineContext) -> Any:
        return [
            [{"label": f"{each.number} {each.start_ms}-{each.stop_ms} {each.data.decode()}"}]
            for each in segments
        ]

    (tmp_path / "1.mkv").write_bytes(b"moving")
    chunk = {"number": 7, "start_ms": 20, "stop_ms": 40, "source": "lobby"}
    chunk["segment"] = str(tmp_path / "1.mkv")
    told = Bench(tmp_path, read).ask(op="chunks", ring="", stream="s", chunks=[chunk])
    assert told == {"results": [{"number": 7, "result": [{"label": "7 20-40 moving"}]}]}
