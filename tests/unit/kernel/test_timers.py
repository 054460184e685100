"""A room's hook that fails is a fault of the room: its timer goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pileus.kernel.calls import TIMER, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.testing.platform import MemoryPlatform

SPACE = ("000000000000", "us-east-1", "sqs")


async def test_a_timer_whose_hook_raises_is_tried_again(
    memory_platform: MemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, clock = memory_platform.kernel, memory_platform.clock
    tried: list[int] = []

    def hook(call: WriteCall, payload: Mapping[str, Any]) -> None:
        tried.append(call.now_ms)
        if len(tried) < 3:
            raise RuntimeError("not yet")

    monkeypatch.setattr(kernel.registry, "hook", lambda wire_id, name: hook)
    began_ms = clock.now_ms()
    call = kernel.stream_call(SPACE)
    await clock.run(
        call.write(lambda write: write.set_timer(Timer(name="t", key="k", at_ms=began_ms + 1000)))
    )
    await clock.advance(60_000)
    assert [at_ms - began_ms for at_ms in tried] == [1000, 2000, 4000]
    assert call.read(lambda read: read.state.range((TIMER,))) == []
