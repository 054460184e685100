"""A source of a real platform looked at by real clients: live by an SDK's event stream and as JPEG, recorded as HLS."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import av
import pytest

from pileus.media.preview import DESCRIPTION, KEY_PICTURE, PICTURE, unpack
from tests.conformance.live import REGION, LivePlatform
from tests.unit.media.videos import every, write_video

PATIENCE_S = 180.0
BASE = f"/_pileus/media/000000000000/{REGION}/lobby/"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """A platform that reads a film of twenty seconds at its own speed."""
    folder: Path = tmp_path_factory.mktemp("live")
    write_video(folder / "film.mkv", every(40, 500), codec="libx264", key_every=25)
    made = LivePlatform(folder / "data").start()
    media = made.client("media", read_timeout=60)
    media.create_source(Name="lobby", Url=f"file:{folder}/film.mkv", SegmentSeconds=2)
    yield made
    made.stop()


def get(platform: LivePlatform, path: str) -> tuple[int, bytes]:
    place = urlsplit(platform.endpoint)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    told = response.status, response.read()
    connection.close()
    return told


def test_an_sdk_reads_live_pictures_as_events(platform: LivePlatform) -> None:
    events = platform.client("media", read_timeout=60).watch_source(Source="lobby")["Pictures"]
    decoder = av.CodecContext.create("h264", "r")
    kinds: list[int] = []
    shown = 0
    for event in events:
        (record,) = unpack(event["Picture"]["Record"])
        kinds.append(record.kind)
        if record.kind != DESCRIPTION:
            shown += len(decoder.decode(av.Packet(record.data)))
        if shown == 30:
            break
    events.close()
    assert kinds[:3] == [DESCRIPTION, KEY_PICTURE, PICTURE]


def test_jpegs_go_on_until_nobody_looks(platform: LivePlatform) -> None:
    place = urlsplit(platform.endpoint)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.request("GET", f"{BASE}preview.mjpeg")
    response = connection.getresponse()
    assert response.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    got = b""
    while got.count(b"\xff\xd8\xff") < 3:
        got += response.read1(1 << 16)
    connection.close()
    assert b"X-Pts-Ms: " in got


def test_the_recording_is_a_playlist_of_what_can_be_decoded(platform: LivePlatform) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while (found := get(platform, f"{BASE}recording.m3u8")[1]).count(b"#EXTINF") < 2:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.2)
    lines = found.decode().splitlines()
    head = next(line.split('"')[1] for line in lines if line.startswith("#EXT-X-MAP"))
    parts = [line for line in lines if line.endswith(".m4s")][:2]
    fetched = [get(platform, urljoin(BASE, each)) for each in (head, *parts)]
    assert [status for status, _ in fetched] == [200] * 3
    with av.open(io.BytesIO(b"".join(data for _, data in fetched))) as opened:
        times = [round((frame.time or 0) * 1000) for frame in opened.decode(video=0)]
    assert times == every(40, 100)
    status, still = get(platform, urljoin(BASE, parts[0].replace(".m4s", ".jpg")))
    assert status == 200 and still[:3] == b"\xff\xd8\xff"
