"""Coalescing, ticks and counted drops."""

from __future__ import annotations

import asyncio
from typing import Any

from pileus.adapters.clock_virtual import VirtualClock
from pileus.console.functions import FunctionLedger
from pileus.console.subscription import PULSE_LIMIT, STREAM_LIMITS, TICK_S, Subscription


def by_type(frame: dict[str, Any]) -> dict[str, Any]:
    return {message["type"]: message["items"] for message in frame["messages"]}


async def test_state_is_told_in_its_newest_form_only() -> None:
    page = Subscription(VirtualClock(), "0")
    page.put_state("rooms", "", 1)
    page.put_state("rooms", "", 2)
    page.put_state("sources", "lobby", "a")
    page.put_state("sources", "door", "b")
    assert by_type(await page.next_frame()) == {"rooms": [2], "sources": ["a", "b"]}


async def test_frames_keep_a_tick_apart() -> None:
    clock = VirtualClock()
    page = Subscription(clock, "0")
    page.put_item("logs", "first")
    await page.next_frame()
    page.put_item("logs", "second")
    waiting = asyncio.ensure_future(page.next_frame())
    await clock.advance(TICK_S * 1000 - 1)
    assert not waiting.done()
    page.put_item("logs", "third")
    await clock.advance(2)
    assert by_type(waiting.result()) == {"logs": ["second", "third"]}


async def test_nothing_to_tell_is_not_told() -> None:
    clock = VirtualClock()
    waiting = asyncio.ensure_future(Subscription(clock, "0").next_frame())
    await clock.advance(60_000)
    assert not waiting.done()
    waiting.cancel()


async def test_what_a_slow_page_loses_is_counted() -> None:
    page = Subscription(VirtualClock(), "0")
    limit = STREAM_LIMITS["calls"]
    for number in range(limit + 7):
        page.put_item("calls", number)
    for number in range(PULSE_LIMIT + 3):
        page.put_pulse(str(number), "b", False)
    frame = await page.next_frame()
    assert by_type(frame)["calls"] == list(range(7, limit + 7))
    assert frame["dropped"] == {"calls": 7, "pulses": 3}


async def test_equal_pulses_are_counted_together() -> None:
    page = Subscription(VirtualClock(), "0")
    page.put_pulse("a", "b", False)
    page.put_pulse("a", "b", False)
    page.put_pulse("a", "b", True)
    assert by_type(await page.next_frame())["pulses"] == [["a", "b", 2, 0], ["a", "b", 1, 1]]


async def test_a_ledger_becomes_a_row_when_it_is_told() -> None:
    page = Subscription(VirtualClock(), "0")
    ledger = FunctionLedger("f")
    page.put_state("functions", "f", ledger)
    ledger.add({"at_ms": 1, "duration_ms": 3.0})
    assert by_type(await page.next_frame())["functions"][0]["warm"] == 1
