"""Stream engines and lanes that miss nothing, for real: a paced film, and everything killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from tests.conformance.live import LivePlatform

from .test_media_live import shade_of, zipped

_PATIENCE_S = 180.0
_SECONDS = 16
_ENGINES = """
import os

from pileus.engines import object_engine, stream_engine

@stream_engine
def hear(stream, emit, context):
    count = (stream.state or {}).get("count", 0)
    for sound in stream:
        count += 1
        if count == 15 and not stream.is_resumed:
            os._exit(9)
        emit(sound.start_ms, sound.stop_ms, words=[{"word": str(count)}])
        stream.checkpoint({"count": count})
    if not stream.is_forced_end:
        emit(stream.position_ms, stream.position_ms, words=[{"word": "end"}])

@object_engine
def shade(frames, context):
    return [[{"label": "shade", "confidence": float(frame.image.mean()) / 255}] for frame in frames]

@stream_engine
def track(stream, emit, context):
    for record in stream:
        (seen,) = record.objects
        emit(record.start_ms, record.stop_ms, objects=[{**seen, "track": record.number}])

@object_engine
def compare(frames, context):
    found = []
    for frame in frames:
        (said,) = frame.results.objects
        level = float(frame.image.mean()) / 255
        assert abs(said["confidence"] - level) < 0.01, (said, level)
        found.append([{"label": "same", "confidence": level}])
    return found
