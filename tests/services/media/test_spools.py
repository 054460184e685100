"""Segments that wait in a spool are stored: once, in order, by whichever platform finds them."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from pileus.adapters.clock_virtual import VirtualClock
from pileus.ports.blobs import BlobInfo, BlobsUnavailable
from pileus.ports.intakes import Segment
from pileus.testing.media import ScriptedIntakes
from pileus.testing.memory_blobs import MemoryBlobs
from pileus.testing.platform import Disks, MemoryPlatform
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION
from tests.fault.simulation import Simulation, crash_everywhere

HERE = f"{DEFAULT_ACCOUNT}/{DEFAULT_REGION}"
SPOOL = f"{HERE}/lobby"
NOW_MS = VirtualClock().now_ms()


class AwayBlobs(MemoryBlobs):
    """Blobs on a disk that comes and goes."""

    is_away = False

    async def put(self, name: str, body: bytes | AsyncIterable[bytes], **how: Any) -> BlobInfo:
        if self.is_away:
            raise BlobsUnavailable("the disk is away")
        return await super().put(name, body, **how)


def _segment(start_ms: int, stop_ms: int, **more: Any) -> Segment:
    given = {"stream": "1", "captured_at_ms": NOW_MS + start_ms, "size_bytes": 0, "pictures": 1}
    return Segment(path="", start_ms=start_ms, stop_ms=stop_ms, **{**given, **more})


async def _stored(platform: MemoryPlatform, source: str = "lobby") -> list[tuple[int, str]]:
    listed = (await platform("media", "ListSegments", Source=source))["Segments"]
    found = []
    for each in listed:
        got = await platform("media", "GetSegment", Source=source, SegmentId=each["SegmentId"])
        found.append((each["StartMs"], bytes(got["Media"]).decode()))
    return found


async def _platform(
    intakes: ScriptedIntakes, disks: Disks | None = None, **more: Any
) -> MemoryPlatform:
    platform = await MemoryPlatform.start(disks, prepare=intakes)
    given = {"Url": "rtsp://me:secret@camera/1", "Enabled": False, **more}
    await platform("media", "CreateSource", Name="lobby", **given)
    return platform


async def test_segments_of_a_killed_platform_are_stored_by_the_next() -> None:
    intakes = ScriptedIntakes()
    platform = await _platform(intakes)
    for start_ms in (0, 2000):
        intakes.put(SPOOL, _segment(start_ms, start_ms + 2000))
    assert await _stored(platform) == []
    platform = await platform.restart()
    assert await _stored(platform) == [(0, f"{SPOOL}/0"), (2000, f"{SPOOL}/1")]
    assert await intakes.spooled(SPOOL) == []


async def test_what_waits_of_a_deleted_source_goes() -> None:
    intakes = ScriptedIntakes()
    platform = await _platform(intakes)
    intakes.put(SPOOL, _segment(0, 2000))
    intakes.put(SPOOL.replace("lobby", "unknown"), _segment(0, 2000))
    given = {"Url": "rtsp://camera/2", "Enabled": False}
    await platform("media", "CreateSource", Name="other", **given)
    await platform("media", "DeleteSource", Name="lobby")
    assert await intakes.spools(HERE) == [f"{HERE}/unknown"]
    await platform.restart()
    assert await intakes.spools(HERE) == []


async def test_a_file_read_again_is_not_recorded_twice() -> None:
    intakes = ScriptedIntakes()
    platform = await _platform(intakes, Url="file:/film.mkv")
    again = {"captured_at_ms": NOW_MS + 99_000}
    for segment in (
        _segment(0, 2000), _segment(2000, 2600),
        _segment(0, 2000, **again), _segment(2000, 4000, **again), _segment(4000, 5000, **again),
    ):  # fmt: skip
        intakes.put(SPOOL, segment)
    platform = await platform.restart()
    # The second, cut short by the interruption, is there whole.
    assert await _stored(platform) == [
        (0, f"{SPOOL}/0"), (2000, f"{SPOOL}/3"), (4000, f"{SPOOL}/4"),
    ]  # fmt: skip


async def test_a_clock_set_back_costs_no_segment() -> None:
    intakes = ScriptedIntakes()
    platform = await _platform(intakes)
    for start_ms in (0, 2000, 4000):
        intakes.put(SPOOL, _segment(start_ms, start_ms + 2000, captured_at_ms=NOW_MS))
    platform = await platform.restart()
    assert [start_ms for start_ms, _ in await _stored(platform)] == [0, 2000, 4000]


async def test_blobs_that_are_away_delay_a_segment() -> None:
    intakes = ScriptedIntakes()
    clock = VirtualClock()
    blobs = AwayBlobs(clock)
    platform = await _platform(intakes, Disks(clock, blobs=blobs), Enabled=True)
    blobs.is_away = True
    await platform.clock.advance(5000)
    assert len(await intakes.spooled(SPOOL)) == 2
    blobs.is_away = False
    await platform.clock.advance(2000)
    assert [start_ms for start_ms, _ in await _stored(platform)] == [0, 2000, 4000]
    await platform.crash()


async def _record(simulation: Simulation, notes: dict[str, Any]) -> None:
    given = {"Url": "rtsp://me:secret@camera/1", "SegmentSeconds": 1}
    await simulation("media", "CreateSource", Name="lobby", **given)
    notes["made"] = True
    await simulation.rest(3500)
    await simulation("media", "UpdateSource", Name="lobby", KeepSeconds=600)
    await simulation.rest(2500)


async def _check(simulation: Simulation, notes: dict[str, Any]) -> None:
    intakes = simulation.prepare
    assert isinstance(intakes, ScriptedIntakes)
    platform = simulation.platform
    await platform.clock.advance(1500)
    written = [segment.path for _, segment in intakes.written]
    intakes.written.clear()
    if not (await platform("media", "ListSources"))["Sources"]:
        assert not notes
        return
    stored = [path for _, path in await _stored(platform)]
    assert stored == written
    blobs = await platform.disks.blobs.list("media/segments/")
    assert len(blobs) == len(stored)


async def test_the_power_goes_at_every_commit_and_each_segment_is_there_once() -> None:
    assert await crash_everywhere(_record, _check, seed=5, prepare=ScriptedIntakes()) > 12
