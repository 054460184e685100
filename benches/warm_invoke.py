"""What does calling a running function add to the cheapest signed call?"""

from __future__ import annotations

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort, median_ms
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.processes import LoadClient, platform

_BLOCK = 25


def run(effort: Effort) -> list[Figure]:
    """One connection each, blocks in turn."""
    with LoadClient() as client, platform() as running:
        functions.create_role(running.port)
        functions.create(running.port, "warm")
        targets = [
            Target(running.port, [wire.invoke("warm", b"{}", running.port)]),
            Target(running.port, [wire.caller_identity(running.port)]),
        ]
        client.timed(targets, rounds=10, block=_BLOCK)
        took, _ = client.timed(targets, rounds=effort.samples * 2, block=_BLOCK)
    return [
        Figure(
            "warm invoke",
            median_ms(took[0]),
            "ms p50",
            median_ms(took[1]),
            "GetCallerIdentity",
            Reach(is_at_most=True, of_ratio=1.6),
        )
    ]
