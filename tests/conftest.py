"""Fixtures every test may ask for."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from pileus.testing.platform import MemoryPlatform

settings.register_profile("house", deadline=None)
settings.load_profile("house")
"""No test is timed: how long an example takes says how busy the machine is."""


@pytest.fixture
async def memory_platform() -> AsyncIterator[MemoryPlatform]:
    """A platform in memory under virtual time."""
    platform = await MemoryPlatform.start()
    yield platform
    await platform.crash()


def pytest_configure() -> None:
    """What a script runs in its background ignores Ctrl-C, and so would every program under test."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of a group share a platform: without their group they fail in ways hard to explain."""
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
            raise pytest.UsageError(
                f"{item.nodeid} has lost its group: xdist and pytest do not fit"
            )
