"""Every Clock adapter against the contract."""

from __future__ import annotations

import asyncio

import pytest

from pileus.adapters.clock_system import SystemClock
from pileus.testing import VirtualClock
from pileus.testing.contracts.clock import CONTRACT


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_system_clock(check) -> None:
    await check(SystemClock(), asyncio.sleep)


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_virtual_clock(check) -> None:
    clock = VirtualClock()
    await check(clock, lambda duration_s: clock.advance(duration_s * 1000))
