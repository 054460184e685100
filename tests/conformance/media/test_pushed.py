"""Media pushed by real clients to a real platform: looked at, recorded, and refused in words."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conformance.live import REGION, LivePlatform
from tests.conformance.test_media_live import check, results, write_shades, zipped

PATIENCE_S = 180.0
_PIECE_BYTES = 3000
_ENGINE = """
from pileus.engines import object_engine

@object_engine
def shade(frames, context):
    return [[{"label": "shade", "confidence": float(frame.image.mean()) / 255}] for frame in frames]
"""


@pytest.fixture(scope="module")
def platform(live_platform: LivePlatform) -> LivePlatform:
    return live_platform


class Pushed:
    """A source that is pushed to, and who pushes."""

    def __init__(self, platform: LivePlatform, name: str) -> None:
        self.platform, self.name = platform, name
        self.media = platform.client("media", read_timeout=60)
        made = self.media.create_source(Name=name, Push=True, SegmentSeconds=2)["Source"]
        self.url, self.key = made["PushUrl"], made["PushKey"]

    def describe(self) -> dict[str, Any]:
        told: dict[str, Any] = self.media.describe_source(Name=self.name)["Source"]
        return told

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds(found := self.describe()):
            assert time.monotonic() < deadline_s, found
            time.sleep(0.05)
        return found

    def until_state(self, state: str) -> dict[str, Any]:
        return self.until(lambda told: told["State"] == state)

    def until_segments(self, count: int) -> None:
        """Until so much is recorded."""
        listed = self.media.list_segments
        self.until(lambda _: len(listed(Source=self.name)["Segments"]) >= count)

    def open(self, key: str | None = None) -> Sending:
        return Sending(self.url, {"Authorization": f"Bearer {self.key if key is None else key}"})

    def push(self, data: bytes, key: str | None = None) -> tuple[int, dict[str, Any]]:
        sending = self.open(key)
        for at in range(0, len(data), _PIECE_BYTES):
            sending.send(data[at : at + _PIECE_BYTES])
        return sending.finish()


class Sending:
    """A request whose body goes out in chunks."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
        self._connection.putrequest("POST", f"{parts.path}?{parts.query}".rstrip("?"))
        for name, value in {"Transfer-Encoding": "chunked", **headers}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()

    def send(self, data: bytes) -> None:
        self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self) -> tuple[int, dict[str, Any]]:
        self._connection.send(b"0\r\n\r\n")
        return self.answer()

    def answer(self) -> tuple[int, dict[str, Any]]:
        response = self._connection.getresponse()
        told = json.loads(response.read())
        self._connection.close()
        return response.status, told

    def break_off(self) -> None:
        self._connection.close()


def shades(folder: Path, count: int, suffix: str = ".mkv") -> bytes:
    path = folder / f"shades{suffix}"
    write_shades(path, count)
    return path.read_bytes()


FORMS = [("mkv", {}), ("ts", {}), ("webm", {}), ("mp4", {"movflags": "frag_keyframe+empty_moov"})]


@pytest.mark.parametrize(("form", "options"), FORMS, ids=[form for form, _ in FORMS])
def test_what_is_pushed_is_seen_and_recorded(
    platform: LivePlatform, tmp_path: Path, form: str, options: dict[str, str]
) -> None:
    pushed = Pushed(platform, f"phone-{form}")
    assert pushed.describe()["StateReason"] == "Nobody has pushed yet."
    data = remuxed(shades(tmp_path, 30), form, options)
    name = f"shade-{form}"
    pushed.media.create_engine(
        Name=name,
        Mode="object",
        Handler="engine.shade",
        Code={"ZipFile": zipped(engine=_ENGINE)},
        Input={"Kind": "frames", "Rate": 5},
        WhenBehind="oldest",
    )
    pushed.media.create_pipeline(Name=name, Source=pushed.name, Engines=[name])
    assert pushed.push(data) == (200, {"State": "ENDED"})
    told = pushed.until_state("ENDED")
    codec = "vp8" if form == "webm" else "h264"
    assert (told["Format"]["Video"], told["Format"]["Width"]) == (codec, 64)
    assert told["Counts"]["packets"] == 30
    found = results(pushed.media, lambda found: len(found) >= 30, pushed.name, name)
    first_ms = found[0]["chunk"]["start_ms"]  # on the source's clock, which runs since it was made
    for each in found:
        each["chunk"]["start_ms"] -= first_ms
    check(found, 30)
    assert pictures_of(pushed) == 30


def remuxed(data: bytes, form: str, options: dict[str, str]) -> bytes:
    """The same pictures in another container; WebM holds no H.264."""
    made = io.BytesIO()
    names = {"mkv": "matroska", "ts": "mpegts"}
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(made, "w", format=names.get(form, form), options=options) as output,
    ):
        if form != "webm":
            track = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = track
                    output.mux(packet)
            return _closed(output, made)
        coder = output.add_stream(
            "libvpx", rate=5, options={"cpu-used": "8", "crf": "4", "b": "1M"}
        )
        coder.width, coder.height, coder.pix_fmt = 64, 48, "yuv420p"
        for frame in source.decode(video=0):
            output.mux(coder.encode(frame))
        output.mux(coder.encode(None))
        return _closed(output, made)


def _closed(output: Any, made: io.BytesIO) -> bytes:
    output.close()
    return made.getvalue()


