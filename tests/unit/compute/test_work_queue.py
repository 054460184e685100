"""Items of durable work: none is forgotten because it failed."""

from __future__ import annotations

from itertools import pairwise

from pileus.adapters.clock_virtual import VirtualClock
from pileus.compute.work_queue import WorkQueue
from pileus.kernel.supervision import Supervisor


async def test_what_raises_runs_again_after_growing_pauses() -> None:
    clock, supervisor, runs = VirtualClock(), Supervisor(), []
    start_ms = clock.now_ms()

    async def run(lane: str, item: str) -> int | None:
        runs.append(clock.now_ms() - start_ms)
        if len(runs) < 10:
            raise OSError("no space left on device")
        return None

    work = WorkQueue(clock, supervisor, run)
    work.submit("lane", "item")
    await clock.advance(600_000)
    pauses_s = [(after - before) / 1000 for before, after in pairwise(runs)]
    assert pauses_s == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert work.pending("lane") == 0
    await supervisor.close()


async def test_a_failing_item_does_not_hold_up_the_others() -> None:
    clock, supervisor, done = VirtualClock(), Supervisor(), []

    async def run(lane: str, item: str) -> int | None:
        if item == "broken":
            raise ValueError(item)
        done.append(item)
        return None

    work = WorkQueue(clock, supervisor, run, lambda lane: 1)
    for item in ("broken", "a", "b"):
        work.submit("lane", item)
    await clock.advance(10)
    assert done == ["a", "b"]
    assert work.pending("lane") == 1
    assert work.drop("lane") == ["broken"]
    await supervisor.close()
