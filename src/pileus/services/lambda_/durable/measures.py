"""How many durable executions are running, shown once a minute as long as any is.

https://docs.aws.amazon.com/lambda/latest/dg/durable-monitoring.html
"""

from __future__ import annotations

from collections import Counter

from pileus.kernel.kernel import Kernel
from pileus.kernel.measures import Dimensions
from pileus.ports.state import Space
from pileus.services.lambda_.durable import store

_NAME, _NAMESPACE = "ApproximateRunningDurableExecutions", "AWS/Lambda"


class RunningExecutions:
    """Counts them when a minute ends; called from the event loop only."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._told: dict[Space, Counter[str]] = {}
        """What was told of each space the last time."""
        kernel.measures.add_source(self._count)

    def expect(self, space: Space) -> None:
        """There may be some in a space from now on."""
        if self._kernel.measures.is_on:
            self._told.setdefault(space, Counter())
            self._kernel.measures.expect()

    def _count(self, minute_ms: int) -> None:
        for space, told in list(self._told.items()):
            counts = self._kernel.stream_call(space).read(store.active_counts)
            # A function whose last one has ended is told as 0 once.
            for function in {*counts, *told}:
                self._add(minute_ms, space, (("FunctionName", function),), counts[function])
            if counts or told:
                self._add(minute_ms, space, (), counts.total())
            if counts:
                self._told[space] = counts
                self._kernel.measures.expect()
            else:
                del self._told[space]

    def _add(self, minute_ms: int, space: Space, dimensions: Dimensions, count: int) -> None:
        subject = (space[0], space[1], _NAMESPACE, dimensions)
        self._kernel.measures.add(minute_ms, subject, _NAME, "Count", float(count))
