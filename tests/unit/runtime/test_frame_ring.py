"""The ring of frames: what readers see while the writer goes on."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from pileus.runtime.frame_ring import RGB24, NotARing, RingReader, RingWriter

SHAPE = (2, 1, RGB24)


def write(ring: RingWriter, number: int) -> None:
    ring.write(number, number * 40, SHAPE, memoryview(bytes([number % 256] * 6)))


def test_readers_see_the_newest_slots(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 4, 6)
    reader = RingReader(str(tmp_path / "ring"))
    assert reader.newest == 0
    assert reader.look(1) is None
    for number in range(1, 7):
        write(ring, number)
    assert reader.newest == 6
    assert [reader.look(number) is not None for number in range(1, 8)] == [
        *[False, False, True, True, True, True],
        False,
    ]
    slot = reader.look(5)
    assert slot is not None
    assert (slot.pts_ms, slot.width, slot.height, slot.kind) == (200, *SHAPE)
    assert bytes(slot.data) == b"\5" * 6


def test_a_reader_notices_that_it_was_overtaken(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 2, 6)
    reader = RingReader(str(tmp_path / "ring"))
    write(ring, 1)
    slot = reader.look(1)
    assert slot is not None and reader.has(1)
    write(ring, 3)
    assert not reader.has(1)
    assert bytes(slot.data) == b"\3" * 6  # a view, not a copy


def test_readers_cannot_write(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 2, 6)
    write(ring, 1)
    slot = RingReader(str(tmp_path / "ring")).look(1)
    assert slot is not None and slot.data.readonly
    assert (tmp_path / "ring").stat().st_mode & 0o222 == 0


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 2, 5)
    with pytest.raises(ValueError, match="6 bytes do not fit a slot of 5"):
        write(ring, 1)


@pytest.mark.parametrize("content", [b"x" * mmap.PAGESIZE, b"PLR1" + b"\xff" * 5000, b"PLR1"])
def test_other_files_are_no_rings(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ring").write_bytes(content)
    with pytest.raises(NotARing):
        RingReader(str(tmp_path / "ring"))


def test_a_closed_ring_is_gone_for_newcomers(tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 2, 6)
    write(ring, 1)
    reader = RingReader(str(tmp_path / "ring"))
    ring.close()
    assert reader.look(1) is not None
    with pytest.raises(FileNotFoundError):
        RingReader(str(tmp_path / "ring"))
