from __future__ import annotations

import asyncio
import threading

import pytest

from pileus.testing import ClockStuck, VirtualClock


async def test_time_stands_still_until_advanced() -> None:
    clock = VirtualClock(1_000)
    assert (clock.now_ms(), clock.mono_ns()) == (1_000, 0)
    await clock.advance(1_500)
    assert (clock.now_ms(), clock.mono_ns()) == (2_500, 1_500_000_000)


async def test_each_sleeper_wakes_at_its_own_time_and_may_sleep_again() -> None:
    clock = VirtualClock(0)
    woke: list[tuple[str, int]] = []

    async def tick(name: str, every_s: float) -> None:
        while True:
            await clock.sleep(every_s)
            woke.append((name, clock.now_ms()))

    tasks = [asyncio.ensure_future(tick("a", 0.2)), asyncio.ensure_future(tick("b", 0.3))]
    await clock.advance(650)
    assert woke == [("a", 200), ("b", 300), ("a", 400), ("b", 600), ("a", 600)]
    assert clock.now_ms() == 650
    for task in tasks:
        task.cancel()


async def test_run_moves_time_as_far_as_the_work_needs() -> None:
    clock = VirtualClock(0)

    async def work() -> int:
        for _ in range(3):
            await clock.sleep(3600)
        return clock.now_ms()

    assert await clock.run(work()) == 3 * 3_600_000


async def test_run_raises_what_the_work_raises() -> None:
    clock = VirtualClock()

    async def work() -> None:
        await clock.sleep(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await clock.run(work())


async def test_run_tells_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.adapters.clock_virtual._REAL_WAIT_S", 0.01)
    clock = VirtualClock()
    with pytest.raises(ClockStuck):
        await clock.run(asyncio.Event().wait())


async def test_run_until_idle_goes_from_sleeper_to_sleeper() -> None:
    clock = VirtualClock(0)
    sleepers = [asyncio.ensure_future(clock.sleep(seconds)) for seconds in (5, 60, 7200)]
    await clock.run_until_idle(within_ms=100_000)
    assert [sleeper.done() for sleeper in sleepers] == [True, True, False]
    await clock.run_until_idle()
    assert clock.now_ms() == 7_200_000


async def test_a_wall_clock_jump_ends_waits_but_not_sleeps() -> None:
    clock = VirtualClock(0)
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(future, 60_000))
    sleeping = asyncio.ensure_future(clock.sleep(60))
    await clock.advance(1)
    clock.jump(3_600_000)
    await clock.settle()
    assert waiting.done() and not sleeping.done()
    assert clock.mono_ns() == 1_000_000
    clock.jump(-7_200_000)
    await clock.advance(60_000)
    assert sleeping.done() and clock.now_ms() < 0


async def test_watched_work_in_another_thread_is_awaited() -> None:
    clock = VirtualClock()
    release = threading.Event()
    work = asyncio.get_running_loop().run_in_executor(None, release.wait)
    clock.watch(lambda: not work.done())
    threading.Timer(0.02, release.set).start()
    await clock.settle()
    assert work.done()


async def test_a_loop_that_never_rests_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.adapters.clock_virtual._TURNS_MAX", 100)
    clock = VirtualClock()

    loop = asyncio.get_running_loop()
    is_over = False

    def spin() -> None:
        if not is_over:
            loop.call_soon(spin)

    spin()
    with pytest.raises(ClockStuck, match="busy"):
        await clock.settle()
    is_over = True
