"""Corb's live mode as a stranger deploys it: persons found and followed on a live source, and what functions make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.commands import is_ci
from tests.conformance.live import LivePlatform
from tests.examples.media.stranger import deploy, documents, objects, of, run, until
from tools.score_detections import Score, nearest, score_frame

from pileus.media import assets

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MARKS = Path(__file__).with_name("media") / "vtest_marks.json"
STEP_MS = 200


@pytest.fixture(scope="module")
def sample() -> dict[str, Path]:
    """The detector and the video; in CI they are fetched, elsewhere a machine without them passes over."""
    cache = ROOT / assets.DEFAULT_FOLDER
    for each in (assets.MODEL, assets.VIDEO):
        if not (cache / each.file_name).is_file() and not is_ci():
            pytest.skip(f"{each.file_name} is not cached; run python -m pileus.media.assets")
    return {each.name: assets.ensure(each, cache) for each in (assets.MODEL, assets.VIDEO)}


def f1(frames: dict[int, list[dict[str, Any]]]) -> float:
    """Persons by picture against those marked by hand, at the nearest picture that was looked at."""
    marks = json.loads(MARKS.read_text())
    total = Score()
    for frame in marks["frames"]:
        at = nearest(frames, frame["pts_ms"], STEP_MS // 2)
        assert at is not None, f"the picture at {frame['pts_ms']} ms was not looked at"
        centres = [
            ((x0 + x1) / 2 * marks["width"], (y0 + y1) / 2 * marks["height"])
            for x0, y0, x1, y1 in (each["box"] for each in frames[at])
        ]
        total += score_frame(centres, frame["persons"], frame["unsure"], 30.0)
    return total.f1


def test_people_are_followed_on_the_sample(
    make_platform: Callable[..., LivePlatform],
    sample: dict[str, Path],
) -> None:
    """The file is read as fast as it is analysed, and nothing is left out: so every figure is the same always."""
    platform = make_platform()
    run(platform, "apps/corb/publish_model.py", "--model", str(sample["model"]))
    deploy(platform, "--config", "apps/corb/serverless.yml")
    wanted = {"Camera": f"file:{sample['video']}", "Paced": "false", "WhenBehind": "never"}
    given = [word for name, value in wanted.items() for word in ("--parameter", f"{name}={value}")]
    deploy(platform, "--template", "apps/corb-live/app.yaml", "--stack-name", "corb-live", *given)
    media = platform.client("media", read_timeout=60)

    def ended() -> list[dict[str, Any]]:
        """All that was told, once the stream's end is."""
        told = documents(media, "lobby", "occupancy")
        return told if told and "end" in told[-1] else []

    tracked = until(ended, media.list_lanes)
    people = documents(media, "lobby", "people")
    starts = [each["chunk"]["start_ms"] for each in people]
    assert starts == sorted(set(starts))
    assert f1({each["chunk"]["start_ms"]: objects(each, "person") for each in people}) >= 0.85
    pictures = [series for document in tracked for series in document["series"]]
    seen = {each["start_ms"]: of(each, "person") for each in pictures}
    assert f1(seen) >= 0.85
    assert 15 <= len({each["track"] for persons in seen.values() for each in persons}) <= 50
    counts = [each["attributes"] for told in tracked for each in objects(told, "occupancy")]
    assert 5 <= max(each["persons"] for each in counts) <= 10
    assert counts[-1]["persons"] == 0
    crossings = [each for told in tracked for each in objects(told, "crossing")]
    assert len(crossings) == counts[-1]["in"] + counts[-1]["out"] > 0

    table = platform.client("dynamodb")
    room = {"owner": {"S": "rooms"}, "record": {"S": "lobby"}}

    def counted() -> bool:
        item = table.get_item(TableName="corb-occupancy", Key=room).get("Item", {})
        return int(item.get("peak", {"N": "0"})["N"]) >= 5

    until(counted, lambda: table.scan(TableName="corb-occupancy")["Items"])
    store = platform.client("s3")

    def analysed() -> Any:
        told = store.list_objects_v2(Bucket="corb-results", Prefix="lobby/").get("Contents", [])
        return len(told) == len(media.list_segments(Source="lobby")["Segments"]) > 0

    until(analysed, lambda: store.list_objects_v2(Bucket="video-bucket").get("Contents"))
