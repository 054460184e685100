"""Recordings read again: the pieces of the source, from any moment on, no faster than they are taken."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import numpy
import pytest

from pileus.media.intake.replay import Replay
from pileus.ports import intakes as messages
from pileus.ports.intakes import Attach, Chunk, Credit, Decode, Decoded, Finish, Segment, Stop
from pileus.runtime.frame_ring import RingReader

from ..videos import every, write_video
from .test_intake import PICTURES, SOUND, Desk, write_talkie


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class Seen:
    """What is told of a ring, with what lies in it then."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, int, bytes]] = []
        self.others: list[messages.Told] = []

    def __call__(self, what: messages.Told) -> None:
        if not isinstance(what, Chunk):
            self.others.append(what)
            return
        slot = RingReader(what.ring).look(what.number)
        assert slot is not None
        self.pieces.append((what.start_ms, what.stop_ms, bytes(slot.data)))

    @property
    def starts(self) -> list[int]:
        return [start_ms for start_ms, _, _ in self.pieces]


def replayed(wanted: Attach, segments: list[Segment], folder: Path, **more: Any) -> Seen:
    """All of it, with a ring of eight places whose reader is quick."""
    seen, commands = Seen(), queue.SimpleQueue[messages.Command]()
    wanted = Attach(id="r", kind=wanted.kind, rate=wanted.rate, width=wanted.width, slots=8, **more)
    for each in segments:
        commands.put(
            Decode(
                path=each.path,
                stream=each.stream,
                start_ms=each.start_ms,
                captured_at_ms=each.captured_at_ms,
            )
        )
    commands.put(Finish())
    for upto in range(4, 1000, 4):
        commands.put(Credit(upto=upto))
    commands.put(Stop())
    complaints: list[str] = []
    rings = folder / "rings"
    Replay(messages.Replay(rings=str(rings), input=wanted), commands, seen, complaints.append).run()
    assert not complaints
    assert [each for each in seen.others if not isinstance(each, Decoded)] == []
    return seen


def test_pictures_are_those_of_the_source(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 150), codec="libx264", key_every=25)
    live = Seen()
    desk.on_told = live
    desk.run(f"file:{tmp_path}/v.mkv", PICTURES, stream="1")
    segments = desk.of(Segment)
    told = [each for each in desk.told if isinstance(each, Segment | messages.Recording)]
    assert [type(each).__name__ for each in told] == ["Recording", "Segment"] * 3
    seen = replayed(PICTURES, segments, tmp_path)
    assert seen.pieces == live.pieces
    assert not [path for path in (tmp_path / "spool").iterdir() if path.suffix == ".mkv"]


def test_from_any_moment_on(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 150), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", stream="1")
    seen = replayed(PICTURES, desk.of(Segment)[1:], tmp_path, from_ms=3000)
    assert seen.starts == every(200, 30)[15:]


def test_sound_is_cut_at_the_same_places(desk: Desk, tmp_path: Path) -> None:
    write_talkie(tmp_path / "v.mp4", 7)
    live = Seen()
    desk.on_told = live
    desk.run(f"file:{tmp_path}/v.mp4", SOUND, stream="1")
    seen = replayed(SOUND, desk.of(Segment), tmp_path)
    assert [piece[:2] for piece in seen.pieces] == [piece[:2] for piece in live.pieces]
    assert all(start % 200 == 0 for start in seen.starts[1:])
    for ours, theirs in zip(seen.pieces, live.pieces, strict=True):
        difference = numpy.frombuffer(ours[2], numpy.int16) - numpy.frombuffer(
            theirs[2], numpy.int16
        )
        assert numpy.abs(difference).max() < 700, ours[0]


def test_a_reader_that_is_slow_is_waited_for(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 50), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", stream="1")
    (segment,) = desk.of(Segment)
    seen, commands = Seen(), queue.SimpleQueue[messages.Command]()
    opened = messages.Replay(rings=str(tmp_path / "rings"), input=PICTURES)
    commands.put(
        Decode(path=segment.path, stream="1", start_ms=0, captured_at_ms=segment.captured_at_ms)
    )
    commands.put(Credit(upto=3))
    commands.put(Stop())
    Replay(opened, commands, seen, print).run()
    assert (seen.starts, seen.others) == ([0, 200, 400], [])
    assert not list((tmp_path / "rings").iterdir())


def test_what_cannot_be_read_is_said_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "rings").mkdir()
    (tmp_path / "bad.mkv").write_bytes(b"no media")
    seen, commands, complaints = Seen(), queue.SimpleQueue[messages.Command](), list[str]()
    commands.put(Decode(path=str(tmp_path / "bad.mkv"), stream="1", start_ms=0, captured_at_ms=0))
    commands.put(Stop())
    opened = messages.Replay(rings=str(tmp_path / "rings"), input=PICTURES)
    Replay(opened, commands, seen, complaints.append).run()
    assert seen.others == [Decoded()]
    assert "cannot be read" in complaints[0]
    assert not (tmp_path / "bad.mkv").exists()
