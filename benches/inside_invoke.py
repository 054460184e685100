"""What does the platform add to the exchange of two frames with a process, from its door to the result?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from benches.apparatus.effort import Effort, median_ms
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import server_cores
from benches.apparatus.processes import ROOT, environment, on_cores

_BLOCK = 100


def run(effort: Effort) -> list[Figure]:
    """A running function through the door, in turn with a child that echoes frames."""
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        command = [sys.executable, "-m", "benches.apparatus.inside", folder]
        told = subprocess.run(
            [*command, str(effort.samples), str(_BLOCK)],
            check=True,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
            preexec_fn=on_cores(server_cores()),
        )
    took = json.loads(told.stdout)
    return [
        Figure(
            "warm invoke inside the platform",
            median_ms(took["invoke"]),
            "ms p50",
            median_ms(took["echo"]),
            "bare echo of frames",
            Reach(is_at_most=True, of_ratio=4.0),
            "both ends on one core",
        )
    ]
