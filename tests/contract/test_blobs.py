"""Every Blobs adapter against the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.file_blobs import FileBlobs
from pileus.ports.blobs import Blobs
from pileus.testing.contracts.blobs import CONTRACT
from pileus.testing.memory_blobs import MemoryBlobs
from pileus.testing.sealing import TagSealer


@pytest.fixture(params=["files", "files-sealed", "memory"])
def open_blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Blobs]]:
    opened: list[FileBlobs] = []
    memory = MemoryBlobs(SystemClock())

    def open_() -> Blobs:
        if request.param == "memory":
            return memory
        sealer = TagSealer() if request.param == "files-sealed" else None
        opened.append(FileBlobs(tmp_path / "blobs", SystemClock(), sealer))
        return opened[-1]

    yield open_
    for blobs in opened:
        blobs._close()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_blobs(check, open_blobs) -> None:
    await check(open_blobs)