"""
_FRAMES = {"Kind": "frames", "Rate": 5}


def write_film(path: Path, seconds: int) -> None:
    """Five pictures a second whose brightness tells their number, a keyframe each second, and a tone."""
    with av.open(str(path), "w") as output:
        options = {"preset": "ultrafast", "crf": "4", "g": "5"}
        video = output.add_stream("libx264", rate=5, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(seconds * 5):
            image = numpy.full((48, 64, 3), shade_of(number), numpy.uint8)
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            output.mux(video.encode(frame))
            at = numpy.arange(number * 3200, number * 3200 + 3200) / 16_000
            wave = (numpy.sin(at * 2 * numpy.pi * 440) * 8000).astype(numpy.int16)
            sound = AudioFrame.from_ndarray(wave.reshape(1, -1), "s16", "mono")
            sound.sample_rate, sound.pts = 16_000, number * 3200
            output.mux(audio.encode(sound))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def begin(platform: LivePlatform, film: Path, **engines: dict[str, Any]) -> Any:
    media = platform.client("media", read_timeout=60)
    for name, given in engines.items():
        media.create_engine(
            Name=name, Handler=f"engine.{name}", Code={"ZipFile": zipped(engine=_ENGINES)}, **given
        )
    # Engines look from the pipeline's making on, so the film begins after it.
    media.create_source(Name="lobby", Url=f"file:{film}", SegmentSeconds=2, Enabled=False)
    media.create_pipeline(Name="p", Source="lobby", Engines=list(engines))
    media.update_source(Name="lobby", Enabled=True)
    return media


def documents(media: Any, engine: str, until: Callable[[list[Any]], bool]) -> list[dict[str, Any]]:
    """Records from the beginning, once they are what is waited for."""
    found: list[dict[str, Any]] = []
    last, deadline_s = -1, time.monotonic() + _PATIENCE_S
    while not until(found):
        assert time.monotonic() < deadline_s, _told(media, engine, found)
        told = media.list_results(Source="lobby", Engine=engine, AfterOffset=last, WaitSeconds=1)
        found += [json.loads(each["Document"]) for each in told["Results"]]
        last = told["LastOffset"]
    return found


def _told(media: Any, engine: str, found: list[dict[str, Any]]) -> str:
    """What there is of the engine, for whoever has to find out why it is not enough."""
    lane = media.describe_lane(Source="lobby", Engine=engine)["Lane"]
    source = media.describe_source(Name="lobby")["Source"]
    spans = [(each["chunk"]["start_ms"], each["chunk"]["stop_ms"]) for each in found]
    return f"{len(found)} records, {spans}\n{lane}\n{source}"


def words(found: list[dict[str, Any]]) -> list[str]:
    return [w["word"] for each in found for s in each["series"] for w in s["words"]]


def is_ended(found: list[dict[str, Any]]) -> bool:
    return bool(found) and "end" in found[-1]


def kill_children(platform: LivePlatform, argument: str) -> int:
    """``kill -9`` of the platform's processes whose command line holds a word."""
    killed = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "status").read_text()
            line = (path / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"PPid:\t{platform.pid}\n" in status and argument in line:
            os.kill(int(path.name), signal.SIGKILL)
            killed += 1
    return killed


def check_heard(found: list[dict[str, Any]]) -> None:
    """Every piece of sound counted once, in order, by however many instances."""
    *counted, last = words(found)
    assert last == "end"
    # Whoever goes on in the middle of a film may get a piece cut in two.
    assert counted == [str(number + 1) for number in range(len(counted))]
    assert abs(len(counted) - _SECONDS * 5) <= 2
    spans = [(each["chunk"]["start_ms"], each["chunk"]["stop_ms"]) for each in found]
    assert [start for start, _ in spans[1:]] == [stop for _, stop in spans[:-1]]
    assert abs(spans[-1][1] - _SECONDS * 1000) < 100
    assert found[-1]["end"] == "clean"


def test_a_stream_engine_is_killed_and_killed_again(platform: LivePlatform, tmp_path: Path) -> None:
    """The process of the source, then the instance, then the platform."""
    write_film(tmp_path / "v.mkv", _SECONDS)
    hear = {"Mode": "stream", "Input": {"Kind": "audio", "Rate": 16_000}}
    media = begin(platform, tmp_path / "v.mkv", hear=hear)
    documents(media, "hear", lambda found: len(words(found)) >= 10)
    assert kill_children(platform, "pileus.media.intake")
    documents(media, "hear", lambda found: len(words(found)) >= 25)
    lane = media.describe_lane(Source="lobby", Engine="hear")["Lane"]
    assert lane["Restarts"] >= 1
    platform.kill()
    platform.start()
    media = platform.client("media", read_timeout=60)
    check_heard(documents(media, "hear", is_ended))


_WHO = """
import os

import botocore.session

from pileus.engines import stream_engine

@stream_engine
def who(stream, emit, context):
    for sound in stream:
        if sound.start_ms == 0:
            client = botocore.session.Session().create_client("sts", region_name="us-east-1")
            word = {"word": client.get_caller_identity()["Arn"]}
            held = {"word": os.environ.get("AWS_ACCESS_KEY_ID", "no key of its own")}
            emit(sound.start_ms, sound.stop_ms, words=[word, held])
"""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "media.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}


def test_a_stream_engine_is_its_role_by_keys_that_it_fetches(
    platform: LivePlatform, tmp_path: Path
) -> None:
    write_film(tmp_path / "v.mkv", 2)
    given = {"RoleName": "hearing", "AssumeRolePolicyDocument": json.dumps(_TRUST)}
    role = platform.client("iam").create_role(**given)["Role"]["Arn"]
    media = platform.client("media", read_timeout=60)
    media.create_engine(
        Name="who",
        Mode="stream",
        Handler="engine.who",
        Code={"ZipFile": zipped(engine=_WHO)},
        Input={"Kind": "audio", "Rate": 16_000},
        Role=role,
    )
    media.create_source(Name="lobby", Url=f"file:{tmp_path / 'v.mkv'}", SegmentSeconds=2)
    media.create_pipeline(Name="p", Source="lobby", Engines=["who"])
    arn, held = words(documents(media, "who", is_ended))
    assert arn.startswith("arn:aws:sts::000000000000:assumed-role/hearing/")
    assert held == "no key of its own"


def test_a_chain_misses_nothing(platform: LivePlatform, tmp_path: Path) -> None:
    write_film(tmp_path / "v.mkv", _SECONDS)
    of_shade = {"Kind": "results", "Results": "shade"}
    media = begin(
        platform,
        tmp_path / "v.mkv",
        shade={"Mode": "object", "Input": _FRAMES, "WhenBehind": "never"},
        track={"Mode": "stream", "Input": of_shade},
        compare={
            "Mode": "object",
            "Input": {**_FRAMES, "Results": "shade"},
            "WhenBehind": "never",
        },
    )
    documents(media, "compare", lambda found: len(found) >= 20)
    platform.kill()
    platform.start()
    media = platform.client("media", read_timeout=60)
    count = _SECONDS * 5
    for engine in ("shade", "compare"):
        found = documents(media, engine, lambda found: len(found) >= count)
        assert [each["chunk"]["start_ms"] for each in found] == [200 * n for n in range(count)]
        assert not [each for each in found if "error" in each]
    tracked = documents(media, "track", is_ended)
    tracks = [one["track"] for each in tracked for s in each["series"] for one in s["objects"]]
    assert tracks == list(range(1, count + 1))


def test_an_engine_begins_with_the_recording(platform: LivePlatform, tmp_path: Path) -> None:
    write_film(tmp_path / "v.mkv", _SECONDS)
    media = begin(platform, tmp_path / "v.mkv", shade={"Mode": "object", "Input": _FRAMES})
    documents(media, "shade", lambda found: len(found) >= 30)
    media.create_engine(
        Name="late",
        Mode="object",
        Handler="engine.shade",
        Code={"ZipFile": zipped(engine=_ENGINES)},
        Input=_FRAMES,
        WhenBehind="never",
    )
    media.create_pipeline(Name="q", Source="lobby", Engines=["late"], From="earliest")
    count = _SECONDS * 5
    found = documents(media, "late", lambda found: len(found) >= count)
    assert [each["chunk"]["start_ms"] for each in found] == [200 * n for n in range(count)]
    for number, each in enumerate(found):
        (seen,) = each["series"][0]["objects"]
        assert abs(seen["confidence"] * 255 - shade_of(number)) < 6
