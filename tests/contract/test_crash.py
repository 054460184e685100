"""``kill -9`` in the middle of writing: nothing acknowledged is lost, half-written things are gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.file_blobs import FileBlobs
from pileus.adapters.segment_log import SegmentLog
from pileus.adapters.sqlite_state import SqliteState

CHILD = Path(__file__).with_name("crashing_child.py")
ROUNDS = 3
ACKNOWLEDGED = 150


def crash(kind: str, root: Path, first: int) -> list[list[int]]:
    """Let a child write and kill it; the numbers on each line that it got out."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), kind, str(root), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(ACKNOWLEDGED + first % 13)]
    child.kill()
    lines += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    # The last line may have been cut.
    return [[int(word) for word in line.split()] for line in lines if line.endswith("\n")]


def body(number: int) -> bytes:
    return b"%d," % number * (number % 5_000)


@pytest.mark.slow
async def test_blobs_keep_what_they_acknowledged(tmp_path: Path) -> None:
    for turn in range(ROUNDS):
        told = crash("blobs", tmp_path / "b", turn * 1_000_003)
        assert len(told) >= ACKNOWLEDGED
        blobs = FileBlobs(tmp_path / "b", SystemClock())
        assert list((tmp_path / "b" / "drafts").iterdir()) == []
        for (number,) in told:
            chunks = [chunk async for chunk in blobs.get(f"a/{number % 3}/{number}")]
            assert b"".join(chunks) == body(number)
        for info in await blobs.list(limit=10_000):
            assert info.size_bytes == len(body(int(info.name.rpartition("/")[2])))
        await blobs.close()


@pytest.mark.slow
async def test_the_log_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    kept: dict[tuple[int, int], int] = {}
    for turn in range(ROUNDS):
        told = crash("log", tmp_path / "l", turn * 1_000_003)
        assert len(told) >= ACKNOWLEDGED
        kept |= {(number % 2, offset): number for number, offset in told}
        log = SegmentLog(tmp_path / "l", segment_bytes=200_000)
        for partition in (0, 1):
            first, following = log.bounds("t", partition)
            assert first == 0
            offset = 0
            while offset < following:
                for record in await log.read("t", partition, offset):
                    assert record.offset == offset
                    assert record.value == body(record.at_ms)
                    assert kept.setdefault((partition, offset), record.at_ms) == record.at_ms
                    offset += 1
            assert max(at for part, at in kept if part == partition) < following
            committed = log.committed("g", "t", partition)
            assert committed is not None and committed < following
        await log.close()


@pytest.mark.slow
async def test_state_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    for turn in range(ROUNDS):
        told = crash("state", tmp_path, turn * 1_000_003)
        assert len(told) >= ACKNOWLEDGED
        state = SqliteState(tmp_path / "state.db")
        pairs = dict(state.read(("0", "r", "x"), lambda snapshot: snapshot.range()))
        assert all(pairs[(number,)] == body(number) for (number,) in told)
        assert all(value == body(number) for (number,), value in pairs.items())
        await state.close()
