"""The contract of ``ports/clock.py``.

A check gets the clock and a function that lets time pass for about so many seconds: for a real clock
it sleeps, for a virtual one it advances. Durations are a few hundredths of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pileus.ports.clock import Clock

Pass = Callable[[float], Awaitable[None]]
STEP_S = 0.03


async def time_moves_forward(clock: Clock, passing: Pass) -> None:
    wall_ms, mono_ns = clock.now_ms(), clock.mono_ns()
    await passing(STEP_S)
    assert clock.now_ms() >= wall_ms + STEP_S * 1000 - 1
    assert clock.mono_ns() >= mono_ns + STEP_S * 1e9


async def sleep_lasts_at_least_as_long(clock: Clock, passing: Pass) -> None:
    async def measured() -> int:
        began_ns = clock.mono_ns()
        await clock.sleep(STEP_S)
        return clock.mono_ns() - began_ns

    sleeper = asyncio.ensure_future(measured())
    await passing(STEP_S / 10)
    assert not sleeper.done()
    await passing(STEP_S * 2)
    assert await sleeper >= STEP_S * 1e9


async def sleep_of_nothing_returns_at_the_next_turn(clock: Clock, passing: Pass) -> None:
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "other")
    await clock.sleep(0)
    order.append("slept")
    await clock.sleep(-1)
    assert order == ["other", "slept"]


async def sleepers_wake_in_the_order_of_their_times(clock: Clock, passing: Pass) -> None:
    order: list[int] = []

    async def sleeper(number: int) -> None:
        await clock.sleep(number * STEP_S)
        order.append(number)

    tasks = [asyncio.ensure_future(sleeper(number)) for number in (3, 1, 2)]
    await passing(STEP_S * 4)
    await asyncio.gather(*tasks)
    assert order == [1, 2, 3]


async def a_cancelled_sleeper_is_gone(clock: Clock, passing: Pass) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(STEP_S))
    await passing(STEP_S / 10)
    sleeper.cancel()
    await passing(STEP_S * 2)
    assert sleeper.cancelled()


async def wait_returns_true_once_the_future_is_done(clock: Clock, passing: Pass) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(future, clock.now_ms() + 60_000))
    await passing(STEP_S)
    assert not waiting.done()
    future.set_result(None)
    assert await waiting is True
    assert await clock.wait(future, clock.now_ms() - 1) is True


async def wait_gives_up_and_leaves_the_future_alone(clock: Clock, passing: Pass) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    until_ms = clock.now_ms() + round(STEP_S * 1000)
    waiting = asyncio.ensure_future(clock.wait(future, until_ms))
    await passing(STEP_S * 3)
    assert await waiting is False
    assert clock.now_ms() >= until_ms
    assert not future.done()
    assert await clock.wait(future, clock.now_ms() - 1) is False
    assert not future.done()


async def wait_hands_on_no_error_of_the_future(clock: Clock, passing: Pass) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(future, clock.now_ms() + 60_000))
    await passing(STEP_S / 10)
    future.set_exception(ValueError("for whoever asks the future"))
    assert await waiting is True
    assert isinstance(future.exception(), ValueError)


async def a_cancelled_wait_leaves_the_future_alone(clock: Clock, passing: Pass) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(future, clock.now_ms() + 60_000))
    await passing(STEP_S / 10)
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert waiting.cancelled() and not future.done()


CONTRACT = (
    time_moves_forward,
    sleep_lasts_at_least_as_long,
    sleep_of_nothing_returns_at_the_next_turn,
    sleepers_wake_in_the_order_of_their_times,
    a_cancelled_sleeper_is_gone,
    wait_returns_true_once_the_future_is_done,
    wait_gives_up_and_leaves_the_future_alone,
    wait_hands_on_no_error_of_the_future,
    a_cancelled_wait_leaves_the_future_alone,
)
