"""Output of a container between the engine's log and whoever ships it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pileus.adapters.container_engine.output import HELD_BYTES_MAX, Output
from pileus.ports.tasks import OutputPiece
from pileus.runtime.container_output import LINE_BYTES_MAX

_MANY = 1 << 20


def test_pieces_are_whole_lines(tmp_path: Path) -> None:
    output = Output(tmp_path)
    assert output.take(1, b"one\ntw")
    assert not output.take(2, b"o")
    assert output.take(3, b"\nthree")
    assert output.read(0, _MANY) == ([OutputPiece(1, b"one\n"), OutputPiece(3, b"two\n")], 8)
    output.finish(4)
    assert output.read(8, _MANY) == ([OutputPiece(4, b"three")], 13)
    assert output.read(13, _MANY) == ([], 13)


def test_a_reader_gets_no_more_than_it_asks_for_by_one_piece(tmp_path: Path) -> None:
    output = Output(tmp_path)
    for at in range(3):
        output.take(at, b"x\n")
    assert output.read(0, 2) == ([OutputPiece(0, b"x\n")], 2)


def test_positions_hold_for_the_next_platform(tmp_path: Path) -> None:
    first = Output(tmp_path)
    first.take(1, b"one\ntwo\nth")
    first.forget(8)
    assert first.read(0, _MANY) == ([], 0)
    second = Output(tmp_path)
    assert (second.forgotten, second.read_to) == (8, 8)
    second.take(5, b"three\n")
    assert second.read(8, _MANY) == ([OutputPiece(5, b"three\n")], 14)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    output = Output(tmp_path)
    output.take(1, b"x" * (LINE_BYTES_MAX + 3))
    output.take(1, b"y\n")
    pieces, end = output.read(0, _MANY)
    assert [len(piece.data) for piece in pieces] == [LINE_BYTES_MAX + 1, 5]
    assert end == LINE_BYTES_MAX + 5


async def test_what_nobody_ships_waits_in_the_engine(tmp_path: Path) -> None:
    output = Output(tmp_path)
    output.take(1, b"x" * 99 + b"\n")
    await output.room()
    output.take(2, (b"y" * 99 + b"\n") * (HELD_BYTES_MAX // 100))
    waiting = asyncio.ensure_future(output.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    output.forget(100 + HELD_BYTES_MAX // 100 * 100)
    await waiting
