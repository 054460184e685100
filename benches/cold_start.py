"""How long from a request to the first answer of a function that has no instance yet?

Every sample is the first call of a function of its own: a new instance in the full sandbox, init phase
and invocation, through HTTP. The floor is the platform's own interpreter doing nothing.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort, median_ms
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.processes import BareInterpreter, LoadClient, Running, platform

_REFILL_S = 0.1
"""Between two starts, so that the next blank child is ready."""


def run(effort: Effort) -> list[Figure]:
    """With a ready blank child, and without any."""
    with ExitStack() as stack:
        client = stack.enter_context(LoadClient())
        ready = stack.enter_context(platform())
        bare = stack.enter_context(platform(blank_children="0"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        interpreter = BareInterpreter(Path(folder))
        for each in (ready, bare):
            _prepare(each, effort.samples)
        taken: dict[int, list[int]] = {ready.port: [], bare.port: []}
        floors, floors_isolated = [], []
        for index in range(1, effort.samples + 1):
            for each in (ready, bare):
                request = wire.invoke(f"cold-{index}", b"{}", each.port)
                took, _ = client.timed([Target(each.port, [request])], rounds=1, block=1)
                taken[each.port] += took[0]
                time.sleep(_REFILL_S)
            floors.append(interpreter.pass_ms())
            floors_isolated.append(interpreter.pass_ms("-I", "-S"))
    floor, note = median(floors), f"with -I -S the floor is {median(floors_isolated):.1f} ms"
    return [
        Figure(
            "cold start, ready blank child",
            median_ms(taken[ready.port]),
            "ms p50",
            floor,
            "interpreter -c pass",
            Reach(is_at_most=True, of_ratio=1.0),
            note,
        ),
        Figure(
            "cold start, no blank child",
            median_ms(taken[bare.port]),
            "ms p50",
            floor,
            "interpreter -c pass",
            Reach(is_at_most=True, of_ratio=1.3),
            note,
        ),
    ]


def _prepare(running: Running, count: int) -> None:
    functions.create_role(running.port)
    for index in range(count + 1):
        functions.create(running.port, f"cold-{index}")
    functions.settle()
    # The first of all starts the zygote; that is the platform's cold start, not a function's.
    with LoadClient() as client:
        request = wire.invoke("cold-0", b"{}", running.port)
        client.timed([Target(running.port, [request])], rounds=1, block=1)
    functions.settle()
