"""What do sixteen cameras cost in front of which nothing moves?

Each is a video of 360 lines at 25 pictures a second, read at its own speed, recorded, and looked at five times
a second by an engine behind a gate that lets nothing through: ``motion`` decodes every picture, ``keyframes``
only those while nothing moves. The floor is as many processes that only decode the same video at its own
speed: pictures that come one by one find cold caches.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy
from av.video.frame import VideoFrame

from benches.apparatus import media
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import cpu_s
from benches.apparatus.processes import platform, python

_CAMERAS = 16
_RATE, _WIDTH, _HEIGHT = 25, 640, 360
_START_S = 15.0
_ENGINE = b"""from pileus.engines import object_engine

@object_engine
def see(frames, context):
    return None
"""


def run(effort: Effort) -> list[Figure]:
    """CPU per picture of all cameras, beside the bare decoder's."""
    span_s = 8.0 if effort.is_quick else 30.0
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        video = Path(folder) / "still.mkv"
        _write(video, span_s * 2 + 2 * _START_S)
        floors = [_bare_ms(video, span_s)]
        told = {gate: _platform_ms(video, span_s, gate) for gate in ("motion", "keyframes")}
        floors.append(_bare_ms(video, span_s))
    return [
        Figure(
            f"{_CAMERAS} cameras of 360 lines behind the gate {gate}, CPU a picture",
            cpu_ms,
            "ms",
            sum(floors) / len(floors),
            "as many bare decoders",
            Reach(is_at_most=True, of_ratio=1.5),
            f"recorded; {passed} pictures let through",
        )
        for gate, (cpu_ms, passed) in told.items()
    ]


def _write(path: Path, seconds: float) -> None:
    """A room at rest: a fixed texture under the sensor's noise."""
    chance = numpy.random.default_rng(1)
    room = chance.integers(40, 200, (_HEIGHT // 8, _WIDTH // 8, 3)).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as output:
        options = {"preset": "veryfast", "g": str(2 * _RATE), "bf": "0"}
        track = output.add_stream("libx264", rate=_RATE, options=options)
        track.width, track.height, track.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        noise = [chance.integers(-2, 3, room.shape) for _ in range(_RATE)]
        for number in range(round(seconds * _RATE)):
            image = (room + noise[number % _RATE]).astype(numpy.uint8)
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))


def _bare_ms(video: Path, span_s: float) -> float:
    """CPU milliseconds a picture of as many bare decoders."""
    with ThreadPoolExecutor(_CAMERAS) as pool:
        run = partial(python, "benches.apparatus.bare_decoding", str(video), str(span_s))
        told = [pool.submit(run) for _ in range(_CAMERAS)]
        return sum(float(each.result()) for each in told) / _CAMERAS


def _platform_ms(video: Path, span_s: float, gate: str) -> tuple[float, int]:
    """CPU milliseconds of the tree a picture that cameras took, and pictures that passed the gate."""
    with platform() as running:
        media.create_engine(
            running.port, "see", "see.see", {"see.py": _ENGINE}, 5.0, width=_WIDTH, gate=gate
        )
        names = [f"camera{index}" for index in range(_CAMERAS)]
        for name in names:
            media.do(running.port, "CreateSource", Name=name, Url=f"file:{video}")
            media.do(running.port, "CreatePipeline", Name=name, Source=name, Engines=["see"])
        time.sleep(_START_S)
        passed = sum(media.count(running.port, name, "see") for name in names)
        cpu, began_s = cpu_s(running.pid), time.monotonic()
        time.sleep(span_s)
        cpu, took_s = cpu_s(running.pid) - cpu, time.monotonic() - began_s
        passed = sum(media.count(running.port, name, "see") for name in names) - passed
    return cpu / (took_s * _RATE * _CAMERAS) * 1000, passed
