"""How many signed calls a second pass the door, of what its HTTP server could answer at all?

Rates are for a core of one's own: what was answered in a second, divided by the share of the core that
the server really had. Where the load generator cannot keep the constant server busy, or others use the
machine, this is what the server would do alone and saturated.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benches.apparatus import wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.machine import cpu_s
from benches.apparatus.processes import LoadClient, Running, platform, server

_CONNECTIONS = 64


def run(effort: Effort) -> list[Figure]:
    """GetCallerIdentity beside a constant answer to the same bytes."""
    constant = ["-m", "benches.apparatus.constant_server"]
    with LoadClient() as client, platform() as real, server(constant, Path()) as bare:

        def rate(running: Running) -> float:
            request = wire.caller_identity(running.port)
            before_s = cpu_s(running.pid)
            target = Target(running.port, [request])
            told = client.flood(target, connections=_CONNECTIONS, duration_s=effort.round_s)
            share = min(1.0, (cpu_s(running.pid) - before_s) / told.took_s)
            return told.per_second / share

        rate(real), rate(bare)
        pairs = [(rate(real), rate(bare)) for _ in range(effort.rounds)]
    return [
        Figure(
            f"GetCallerIdentity, signed, {_CONNECTIONS} connections",
            median(first for first, _ in pairs),
            "calls/s",
            median(second for _, second in pairs),
            "same server, constant answer",
            Reach(is_at_most=False, of_ratio=0.25),
        )
    ]
