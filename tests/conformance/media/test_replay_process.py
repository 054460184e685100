"""The process that reads a recording again, as the platform starts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from pileus.adapters.local_intakes import LocalIntakes
from pileus.ports.intakes import Attach, Chunk, Credit, Decoded, Finish, Segment
from tests.unit.media.videos import every, write_video


async def test_a_recording_is_read_by_a_process(tmp_path: Path) -> None:
    """Pieces come as there is room for them, and its end is told."""
    write_video(tmp_path / "v.mkv", every(200, 20))
    bytes_of = (tmp_path / "v.mkv").read_bytes()
    segment = Segment(
        path="",
        stream="1",
        start_ms=0,
        stop_ms=4000,
        captured_at_ms=0,
        size_bytes=len(bytes_of),
        pictures=20,
    )

    async def data() -> AsyncIterator[bytes]:
        yield bytes_of

    intakes = LocalIntakes(tmp_path / "spools")
    wanted = Attach(id="r", kind="frames", rate=5.0, width=32, slots=8)
    process = await intakes.replay("recording of x", wanted)
    starts: list[int] = []
    try:
        async with asyncio.timeout(30):
            await process.feed(segment, data())
            process.send(Credit(upto=8))
            async for told in process.told():
                if isinstance(told, Decoded):
                    break
                assert isinstance(told, Chunk)
                starts.append(told.start_ms)
                process.send(Credit(upto=told.number + 8))
            process.send(Finish())
            async for told in process.told():
                assert isinstance(told, Decoded)
                break
    finally:
        await process.close()
        await intakes.close()
    assert starts == [200 * number for number in range(20)]
