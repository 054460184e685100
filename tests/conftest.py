"""Fixtures every test may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pileus.testing.platform import MemoryPlatform


@pytest.fixture
async def memory_platform() -> AsyncIterator[MemoryPlatform]:
    """A platform in memory under virtual time."""
    platform = await MemoryPlatform.start()
    yield platform
    await platform.crash()
