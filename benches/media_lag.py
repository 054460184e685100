"""How long from what a camera shows until what an engine says of it can be read?

A camera whose pictures tell their number notes when it showed each; the engine reads the number and looks for
persons; a client waits for results as an application would. Also: the first result of an engine that has no
instance yet, beside the cold start of the same code as a function.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benches.apparatus import functions, media, wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.processes import Running, call, platform, server

_RATE = 5.0
_WARM_UPS = 5
_PATIENCE_S = 60.0
_READ = '''"""The number a picture tells, and the persons in it."""

import persons
from pileus.engines import object_engine


@object_engine
def read(frames, context):
    found = persons.detect(frames, context)
    for frame, objects in zip(frames, found):
        block = frame.image.shape[1] / 16
        row = frame.image[int(block / 2), :, 0]
        number = sum(int(row[int((bit + 0.5) * block)] > 127) << bit for bit in range(16))
        objects.append({"label": "number", "confidence": 1.0, "text": str(number)})
    return found
'''
_BARE = """import os

import numpy

import inference

_MODEL = inference.model_fn(os.path.dirname(__file__))


def handler(event, context):
    return 1
"""


def run(effort: Effort) -> list[Figure]:
    """A person engine at five pictures a second."""
    results = 40 if effort.is_quick else 150
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        shown = Path(folder) / "shown"
        command = ["-m", "benches.apparatus.clock_camera", str(shown)]
        with platform() as running, server(command, shown) as camera:
            lags_ms = _lags_ms(running, camera.port, shown, results)
            firsts_ms, colds_ms = _beginnings_ms(running.port, effort.rounds)
    first_ms, cold_ms = median(firsts_ms), median(colds_ms)
    percentiles = quantiles(lags_ms, n=20)
    interval_ms = 1000 / _RATE
    return [
        Figure(
            "glass to result p50",
            median(lags_ms),
            "ms",
            interval_ms,
            "one frame interval",
            Reach(is_at_most=True, of_value=150.0),
            "camera over TCP on this machine, person engine at 5 a second",
        ),
        Figure(
            "glass to result p95",
            percentiles[18],
            "ms",
            interval_ms,
            "one frame interval",
            Reach(is_at_most=True, of_value=400.0),
        ),
        Figure(
            "object engine 0→1, first result beyond a cold start",
            first_ms - cold_ms,
            "ms",
            cold_ms,
            "cold start of the same code as a function",
            Reach(is_at_most=True, of_value=50.0),
        ),
    ]


def _lags_ms(running: Running, camera_port: int, shown: Path, results: int) -> list[float]:
    port = running.port
    media.do(port, "CreateSource", Name="lobby", Url=f"tcp://127.0.0.1:{camera_port}")
    _begin(port, "read")
    seen: list[tuple[Any, int]] = []
    last = -1
    deadline_s = time.monotonic() + _PATIENCE_S + results / _RATE
    while len(seen) < results:
        last, found = media.results(port, "lobby", "read", last, wait_s=5)
        seen += [(each, time.time_ns()) for each in found]
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{len(seen)} of {results} results: {media.do(port, 'ListLanes')}")
    media.do(port, "DeletePipeline", Name="read")
    shown_ns = dict(map(int, line.split()) for line in shown.read_text().splitlines())
    return [(at_ns - shown_ns[_number(each)]) / 1e6 for each, at_ns in seen][_WARM_UPS:]


def _begin(port: int, name: str) -> None:
    """A new engine, on the source."""
    files = {**media.person_files(), "reader.py": _READ.encode()}
    media.create_engine(port, name, "reader.read", files, _RATE, width=300)
    media.do(port, "CreatePipeline", Name=name, Source="lobby", Engines=[name])


def _number(document: Any) -> int:
    told = [each for each in document["series"][0]["objects"] if each["label"] == "number"]
    return int(told[0]["text"])


def _beginnings_ms(port: int, rounds: int) -> tuple[list[float], list[float]]:
    """First results of new engines after their piece was captured, and cold calls of functions that load
    the same code and model, in turns. A function has no snapshot unless a published version is called."""
    functions.create_role(port)
    firsts_ms, colds_ms = [], []
    for index in range(rounds):
        name = f"read{index}"
        _begin(port, name)
        found: list[Any] = []
        deadline_s = time.monotonic() + _PATIENCE_S
        while not found:
            _, found = media.results(port, "lobby", name, -1, wait_s=5)
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{name} said nothing: {media.do(port, 'ListLanes')}")
        firsts_ms.append(float(found[0]["done_at_ms"] - found[0]["chunk"]["captured_at_ms"]))
        media.do(port, "DeletePipeline", Name=name)
        functions.publish(port, name, {**media.person_files(), "handler.py": _BARE.encode()})
        functions.settle()
        began_ns = time.perf_counter_ns()
        call(port, wire.invoke(name, b"{}", port))
        colds_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    return firsts_ms, colds_ms
