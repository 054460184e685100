"""What does the platform cost a live source and its engines?

The demonstration's video plays at its own speed as a source; frames and CPU seconds of the whole tree are
counted between two moments while everything is warm. The floor is the bare loop of ``pipeline``, which
decodes the same video and asks the same network without any platform.
"""

from __future__ import annotations

import json
import time

from benches.apparatus import media
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import cpu_s
from benches.apparatus.processes import Running, platform, python
from pileus.media import assets

_RATE = 10.0
"""Pictures a second: all that the video has."""
_WARM_RESULTS = 10


def run(effort: Effort) -> list[Figure]:
    """One engine, then two of the same kind, on one source each time."""
    span_s = 8.0 if effort.is_quick else 25.0
    floors = [_bare()]
    one_s, two_s = _cpu_s_a_frame(1, span_s), _cpu_s_a_frame(2, span_s)
    floors.append(_bare())
    frames_per_cpu_s = sum(each["frames"] / each["cpu_s"] for each in floors) / len(floors)
    detect_ms = sum(each["detect_cpu_s"] / each["frames"] for each in floors) / len(floors) * 1000
    return [
        Figure(
            "live frames per CPU second of the whole tree",
            1 / one_s,
            "frames/CPU s",
            frames_per_cpu_s,
            "bare decode and detect loop",
            Reach(is_at_most=False, of_ratio=0.8),
            f"source, ring, person engine, durable output; {span_s:g} s of video",
        ),
        Figure(
            "a second engine on the same source, CPU a frame",
            (two_s - one_s) * 1000,
            "ms",
            detect_ms,
            "its own inference",
            Reach(is_at_most=True, of_ratio=1.05),
        ),
    ]


def _cpu_s_a_frame(engines: int, span_s: float) -> float:
    """CPU seconds of the tree for each frame of the source that all engines saw."""
    names = [f"people{index}" for index in range(engines)]
    with platform() as running:
        for name in names:
            files = media.person_files()
            media.create_engine(running.port, name, "persons.detect", files, _RATE, width=300)
        url = f"file:{assets.ensure(assets.VIDEO).resolve()}"
        media.do(running.port, "CreateSource", Name="lobby", Url=url)
        media.do(running.port, "CreatePipeline", Name="p", Source="lobby", Engines=names)
        for name in names:
            media.await_results(running.port, "lobby", name, _WARM_RESULTS)
        frames, cpu = _seen(running, names), cpu_s(running.pid)
        time.sleep(span_s)
        frames, cpu = _seen(running, names) - frames, cpu_s(running.pid) - cpu
    return cpu / frames


def _seen(running: Running, names: list[str]) -> float:
    """Frames that an engine saw, on average."""
    return sum(media.count(running.port, "lobby", name) for name in names) / len(names)


def _bare() -> dict[str, float]:
    told: dict[str, float] = json.loads(python("benches.apparatus.bare_pipeline").splitlines()[-1])
    return told
