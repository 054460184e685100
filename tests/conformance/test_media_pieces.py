"""Engines of sound cut at silences and of whole segments, for real: a paced film, and everything killed in the middle."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import av

from tests.conformance.live import LivePlatform
from tests.unit.media.intake.test_cut_sound import write_speech
from tests.unit.media.sounds import said

from .test_media_live import zipped
from .test_media_streams import documents, kill_children

_PATIENCE_S = 60.0
_RECIPE = (
    "." * 8 + "x" * 12 + "." * 10 + "x" * 60 + "." * 8 + "x" * 9 + "." * 9 + "x" * 24 + "." * 7
)
_ENGINES = """
import os

import av

from pileus.engines import Segment, Sound, object_engine

calls = 0

@object_engine
def hear(stretches: list[Sound], context):
    global calls
    calls += 1
    if calls == 3 and context.source == "lobby":
        os._exit(9)  # the next instance gets the same piece
    return [[{"label": "speech", "attributes": {"samples": len(each.samples)}}] for each in stretches]

@object_engine
def archive(segments: list[Segment], context):
    found = []
    for segment in segments:
        assert segment.data[:4] == b"\\x1aE\\xdf\\xa3"
        with av.open(segment.path) as file:
            pictures = sum(1 for _ in file.decode(video=0))
        found.append([{"label": "segment", "attributes": {"pictures": pictures}}])
    return found
"""
_CUT = {
    "Kind": "audio", "Rate": 16_000, "Cut": "silence", "PauseMs": 300, "MinMs": 100, "MaxMs": 4000,
}  # fmt: skip


def begin(platform: LivePlatform, film: Path) -> Any:
    """The film as ``calm``, which nobody disturbs, and as ``lobby``."""
    media = platform.client("media", read_timeout=60)
    for name, wanted in (("hear", _CUT), ("archive", {"Kind": "segments"})):
        media.create_engine(
            Name=name, Mode="object", Handler=f"engine.{name}", Input=wanted, MemoryMB=512, MaxAttempts=9,
            Code={"ZipFile": zipped(engine=_ENGINES)},
        )  # fmt: skip
    for source in ("calm", "lobby"):
        media.create_source(
            Name=source,
            Url=f"file:{film}",
            SegmentSeconds=2,
            Enabled=False,
            Paced=source == "lobby",
        )
        media.create_pipeline(Name=source, Source=source, Engines=["hear", "archive"])
        media.update_source(Name=source, Enabled=True)
    return media


def said_of(found: list[dict[str, Any]]) -> list[tuple[int, int, Any]]:
    """Where each piece lies and what was said of it."""
    assert not [each for each in found if "error" in each], found
    return [
        (each["chunk"]["start_ms"], each["chunk"]["stop_ms"], each["series"][0]["objects"])
        for each in found
    ]


def all_of(media: Any, source: str, engine: str) -> list[dict[str, Any]]:
    """Every record, once the source has ended and everything was looked at."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        told = media.list_results(Source=source, Engine=engine, MaxResults=100)
        if told.get("Complete"):
            return [json.loads(each["Document"]) for each in told["Results"]]
        assert time.monotonic() < deadline_s, media.describe_lane(Source=source, Engine=engine)
        time.sleep(0.2)


def test_the_same_pieces_come_out_whatever_is_killed(
    platform: LivePlatform, tmp_path: Path
) -> None:
    """An instance of its own accord, the process of the source, and the platform."""
    write_speech(tmp_path / "v.mkv", said(_RECIPE, noise=20), "pcm_s16le")
    media = begin(platform, tmp_path / "v.mkv")
    documents(media, "hear", lambda found: len(found) >= 2)
    assert kill_children(platform, "pileus.media.intake")
    documents(media, "archive", lambda found: len(found) >= 3)
    platform.kill()
    platform.start()
    media = platform.client("media", read_timeout=60)
    for engine in ("hear", "archive"):
        calm, disturbed = all_of(media, "calm", engine), all_of(media, "lobby", engine)
        assert len(calm) >= 6
        assert said_of(disturbed) == said_of(calm)
    calm = all_of(media, "calm", "hear")
    samples = [each["series"][0]["objects"][0]["attributes"]["samples"] for each in calm]
    lengths_ms = [each["chunk"]["stop_ms"] - each["chunk"]["start_ms"] for each in calm]
    assert samples == [16 * length_ms for length_ms in lengths_ms]
    assert all(length_ms <= 4000 for length_ms in lengths_ms)
    pictures = [
        each["series"][0]["objects"][0]["attributes"]["pictures"]
        for each in all_of(media, "calm", "archive")
    ]
    with av.open(str(tmp_path / "v.mkv")) as file:
        assert sum(pictures) == sum(1 for _ in file.decode(video=0))
