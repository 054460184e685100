"""Every Log adapter against the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pileus.adapters.segment_log import SegmentLog
from pileus.ports.log import Log
from pileus.testing.contracts.log import CONTRACT
from pileus.testing.memory_log import MemoryLog
from pileus.testing.sealing import TagSealer


@pytest.fixture(params=["segments", "segments-small-sealed", "memory"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Log]:
    memory = MemoryLog()

    def open_() -> Log:
        if request.param == "memory":
            return memory
        if request.param == "segments":
            return SegmentLog(tmp_path / "log")
        return SegmentLog(tmp_path / "log", TagSealer(), segment_bytes=150_000)

    return open_


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_log(check, open_log) -> None:
    await check(open_log)
