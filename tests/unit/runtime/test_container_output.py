"""Output on disk: whole lines, segments, positions."""

from __future__ import annotations

from pathlib import Path

from pileus.runtime import container_output
from pileus.runtime.container_output import (
    LINE_BYTES_MAX,
    OutputWriter,
    forget_output,
    forgotten_output,
    read_output,
)


def _all(folder: Path, position: int = 0) -> tuple[list[bytes], int]:
    found: list[bytes] = []
    while True:
        pieces, end = read_output(str(folder), position, 1 << 20)
        if end == position:
            return found, end
        found += [data for _, data in pieces]
        position = end


def test_pieces_are_whole_lines(tmp_path: Path) -> None:
    writer = OutputWriter(str(tmp_path))
    writer.write(1, b"one\ntw")
    assert read_output(str(tmp_path), 0, 1000)[0] == [(1, b"one\n")]
    writer.write(2, b"o\nthree")
    writer.finish(3)
    pieces, end = read_output(str(tmp_path), 0, 1000)
    assert pieces == [(1, b"one\n"), (2, b"two\n"), (3, b"three")]
    assert end == writer.position
    assert read_output(str(tmp_path), end, 1000) == ([], end)


def test_endless_lines_are_cut(tmp_path: Path) -> None:
    writer = OutputWriter(str(tmp_path))
    for _ in range(6):
        writer.write(1, b"x" * (64 << 10))
    writer.finish(2)
    found, _ = _all(tmp_path)
    assert len(found) == 2
    assert found[0] == b"x" * LINE_BYTES_MAX + b"\n"
    assert sum(data.count(b"x") for data in found) == 6 * (64 << 10)


def test_what_was_shipped_is_deleted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(container_output, "SEGMENT_BYTES", 100)
    writer = OutputWriter(str(tmp_path))
    for number in range(50):
        writer.write(number, b"%d\n" % number)
    count = len(list(tmp_path.glob("output-*")))
    assert count > 3
    _, half = read_output(str(tmp_path), 0, 1000)
    found, end = _all(tmp_path)
    assert b"".join(found) == b"".join(b"%d\n" % number for number in range(50))
    assert forgotten_output(str(tmp_path)) == 0
    forget_output(str(tmp_path), half)
    assert forgotten_output(str(tmp_path)) == half
    later, _ = _all(tmp_path, half)
    assert found[-len(later) :] == later
    forget_output(str(tmp_path), end)
    assert len(list(tmp_path.glob("output-*"))) == 1


def test_too_much_waiting_is_seen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(container_output, "SEGMENT_BYTES", 100)
    monkeypatch.setattr(container_output, "WAITING_BYTES_MAX", 300)
    writer = OutputWriter(str(tmp_path))
    while not writer.is_full:
        writer.write(1, b"line\n")
    forget_output(str(tmp_path), writer.position)
    assert not writer.is_full