def pictures_of(pushed: Pushed) -> int:
    """How many pictures the recording holds."""
    count = 0
    for each in pushed.media.list_segments(Source=pushed.name)["Segments"]:
        told = pushed.media.get_segment(Source=pushed.name, SegmentId=each["SegmentId"])
        with av.open(io.BytesIO(told["Media"])) as container:
            count += sum(1 for _ in container.decode(video=0))
    return count


def test_one_at_a_time_and_who_is_cut_off_may_come_back(
    platform: LivePlatform, tmp_path: Path
) -> None:
    pushed = Pushed(platform, "one")
    data = shades(tmp_path, 300)
    first = pushed.open()
    first.send(data[: len(data) // 2])
    pushed.until_state("LIVE")
    status, told = pushed.push(data)
    assert (status, told["Error"]) == (409, "ResourceInUseException")
    assert told["Message"] == "Somebody pushes to one already; one at a time may."
    first.break_off()
    told = pushed.until_state("STALLED")
    assert told["StateReason"] == "The publisher was cut off; it may come back."
    assert pushed.push(data)[0] == 200
    pushed.until_state("ENDED")
    segments = pushed.media.list_segments(Source="one")["Segments"]
    assert len({each["Stream"] for each in segments}) == 1  # one life
    assert pushed.describe()["Counts"]["connections"] == 2
    assert pushed.push(data)[0] == 200
    segments = pushed.media.list_segments(Source="one")["Segments"]
    assert len({each["Stream"] for each in segments}) == 2  # a clean end ended the first


def test_garbage_is_refused_in_words(platform: LivePlatform) -> None:
    pushed = Pushed(platform, "garbage")
    status, told = pushed.push(b"no video at all " * 200_000)
    assert (status, told["Error"]) == (422, "SourceNotReadableException")
    assert "What was pushed to garbage cannot be read" in told["Message"]
    assert "Matroska, WebM, MPEG-TS" in told["Message"]
    assert pushed.until_state("FAILED")["StateReason"]
    status, told = pushed.push(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    assert status == 422  # a playlist is no media: nothing of this machine is opened


def test_who_shows_no_key_pushes_nothing(platform: LivePlatform, tmp_path: Path) -> None:
    pushed = Pushed(platform, "locked")
    for key in ("", "wrong", "f" * 40):
        status, told = pushed.push(b"x", key)
        assert (status, told["Error"]) == (403, "AccessDeniedException")
    url = pushed.url.replace("/locked/", "/nobody/")
    assert Sending(url, {"Authorization": f"Bearer {pushed.key}"}).finish()[0] == 403
    assert pushed.describe()["State"] == "CONNECTING"
    data = shades(tmp_path, 5)
    in_query = Sending(f"{pushed.url}?key={pushed.key}", {})
    in_query.send(data)
    assert in_query.finish()[0] == 200
    assert pushed.key not in platform.errors()


def test_a_new_key_cuts_off_who_pushes_with_the_old_one(
    platform: LivePlatform, tmp_path: Path
) -> None:
    pushed = Pushed(platform, "rekeyed")
    data = shades(tmp_path, 60)
    sending = pushed.open()
    sending.send(data[: len(data) * 3 // 4])
    pushed.until_segments(1)
    made = pushed.media.rotate_push_key(Name="rekeyed")["Source"]
    assert pushed.until_state("STALLED")["StateReason"].startswith("The publisher was cut off")
    sending.send(data[len(data) * 3 // 4 :])
    status, told = sending.answer()
    assert (status, told["Error"]) == (403, "AccessDeniedException")
    assert pushed.push(data)[0] == 403
    pushed.key = made["PushKey"]
    assert pushed.push(data) == (200, {"State": "ENDED"})
    graced = pushed.media.rotate_push_key(Name="rekeyed", GraceSeconds=3600)["Source"]
    assert graced["OldPushKeyUntil"] > graced["CreatedAt"]
    for key in (made["PushKey"], graced["PushKey"]):
        assert pushed.push(data, key)[0] == 200


def test_a_signed_request_pushes(platform: LivePlatform, tmp_path: Path) -> None:
    pushed = Pushed(platform, "signed")
    request = AWSRequest("POST", pushed.url, {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(Credentials("test", "test"), "media", REGION).add_auth(request)
    sending = Sending(pushed.url, dict(request.headers.items()))
    sending.send(shades(tmp_path, 5))
    assert sending.finish() == (200, {"State": "ENDED"})
    stranger = AWSRequest("POST", pushed.url, {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(Credentials("111111111111", "test"), "media", REGION).add_auth(stranger)
    assert Sending(pushed.url, dict(stranger.headers.items())).finish()[0] == 403


def test_a_kill_of_all_while_it_is_pushed(
    make_platform: Callable[..., LivePlatform], tmp_path: Path
) -> None:
    platform = make_platform()
    pushed = Pushed(platform, "killed")
    data = shades(tmp_path, 60)
    sending = pushed.open()
    sending.send(data[: len(data) * 3 // 4])
    pushed.until(lambda told: bool(pushed.media.list_segments(Source="killed")["Segments"]))
    platform.kill()
    sending.break_off()
    platform.start()
    pushed.media = platform.client("media", read_timeout=60)
    told = pushed.until_state("ENDED")
    assert told["StateReason"] == "The platform was started anew; nobody pushes now."
    assert pushed.push(data) == (200, {"State": "ENDED"})
    segments = pushed.media.list_segments(Source="killed")["Segments"]
    assert len({each["Stream"] for each in segments}) == 2
    times = [(each["Stream"], each["StartMs"]) for each in segments]
    assert len(times) == len(set(times))
