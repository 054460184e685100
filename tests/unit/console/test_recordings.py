"""Recordings through the console: the playlist's words, segments as MP4, stills, refusals."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import av
import orjson
import pytest
from tests.unit.media.videos import every, write_video

from pileus.protocols.http import HttpResponse
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

from .test_routes import console, request

BASE = "media/000000000000/us-east-1/lobby/recording"
BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def segment(number: int, start_ms: int, length_ms: int = 1960, stream: str = "s") -> dict[str, Any]:
    return {
        "SegmentId": f"{number:015d}",
        "StartMs": start_ms,
        "StopMs": start_ms + length_ms,
        "CapturedAt": BEGAN + timedelta(milliseconds=start_ms),
        "Stream": stream,
    }


class Room:
    """A recording of a few segments, told in pages of two."""

    def __init__(self, media: bytes = b"", *segments: dict[str, Any]) -> None:
        self.media, self.segments = media, list(segments)
        self.asked: list[Mapping[str, Any]] = []

    async def invoke(
        self, context: CallContext, service: str, operation: str, given: Mapping[str, Any]
    ) -> Any:
        self.asked.append(given)
        if given["Source"] != "lobby":
            raise ServiceError("ResourceNotFoundException", "There is no source x.", status=404)
        if operation == "GetSegment":
            return SimpleNamespace(output={"Media": self.media}, body=None)
        at = int(given.get("NextToken", 0))
        output: dict[str, Any] = {"Segments": self.segments[at : at + 2]}
        if at + 2 < len(self.segments):
            output["NextToken"] = str(at + 2)
        return SimpleNamespace(output=output, body=None)


async def get(room: Room, path: str) -> HttpResponse:
    return await console(invoke=room.invoke).handle(request(path))


def recorded(codec: str = "libx264", **more: Any) -> bytes:
    file = io.BytesIO()
    write_video(file, every(40, 50), codec=codec, key_every=25, container="matroska", **more)
    return file.getvalue()


async def test_a_playlist_tells_lengths_and_where_it_breaks() -> None:
    room = Room(
        b"",
        segment(1, 0),
        segment(2, 2000),
        segment(3, 4000),
        segment(4, 60_000),
        segment(5, 0, stream="t"),
    )
    response = await get(room, f"{BASE}.m3u8?from=5")
    assert response.header("Content-Type") == "application/vnd.apple.mpegurl"
    lines = bytes(response.body).decode().splitlines()  # type: ignore[arg-type]
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2"]
    assert [each for each in lines if each.startswith("#EXTINF")] == ["#EXTINF:2.000,"] * 5
    assert lines.count("#EXT-X-DISCONTINUITY") == 2
    assert '#EXT-X-MAP:URI="recording/000000000000004.init.mp4"' in lines
    assert "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:01:00.000+00:00" in lines
    assert "recording/000000000000002.m4s" in lines and lines[-1] == "#EXT-X-ENDLIST"
    assert room.asked[0]["FromMs"] == 5


async def test_a_live_playlist_has_no_end() -> None:
    told = bytes((await get(Room(recorded()), f"{BASE}.m3u8?live=1")).body).decode()  # type: ignore[arg-type]
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in told
    assert "#EXT-X-ENDLIST" not in told


async def test_an_empty_recording_is_a_playlist_too() -> None:
    response = await get(Room(), f"{BASE}.m3u8")
    assert b"#EXT-X-ENDLIST" in bytes(response.body)  # type: ignore[arg-type]


async def test_the_same_as_json() -> None:
    response = await get(Room(b"", segment(1, 0)), f"{BASE}.json")
    began_ms = round(BEGAN.timestamp() * 1000)
    assert orjson.loads(response.body) == [  # type: ignore[arg-type]
        {
            "id": "000000000000001",
            "start_ms": 0,
            "stop_ms": 1960,
            "captured_at_ms": began_ms,
            "stream": "s",
        }
    ]


@pytest.mark.parametrize("options", [{}, {"bf": "2", "preset": "veryfast"}])
async def test_a_segment_is_whole_by_itself_and_in_two_parts(options: dict[str, str]) -> None:
    room = Room(recorded(options=options))
    whole, head, body = [
        bytes((await get(room, f"{BASE}/1.{form}")).body)  # type: ignore[arg-type]
        for form in ("mp4", "init.mp4", "m4s")
    ]
    assert whole == head + body
    assert times_ms(whole) == times_ms(room.media)
    assert len(times_ms(whole)) == 50


def times_ms(media: bytes) -> list[int]:
    with av.open(io.BytesIO(media)) as opened:
        return [round((frame.time or 0) * 1000) for frame in opened.decode(video=0)]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        (f"{BASE}/1.mp4", 415, "V_MPEG4/ISO/ASP"),
        (f"{BASE}/1.jpg", 404, "no picture"),
        (f"{BASE}/1.exe", 404, "no 1.exe"),
        (f"{BASE}.m3u8?from=yesterday", 400, "epoch milliseconds"),
        (f"{BASE.replace('lobby', 'x')}.json", 404, "no source"),
    ],
)
async def test_what_cannot_be_had_is_said(path: str, status: int, word: str) -> None:
    response = await get(Room(recorded("mpeg4")), path)
    assert response.status == status
    assert word in orjson.loads(response.body)["error"]  # type: ignore[arg-type]


def with_still() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        track = output.add_stream("mpeg4", rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        output.add_attachment("cover.jpg", "image/jpeg", b"\xff\xd8\xff")
        output.mux(track.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(track.encode(None))
    return file.getvalue()


async def test_a_segment_without_a_keyframe_shows_the_still_before() -> None:
    class Sparse(Room):
        async def invoke(self, *call: Any) -> Any:
            if call[2] == "GetSegment" and call[3]["SegmentId"].endswith("1"):
                return SimpleNamespace(output={"Media": with_still()}, body=None)
            return await super().invoke(*call)

    room = Sparse(recorded("mpeg4"), segment(1, 0), segment(2, 2000))
    response = await get(room, f"{BASE}/000000000000002.jpg")
    assert (response.status, bytes(response.body)[:3]) == (200, b"\xff\xd8\xff")  # type: ignore[arg-type]


async def test_bytes_that_are_no_segment() -> None:
    for media in (b"", b"\x1a\x45\xdf\xa3\x84", b"no such thing", recorded()[:3000]):
        response = await get(Room(media), f"{BASE}/1.mp4")
        assert response.status == 415, media
