"""Places of a variant: order, bounds, and takers who go away."""

from __future__ import annotations

import asyncio

import pytest

from pileus.adapters.clock_virtual import VirtualClock
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import Variant, choose
from pileus.services.sagemaker.queueing import VariantQueue
from pileus.values.errors import ServiceError


def _variant(name: str = "all", weight: float = 1.0, concurrency_max: int = 1) -> Variant:
    return Variant(
        name=name,
        model="m",
        image="",
        role="",
        model_data="",
        environment={},
        weight=weight,
        concurrency_max=concurrency_max,
        memory_mb=2048,
        startup_s=60.0,
    )


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_go_in_the_order_of_asking() -> None:
    queue, variant = VariantQueue(VirtualClock()), _variant(concurrency_max=2)
    assert [await queue.enter(variant), await queue.enter(variant)] == [False, False]
    order: list[int] = []

    async def ask(number: int) -> None:
        assert await queue.enter(variant)
        order.append(number)

    asked = [asyncio.create_task(ask(number)) for number in range(3)]
    await _turns()
    assert (queue.length, order) == (3, [])
    for _ in range(3):
        queue.leave(variant)
        await _turns()
    assert (queue.running, order) == (2, [0, 1, 2])
    await asyncio.gather(*asked)


async def test_who_goes_away_leaves_the_queue() -> None:
    queue, variant = VariantQueue(VirtualClock()), _variant()
    await queue.enter(variant)
    asked = asyncio.create_task(queue.enter(variant))
    await _turns()
    asked.cancel()
    await _turns()
    assert queue.length == 0
    queue.leave(variant)
    assert queue.running == 0


async def test_a_place_given_to_who_goes_away_is_passed_on() -> None:
    queue, variant = VariantQueue(VirtualClock()), _variant()
    await queue.enter(variant)
    first = asyncio.create_task(queue.enter(variant))
    second = asyncio.create_task(queue.enter(variant))
    await _turns()
    queue.leave(variant)
    first.cancel()
    assert await second is True
    assert first.cancelled()
    assert (queue.running, queue.length) == (1, 0)


async def test_the_queue_is_bounded() -> None:
    queue, variant = VariantQueue(VirtualClock()), _variant()
    await queue.enter(variant)
    asked = [asyncio.create_task(queue.enter(variant)) for _ in range(LIMITS.queue_length_max)]
    await _turns()
    with pytest.raises(ServiceError, match="100 requests wait"):
        await queue.enter(variant)
    for task in asked:
        task.cancel()


def test_shares_follow_the_weights() -> None:
    variants = [_variant("one", 3.0), _variant("two", 0.0), _variant("three", 1.0)]
    names = [choose(variants, draw / 100).name for draw in range(100)]
    assert [names.count(name) for name in ("one", "two", "three")] == [75, 0, 25]
