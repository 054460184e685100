"""What does the platform cost a real video, and how far behind it is the answer?

The demonstration runs at the camera's speed between two runs of the bare loop, which decodes the same
video and asks the same model by the same code without any platform. The pipeline's CPU includes cutting
and encoding segments, preview, storage, functions, model, events and the display on the terminal.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.processes import python

_SEGMENT_S = 2.0


def run(effort: Effort) -> list[Figure]:
    """Frames per CPU second of the whole tree, and the lag; at four times the speed for a quick look,
    which then tells nothing of the lag."""
    speed = 4.0 if effort.is_quick else 1.0
    floors = [_bare()]
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        python("benches.apparatus.measured_demo", folder, str(speed))
        told = json.loads((Path(folder) / "summary.json").read_text())
        cpu_s = json.loads((Path(folder) / "cpu.json").read_text())["cpu_s"]
    floors.append(_bare())
    figures = [
        Figure(
            "pipeline frames per CPU second of the whole tree",
            told["frames_analysed"] / cpu_s,
            "frames/CPU s",
            sum(floors) / len(floors),
            "bare decode and detect loop",
            Reach(is_at_most=False, of_ratio=0.6),
            f"{told['frames_analysed']} frames at speed {speed:g}",
        )
    ]
    if speed == 1.0:
        figures.append(
            Figure(
                "lag at speed 1, result stored minus capture",
                told["lag_ms_p95"] / 1000,
                "s p95",
                _SEGMENT_S,
                "segment length",
                Reach(is_at_most=True, of_value=_SEGMENT_S + 1.0),
            )
        )
    return figures


def _bare() -> float:
    """Frames per CPU second of the loop alone."""
    told: dict[str, Any] = json.loads(python("benches.apparatus.bare_pipeline").splitlines()[-1])
    return float(told["frames"] / told["cpu_s"])
