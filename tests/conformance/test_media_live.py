"""Real pictures through a real engine in the sandbox, by a real client; the platform killed in the middle."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
from av.video.frame import VideoFrame

from tests.conformance.live import LivePlatform

_RATE = 5
_PATIENCE_S = 180.0
_ENGINE = """
import numpy
from pileus.engines import object_engine

@object_engine
def shade(frames, context):
    assert not any(frame.image.flags.writeable for frame in frames)
    return [[{"label": "shade", "confidence": float(frame.image.mean()) / 255}] for frame in frames]
"""


def shade_of(number: int) -> int:
    return 20 + number * 37 % 200


def write_shades(path: Path, count: int) -> None:
    """A picture every 200 ms whose brightness tells its number; a keyframe each second."""
    with av.open(str(path), "w") as output:
        options = {"preset": "ultrafast", "crf": "4", "g": "5"}
        track = output.add_stream("libx264", rate=_RATE, options=options)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            image = numpy.full((48, 64, 3), shade_of(number), numpy.uint8)
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return packed.getvalue()


def begin(platform: LivePlatform, video: Path) -> Any:
    media = platform.client("media", read_timeout=60)
    media.create_engine(
        Name="shade",
        Mode="object",
        Handler="engine.shade",
        Code={"ZipFile": zipped(engine=_ENGINE)},
        Input={"Kind": "frames", "Rate": _RATE},
        WhenBehind="oldest",
    )
    # The film begins once there is an engine to look at it.
    media.create_source(Name="lobby", Url=f"file:{video}", SegmentSeconds=2, Enabled=False)
    media.create_pipeline(Name="p", Source="lobby", Engines=["shade"])
    media.update_source(Name="lobby", Enabled=True)
    return media


def results(
    media: Any,
    until: Callable[[list[dict[str, Any]]], bool],
    source: str = "lobby",
    engine: str = "shade",
) -> list[dict[str, Any]]:
    """Results from the beginning, once they are what is waited for."""
    found: list[dict[str, Any]] = []
    last, deadline_s = -1, time.monotonic() + _PATIENCE_S
    while not until(found):
        assert time.monotonic() < deadline_s, f"{len(found)} results: {media.list_lanes()}"
        told = media.list_results(Source=source, Engine=engine, AfterOffset=last, WaitSeconds=1)
        found += [json.loads(each["Document"]) for each in told["Results"]]
        last = told["LastOffset"]
    return found


def check(found: list[dict[str, Any]], count: int) -> None:
    """Every picture once, in order, and seen as it was."""
    assert [each["chunk"]["start_ms"] for each in found] == [200 * n for n in range(count)]
    for number, each in enumerate(found):
        (seen,) = each["series"][0]["objects"]
        assert abs(seen["confidence"] * 255 - shade_of(number)) < 6


def test_a_file_is_seen_whole_and_recorded(platform: LivePlatform, tmp_path: Path) -> None:
    write_shades(tmp_path / "v.mkv", 30)
    media = begin(platform, tmp_path / "v.mkv")
    found = results(media, lambda found: len(found) >= 30)
    check(found, 30)
    deadline_s = time.monotonic() + _PATIENCE_S
    while media.describe_source(Name="lobby")["Source"]["State"] != "ENDED":
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    segments = media.list_segments(Source="lobby")["Segments"]
    assert [each["StartMs"] for each in segments] == [0, 2000, 4000]
    pictures = 0
    for each in segments:
        told = media.get_segment(Source="lobby", SegmentId=each["SegmentId"])
        with av.open(io.BytesIO(told["Media"])) as container:
            pictures += sum(1 for _ in container.decode(video=0))
    assert pictures == 30
    groups = platform.client("logs").describe_log_groups()["logGroups"]
    assert not [each for each in groups if "engines" in each["logGroupName"]]  # it said nothing


def test_kill_9_of_the_platform_loses_and_repeats_nothing(
    platform: LivePlatform, tmp_path: Path
) -> None:
    write_shades(tmp_path / "v.mkv", 40)
    media = begin(platform, tmp_path / "v.mkv")
    killed = []
    for count in (5, 12):
        results(media, lambda found, count=count: len(found) >= count)
        killed.append(platform.pid)
        platform.kill()
        platform.start()
        media = platform.client("media", read_timeout=60)
    check(results(media, lambda found: len(found) >= 40), 40)
    for pid in killed:
        assert not Path(f"/dev/shm/pileus-rings-{pid}").exists()
