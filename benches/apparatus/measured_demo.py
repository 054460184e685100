"""Corb's demonstration with its CPU time: ``python -m benches.apparatus.measured_demo FOLDER SPEED``.

Writes ``FOLDER/cpu.json`` with the CPU seconds that the whole tree of processes (platform, functions,
model, player, and the display of this one) took from the video's first frame until the last detection
was stored, beside ``FOLDER/summary.json``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benches.apparatus.machine import cpu_s
from pileus.cli.demo_corb import CorbDemo, DemoOptions

_PR_SET_CHILD_SUBREAPER = 36


class _MeasuredDemo(CorbDemo):
    """Deployment before and summary after the video are not counted."""

    spent_s = 0.0

    @contextmanager
    def _player(self, *arguments: Any) -> Iterator[None]:
        before_s = cpu_s(os.getpid())
        with super()._player(*arguments):
            yield
        self.spent_s = cpu_s(os.getpid()) - before_s


def main(folder: Path, speed: float) -> None:
    """Run it once."""
    # What outlives its parent comes to this process, so that nobody's time is lost.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    options = DemoOptions(
        video=None,
        model=None,
        speed=speed,
        json_file=folder / "summary.json",
        data_dir=folder / "data",
        port=0,
        is_staying=False,
        apps_dir=None,
    )
    demo = _MeasuredDemo(options)
    demo.run()
    (folder / "cpu.json").write_text(json.dumps({"cpu_s": demo.spent_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
