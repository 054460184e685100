"""Loops that poll: pauses that grow, and what is said of a source that fails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pileus.compute.pollers import Pollers
from pileus.kernel.supervision import Supervisor
from pileus.testing import VirtualClock


class Source:
    """Fails as it is told to."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.problem, self.polls = clock, "", 0

    async def poll(self) -> None:
        self.polls += 1
        if self.problem:
            raise ValueError(self.problem)
        await self._clock.sleep(1.0)


async def test_what_is_wrong_is_told_once_a_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pileus.pollers")
    clock = VirtualClock()
    source = Source(clock)
    supervisor = Supervisor()
    pollers = Pollers(clock, supervisor)
    source.problem = "Function not found"
    pollers.start("one", source.poll)
    await clock.advance(600_000)
    assert 20 < source.polls < 40
    assert caplog.messages == ["poller one: Function not found"]
    source.problem = "Queue not found"
    await clock.advance(120_000)
    source.problem = ""
    await clock.advance(120_000)
    source.problem = "Queue not found"
    await clock.advance(120_000)
    assert caplog.messages[1:] == [
        "poller one: Queue not found",
        "poller one goes on",
        "poller one: Queue not found",
    ]
    pollers.stop("one")
    await asyncio.sleep(0)
    assert not pollers.keys()
