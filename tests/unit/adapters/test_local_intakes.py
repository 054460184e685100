"""Spools on this machine's disk: what lies in them after the deaths of those who wrote them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.media.videos import every, write_video

from pileus.adapters.local_intakes import LocalIntakes
from pileus.ports.intakes import (
    Attach,
    Begin,
    Chunk,
    Credit,
    Decoded,
    End,
    Open,
    Segment,
    State,
    Told,
)
from pileus.values.spool_names import SpoolName, unfinished_name, writer_of


def _spool(folder: Path) -> Path:
    spool = folder / "spool" / "a" / "r" / "lobby"
    spool.mkdir(parents=True, exist_ok=True)
    return spool


@pytest.fixture
def intakes(tmp_path: Path) -> LocalIntakes:
    return LocalIntakes(tmp_path)


def test_a_name_tells_all() -> None:
    name = SpoolName(1_700_000_000_123, "000001700000000000", 4000, 6000, 50)
    assert SpoolName.parse(str(name)) == name
    for other in ("x.mkv", "1_2_3.mkv", unfinished_name(7, 9)):
        assert SpoolName.parse(other) is None
    assert writer_of(unfinished_name(7, 9)) == 7
    assert writer_of(str(name)) is None


async def test_finished_segments_are_found_oldest_first(
    intakes: LocalIntakes, tmp_path: Path
) -> None:
    spool = _spool(tmp_path)
    for captured_at_ms, data in ((2000, b"second"), (1000, b"first")):
        (spool / str(SpoolName(captured_at_ms, "1", 0, 5, 3))).write_bytes(data)
    (spool / unfinished_name(os.getpid(), 3000)).write_bytes(b"half")
    (spool / "notes.txt").write_bytes(b"somebody's")
    first, second = await intakes.spooled("a/r/lobby")
    assert first == Segment(
        path=str(spool / "000000000001000_1_0_5_3.mkv"),
        stream="1",
        start_ms=0,
        stop_ms=5,
        captured_at_ms=1000,
        size_bytes=5,
        pictures=3,
    )
    assert [piece async for piece in intakes.read(second)] == [b"second"]
    await intakes.drop(first)
    await intakes.drop(first)
    assert await intakes.spooled("a/r/lobby") == [second]
    assert await intakes.spools("a/r") == ["a/r/lobby"]
    await intakes.clear_spool("a/r/lobby")
    assert await intakes.spools("a/r") == []


@pytest.mark.parametrize("name", ["", "/etc", "a/../../b"])
async def test_a_spool_lies_below_the_folder(intakes: LocalIntakes, name: str) -> None:
    with pytest.raises(ValueError, match="names no spool"):
        await intakes.clear_spool(name)


async def test_what_the_dead_had_not_finished_goes_and_the_rest_stays(
    intakes: LocalIntakes, tmp_path: Path
) -> None:
    spool = _spool(tmp_path)
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    finished = spool / str(SpoolName(1000, "1", 0, 5, 3))
    for path in (finished, spool / unfinished_name(gone.pid, 1), spool / unfinished_name(1, 2)):
        path.write_bytes(b"x")
    opened = Open(url=f"file:{tmp_path}/none.mkv", spool="a/r/lobby", rings="", stream="1")
    intake = await intakes.start("source lobby", opened)
    intake.send(Begin())
    told: list[Told] = []
    async for each in intake.told():
        told.append(each)
        if isinstance(each, End):
            break
    await intakes.close()
    assert [each.state for each in told if isinstance(each, State)] == ["connecting", "failed"]
    assert sorted(each.name for each in spool.iterdir()) == [
        unfinished_name(1, 2), finished.name,
    ]  # fmt: skip


async def test_a_recording_is_read_again_as_fast_as_it_is_taken(
    intakes: LocalIntakes, tmp_path: Path
) -> None:
    write_video(tmp_path / "v.mkv", every(40, 50), codec="libx264", key_every=25)
    data = (tmp_path / "v.mkv").read_bytes()
    segment = Segment(
        path="",
        stream="7",
        start_ms=0,
        stop_ms=1960,
        captured_at_ms=5000,
        size_bytes=1,
        pictures=50,
    )

    async def read() -> AsyncIterator[bytes]:
        yield data

    replay = await intakes.replay("recording", Attach(id="r", kind="frames", rate=5.0, slots=4))
    await replay.feed(segment, read())
    replay.send(Credit(upto=3))
    told = replay.told()
    chunks = [await anext(told) for _ in range(3)]
    assert all(isinstance(each, Chunk) and each.stream == "7" for each in chunks)
    replay.send(Credit(upto=99))
    assert len([await anext(told) for _ in range(7)]) == 7
    assert isinstance(await anext(told), Decoded)
    rings = os.listdir(intakes.rings_dir)
    assert os.listdir(f"{intakes.rings_dir}/{rings[0]}") == ["r-1"]  # the segment is deleted
    await replay.close()
    assert os.listdir(intakes.rings_dir) == []
    await intakes.close()


def _held(path: str) -> tuple[bytes, int]:
    return Path(path).read_bytes(), Path(path).stat().st_mode & 0o777


async def test_files_are_laid_where_instances_see_them(intakes: LocalIntakes) -> None:
    async def data(*, is_broken: bool = False) -> AsyncIterator[bytes]:
        yield b"one "
        if is_broken:
            raise OSError("the disk is away")
        yield b"two"

    first, second = await intakes.lay(data()), await intakes.lay(data())
    assert first != second and first.startswith(intakes.rings_dir)
    assert _held(first) == (b"one two", 0o444)
    with pytest.raises(OSError, match="away"):
        await intakes.lay(data(is_broken=True))
    for path in (first, second, second):
        await intakes.take_away(path)
    assert not list(Path(first).parent.iterdir())
    await intakes.close()
