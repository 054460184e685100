"""Lanes that miss nothing, and lanes that begin in the past: out of the recording, then live."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pileus.ports.intakes import Recording
from pileus.values.errors import ServiceError

from .conftest import Bench, looking, person


def every(count: int, first: int = 0) -> list[int]:
    return [200 * number for number in range(first, count)]


async def test_a_slow_engine_falls_behind_and_catches_up(bench: Bench) -> None:
    slow = looking(person, duration_s=1.0)
    bench.programs["look.look"] = slow
    await bench.engine(WhenBehind="never")
    await bench.pipeline("look")
    await bench.seconds(0, 40)
    assert (await bench.lane())["Behind"] is True
    assert len(await bench.starts()) < 50
    bench.programs["look.look"] = looking(person)
    await bench("UpdateEngine", Name="look", MemoryMB=1024)
    await bench.seconds(40, 44)
    lane = await bench.lane()
    assert (lane["Behind"], lane["Drops"], lane["MissedMs"]) == (False, {}, 0)
    assert await bench.starts() == every(220)
    assert len(bench.intakes.replays) >= 1 and all(r.is_closed for r in bench.intakes.replays)


async def test_after_a_crash_what_was_recorded_is_looked_at(bench: Bench) -> None:
    await bench.engine(WhenBehind="never", MaxAttempts=99)
    await bench.pipeline("look")
    await bench.seconds(0, 4)
    bench.programs["look.look"] = looking(person, duration_s=50.0)
    await bench("UpdateEngine", Name="look", MemoryMB=256)
    await bench.seconds(4, 8)
    await bench.segment(3)
    bench.programs["look.look"] = looking(person)
    await bench.restart()
    await bench.passing(3000)
    assert await bench.starts() == every(40)
    number = bench.intake.opened.origin_ms // 200 + 20
    bench.intake.show(number)
    await bench.passing(100)
    assert (await bench.starts())[-1] == (number - 1) * 200
    assert (await bench.lane())["MissedMs"] > 2000


async def test_an_engine_may_begin_with_what_is_kept(bench: Bench) -> None:
    await bench.engine()
    await bench.engine("late")
    await bench.pipeline("look")
    await bench.seconds(0, 10)
    await bench("CreatePipeline", Name="q", Source="lobby", Engines=["late"], From="earliest")
    assert (await bench("DescribePipeline", Name="q"))["Pipeline"]["From"] == "earliest"
    await bench.seconds(10, 14)
    assert await bench.starts("late") == every(70)
    assert await bench.starts() == every(70)


async def test_an_engine_may_begin_at_a_moment(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    await bench.seconds(0, 5)
    at = datetime.fromtimestamp(bench.platform.clock.now_ms() / 1000, UTC)
    await bench.seconds(5, 10)
    for name, moment in (("a", at.isoformat()), ("b", "3s")):
        await bench.engine(name)
        await bench("CreatePipeline", Name=name, Source="lobby", Engines=[name], From=moment)
    await bench.seconds(10, 14)
    first = {name: (await bench.starts(name))[0] for name in "ab"}
    assert 4700 <= first["a"] <= 5000
    assert 6700 <= first["b"] <= 7000
    for name in "ab":
        assert await bench.starts(name) == every(70, first[name] // 200)


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-21T10:00:00", ""])
async def test_moments_that_mean_nothing(bench: Bench, moment: str) -> None:
    await bench.engine()
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x")
    with pytest.raises(ServiceError, match="From is now, earliest"):
        await bench("CreatePipeline", Name="p", Source="lobby", Engines=["look"], From=moment)


async def test_a_replay_that_dies_is_begun_anew(bench: Bench) -> None:
    await bench.engine(WhenBehind="never")
    bench.programs["look.look"] = looking(person, duration_s=0.3)
    await bench.pipeline("look")
    await bench.seconds(0, 30)
    assert (await bench.lane())["Behind"] is True
    bench.intakes.replays[-1].die()
    await bench.passing(60_000)
    bench.programs["look.look"] = looking(person)
    await bench("UpdateEngine", Name="look", MemoryMB=1024)
    await bench.passing(3000)
    await bench.segment(14)
    await bench.passing(3000)
    assert await bench.starts() == every(150)


async def test_a_process_that_dies_takes_only_what_was_not_recorded(bench: Bench) -> None:
    await bench.engine(WhenBehind="never")
    bench.programs["look.look"] = looking(person, duration_s=0.5)
    await bench.pipeline("look")
    await bench.seconds(0, 8)
    await bench.segment(3)
    bench.intake.die()
    await bench.passing(30_000)
    assert await bench.starts() == every(40)


async def test_no_lane_waits_for_a_file_that_it_has_seen(bench: Bench) -> None:
    bench.programs["look.look"] = looking(person, duration_s=0.5)
    await bench.engine(WhenBehind="never")
    await bench.pipeline("look", Url="file:/v.mkv")
    await bench.seconds(0, 30)
    await bench.segment(14)
    bench.intake.end()
    await bench.passing(100)
    assert not bench.intake.is_closed  # engines are at it still
    await bench.passing(90_000)
    assert bench.intake.is_closed
    assert await bench.starts() == every(150)


async def test_what_came_before_the_process_knew_of_the_engine(bench: Bench) -> None:
    await bench.engine(WhenBehind="never")
    await bench("CreateSource", Name="lobby", Url="file:/v.mkv", Enabled=False)
    await bench("CreatePipeline", Name="p", Source="lobby", Engines=["look"])
    await bench("UpdateSource", Name="lobby", Enabled=True)
    await bench.passing(10)
    bench.intake.tell(Recording(start_ms=0))
    bench.intake.show(3, 4, 5)  # 1 and 2 were read before the wish for pictures
    await bench.passing(200)
    assert await bench.starts() == []
    await bench.seconds(1, 6)
    assert await bench.starts() == every(30)
