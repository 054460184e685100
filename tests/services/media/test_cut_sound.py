"""Object engines of sound that is cut at silences: live, out of the recording, and over crashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pileus.ports.intakes import Chunk, Lull, Recording
from pileus.values.errors import ServiceError

from .conftest import CODE, Bench, looking, person

CUT = {"Kind": "audio", "Rate": 16_000.0, "Cut": "silence"}
SAID = [
    (400, 1800),
    (2600, 5200),
    (5200, 7000),
    (11_000, 11_600),
    (14_200, 18_800),
    (19_600, 23_000),
]
"""Pieces of a source whose other sound is silence."""


def tiles(from_ms: int, until_ms: int) -> Iterator[tuple[int, int, bool]]:
    """Pieces and lulls between two moments, as a process tells them that begins at the first."""
    at_ms = from_ms
    for start_ms, stop_ms in SAID:
        if stop_ms <= from_ms or start_ms >= until_ms:
            continue
        if start_ms > at_ms:
            yield at_ms, start_ms, False
        yield max(start_ms, from_ms), stop_ms, True
        at_ms = stop_ms
    if at_ms < until_ms:
        yield at_ms, until_ms, False


def tell(bench: Bench, from_ms: int, until_ms: int, number: int = 1) -> int:
    """Live; the next number."""
    for start_ms, stop_ms, is_piece in tiles(from_ms, until_ms):
        number = tell_tile(bench, start_ms, stop_ms, number, is_piece=is_piece)
    return number


def tell_tile(bench: Bench, start_ms: int, stop_ms: int, number: int, *, is_piece: bool) -> int:
    """One piece or lull, live; the next number."""
    (input_id,) = bench.intake.inputs
    now_ms = bench.platform.clock.now_ms()
    ring = f"/rings/{input_id}"
    common = {"input": input_id, "ring": ring, "start_ms": start_ms, "stop_ms": stop_ms}
    if is_piece:
        bench.intake.tell(Chunk(number=number, captured_at_ms=now_ms, **common))
        return number + 1
    bench.intake.tell(Lull(reason="silence", captured_at_ms=now_ms, **common))
    return number


def tell_lull(bench: Bench, start_ms: int, stop_ms: int) -> None:
    tell_tile(bench, start_ms, stop_ms, 0, is_piece=False)


def long_tiles(from_ms: int, until_ms: int) -> Iterator[tuple[int, int, bool]]:
    """A word in every second."""
    for at_ms in range(from_ms // 1000 * 1000, until_ms, 1000):
        for start_ms, stop_ms, is_piece in (
            (at_ms, at_ms + 300, False),
            (at_ms + 300, at_ms + 800, True),
            (at_ms + 800, at_ms + 1000, False),
        ):
            if stop_ms > from_ms and start_ms < until_ms:
                yield max(start_ms, from_ms), stop_ms, is_piece


async def extents(bench: Bench) -> list[tuple[int, int]]:
    found = [each["chunk"] for each in await bench.results()]
    return [(each["start_ms"], each["stop_ms"]) for each in found]


async def test_pieces_come_with_their_times_and_silence_is_counted(bench: Bench) -> None:
    await bench.engine(Input=CUT)
    await bench.pipeline("look")
    (attached,) = bench.intake.inputs.values()
    assert (attached.pause_ms, attached.least_ms, attached.most_ms) == (500, 240, 15_000)
    tell(bench, 0, 24_000)
    await bench.passing(100)
    assert await extents(bench) == SAID
    assert (await bench.lane())["GatedMs"] == {
        "silence": 24_000 - sum(stop_ms - start_ms for start_ms, stop_ms in SAID)
    }


async def test_the_input_is_shown_as_it_is_cut(bench: Bench) -> None:
    await bench.engine(Input={**CUT, "PauseMs": 710, "MinMs": 100, "MaxMs": 30_000})
    engine = (await bench("DescribeEngine", Name="look"))["Engine"]
    assert engine["Input"] == {
        "Kind": "audio", "Rate": 16_000.0, "Width": 0, "Gate": "none",
        "Cut": "silence", "PauseMs": 700, "MinMs": 100, "MaxMs": 30_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Kind": "frames", "Cut": "silence"}, "Cut is for Kind audio"),
        ({"Kind": "audio", "PauseMs": 300}, "PauseMs is for sound with Cut silence"),
        ({**CUT, "MaxMs": 2000}, "MaxMs is at least .* here 2680"),
        ({**CUT, "Rate": 4000.0}, "from a Rate of 8000 on"),
        ({**CUT, "Rate": 48_000.0, "MaxMs": 60_000}, "larger than 4 MiB"),
    ],
)
async def test_what_cannot_be_cut_is_refused(
    bench: Bench, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceError, match=words):
        await bench.engine(Input=given)


async def test_a_stream_engine_gets_the_sound_whole(bench: Bench) -> None:
    given = {"Mode": "stream", "Handler": "look.look", "Code": CODE, "Input": CUT}
    with pytest.raises(ServiceError, match="are for object engines"):
        await bench("CreateEngine", Name="s", **given)


async def test_who_misses_nothing_gets_the_rest_out_of_the_recording(bench: Bench) -> None:
    """The platform is killed in the middle of a piece, of which a part is recorded."""
    bench.plays(tiles)
    await bench.engine(Input=CUT, WhenBehind="never")
    await bench.pipeline("look")
    for number in range(8):
        await bench.segment(number)
    tell(bench, 0, 14_000)
    await bench.passing(20_000)
    assert await extents(bench) == SAID[:4]
    await bench.restart()
    await bench.passing(3000)
    assert await extents(bench) == SAID[:4]  # what goes on behind the recording is not known yet
    begins_ms = bench.intake.opened.origin_ms
    bench.intake.tell(Recording(start_ms=begins_ms))
    tell_lull(bench, begins_ms, begins_ms + 1000)
    await bench.passing(3000)
    assert await extents(bench) == [*SAID[:4], (14_200, 15_960)]
    lane = await bench.lane()
    assert lane["Behind"] is False and lane["MissedMs"] > 1000
    assert all(each.is_closed for each in bench.intakes.replays)


async def test_a_file_that_is_read_again_gives_the_same_pieces(bench: Bench) -> None:
    """Its recording ends within a piece, which is not cut there: the file goes on."""
    bench.plays(tiles)
    await bench.engine(Input=CUT, WhenBehind="never")
    await bench.pipeline("look", Url="file:/v.mkv")
    bench.intake.tell(Recording(start_ms=0))
    for number in range(8):
        await bench.segment(number)
    tell(bench, 0, 6000)
    await bench.passing(500)
    assert await extents(bench) == SAID[:3]
    await bench.restart()
    bench.intake.tell(Recording(start_ms=0))
    await bench.passing(3000)
    assert await extents(bench) == SAID[:4]
    number = tell(bench, 0, 6000)
    await bench.passing(3000)
    assert (await bench.lane())["Behind"] is True
    tell(bench, 7000, 24_000, number)
    await bench.passing(3000)
    assert (await bench.lane())["Behind"] is False
    assert await extents(bench) == SAID


async def test_a_slow_engine_falls_behind_and_goes_live_at_a_seam(bench: Bench) -> None:
    bench.plays(long_tiles)
    bench.programs["look.look"] = looking(person, duration_s=1.5)
    await bench.engine(Input=CUT, WhenBehind="never", Scale={"Max": 1})
    await bench.pipeline("look")
    bench.intake.tell(Recording(start_ms=0))
    number = 1
    for second in range(0, 120, 2):
        for start_ms, stop_ms, is_piece in long_tiles(second * 1000, second * 1000 + 2000):
            number = tell_tile(bench, start_ms, stop_ms, number, is_piece=is_piece)
        await bench.passing(2000)
        await bench.segment(second // 2, ago_ms=2000)
    lane = await bench.lane()
    assert lane["Behind"] is True and lane["Drops"] == {}
    bench.programs["look.look"] = looking(person)
    await bench("UpdateEngine", Name="look", MemoryMB=256)
    await bench.passing(10_000)
    tell_tile(bench, 120_000, 121_000, number, is_piece=False)
    await bench.passing(10_000)
    assert (await bench.lane())["Behind"] is False
    assert await extents(bench) == [
        (start_ms, stop_ms) for start_ms, stop_ms, is_piece in long_tiles(0, 120_000) if is_piece
    ]


async def test_the_last_piece_of_a_source_is_not_forgotten(bench: Bench) -> None:
    bench.plays(tiles)
    bench.programs["look.look"] = looking(person, duration_s=2.0)
    await bench.engine(Input=CUT)
    await bench.engine("late", Input=CUT, WhenBehind="never")
    await bench.pipeline("look", Url="file:/v.mkv")
    bench.intake.tell(Recording(start_ms=0))
    for number in range(8):
        await bench.segment(number)
    tell(bench, 0, 14_000)
    await bench("CreatePipeline", Name="q", Source="lobby", Engines=["late"], From="earliest")
    await bench.passing(100)
    bench.intake.end()
    await bench.passing(60_000)
    assert bench.intake.is_closed
    found = [each["chunk"] for each in await bench.results("late")]
    assert [(each["start_ms"], each["stop_ms"]) for each in found] == [
        *SAID[:4], (14_200, 15_960),
    ]  # fmt: skip


async def test_a_process_that_dies_leaves_what_it_recorded(bench: Bench) -> None:
    bench.plays(tiles)
    await bench.engine(Input=CUT, WhenBehind="never")
    await bench.pipeline("look")
    bench.intake.tell(Recording(start_ms=0))
    for number in range(8):
        await bench.segment(number)
    tell(bench, 0, 14_000)
    await bench.passing(500)
    bench.intake.die()
    await bench.passing(5000)
    begins_ms = bench.intake.opened.origin_ms
    bench.intake.tell(Recording(start_ms=begins_ms))
    tell_lull(bench, begins_ms, begins_ms + 1000)
    await bench.passing(3000)
    assert await extents(bench) == [*SAID[:4], (14_200, 15_960)]
    assert (await bench.lane())["Behind"] is False
