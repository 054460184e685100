"""How soon does the platform answer, and what does it hold when idle?

The floors are what ministack 1.x was seen to need (the project's FACTS, section 7).
"""

from __future__ import annotations

import time
from statistics import median

from benches.apparatus import wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import pss_mb
from benches.apparatus.processes import call, platform

_IDLE_S = 1.0


def run(effort: Effort) -> list[Figure]:
    """Start, ask once, look at the memory, end; again and again."""
    starts_s, sizes_mb = [], []
    for _ in range(max(3, effort.rounds)):
        began_s = time.perf_counter()
        with platform() as running:
            call(running.port, wire.caller_identity(running.port))
            starts_s.append(time.perf_counter() - began_s)
            time.sleep(_IDLE_S)
            sizes_mb.append(pss_mb(running.pid))
    return [
        Figure(
            "start to first answered request",
            median(starts_s),
            "s p50",
            0.24,
            "ministack",
            Reach(is_at_most=True, of_value=0.3),
        ),
        Figure(
            "idle PSS of the tree, no function yet",
            median(sizes_mb),
            "MiB",
            45.0,
            "ministack",
            Reach(is_at_most=True, of_value=60.0),
        ),
    ]
