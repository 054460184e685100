"""How many calls of running functions a second pass, of what the door lets pass of the cheapest call?

Rates are for a core of one's own, as in ``signed_calls``; instances have the server's core too.
"""

from __future__ import annotations

from statistics import median

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.machine import cpu_s
from benches.apparatus.processes import LoadClient, platform

_TICK_S = 0.01
"""The kernel counts CPU time in these."""


def run(effort: Effort) -> list[Figure]:
    """As many connections as instances, and the same number for the floor."""
    figures = []
    with LoadClient() as client, platform() as running:
        functions.create_role(running.port)
        functions.create(running.port, "warm")
        invoke = Target(running.port, [wire.invoke("warm", b"{}", running.port)])
        identity = Target(running.port, [wire.caller_identity(running.port)])

        def rate(target: Target, connections: int) -> float:
            before_s = cpu_s(running.pid)
            told = client.flood(target, connections=connections, duration_s=effort.round_s)
            share = min(1.0, max(_TICK_S, cpu_s(running.pid) - before_s) / told.took_s)
            return told.per_second / share

        for count in (1, 4):
            rate(invoke, count), rate(identity, count)
            pairs = [(rate(invoke, count), rate(identity, count)) for _ in range(effort.rounds)]
            figures.append(
                Figure(
                    f"warm invokes over HTTP, {count} instance{'s' * (count > 1)}",
                    median(first for first, _ in pairs),
                    "calls/s",
                    median(second for _, second in pairs),
                    "GetCallerIdentity",
                    Reach(is_at_most=False, of_ratio=0.5),
                )
            )
    return figures
