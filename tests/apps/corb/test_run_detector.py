"""VideoIngress: from a stored segment to stored detections and a summary."""

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pileus.media.segments import Cutter, Segment
from pileus.media.source import FileSource

from .fakes import FakeCloud

SEGMENT = "lobby/20260221T101502.000Z"


def segments(path: Path) -> list[Segment]:
    with FileSource(path) as source:
        cutter = Cutter(source.stream)
        found = [one for unit in source.units() if (one := cutter.add(unit))]
        last = cutter.finish()
    return found + ([last] if last else [])


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> list[Segment]:
    """Two segments of a source of 25 pictures a second."""
    import av

    path = tmp_path_factory.mktemp("video") / "a.avi"
    with av.open(str(path), "w") as output:
        track = output.add_stream("mpeg4", rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for number in range(75):
            picture = np.full((48, 64, 3), 16 + number * 3, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            output.mux(track.encode(frame.reformat(format="yuv420p")))
        output.mux(track.encode(None))
    return segments(path)


def stored(key: str) -> dict[str, Any]:
    """``s3:ObjectCreated:Put`` as Lambda gets it; keys are URL-encoded."""
    return {
        "Records": [
            {
                "eventTime": "2026-02-21T10:15:04.100Z",
                "s3": {"bucket": {"name": "video-bucket"}, "object": {"key": key}},
            }
        ]
    }


def lines(cloud: FakeCloud, key: str) -> list[dict[str, Any]]:
    text = cloud.s3.objects[("corb-results", key)].decode()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_detections_are_stored_a_line_a_frame(
    cloud: FakeCloud, cut: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aws_lambda import run_detector

    monkeypatch.setattr(time, "time", lambda: 1_771_668_905.5)
    cloud.s3.objects[("video-bucket", f"{SEGMENT}.mkv")] = cut[1].data
    answer = run_detector.handler(stored(f"{SEGMENT}.mkv"), None)
    found = lines(cloud, f"{SEGMENT}.jsonl")
    assert found[0] == {
        "source": "lobby",
        "pts_ms": 2000,
        "persons": [{"box": [0.1, 0.2, 0.3, 0.4], "confidence": 0.5}],
    }
    assert answer == {
        "result_type": "segments_analysed",
        "segments": [
            {
                "source": "lobby",
                "segment": "20260221T101502.000Z",
                "captured_at_ms": 1_771_668_902_000,
                "pts_ms": 2000,
                "frames": len(found),
                "persons": 1,
                "persons_max": 1,
                "detections": {"bucket": "corb-results", "key": f"{SEGMENT}.jsonl"},
                "lag_ms": 3500,
            }
        ],
    }


def test_at_least_five_and_at_most_ten_frames_a_second(
    cloud: FakeCloud, cut: list[Segment]
) -> None:
    from aws_lambda import run_detector

    cloud.s3.objects[("video-bucket", f"{SEGMENT}.mkv")] = cut[0].data
    run_detector.handler(stored(f"{SEGMENT}.mkv"), None)
    times = [line["pts_ms"] for line in lines(cloud, f"{SEGMENT}.jsonl")]
    assert times[0] == 0
    assert 15 <= len(times) <= 20
    steps = np.diff(times)
    assert steps.min() >= 80
    assert steps.max() <= 160


def test_pictures_go_in_bounded_batches(cloud: FakeCloud, cut: list[Segment]) -> None:
    from aws_lambda import run_detector

    samples = list(run_detector.sample(cut[0].data, "a", 25))
    assert [sample.pts_ms for sample in samples] == [at * 40 for at in range(50)]
    assert [len(batch) for batch in run_detector._batches(samples)] == [20, 20, 10]


def test_a_key_with_spaces_and_signs_is_decoded(cloud: FakeCloud, cut: list[Segment]) -> None:
    from aws_lambda import run_detector

    cloud.s3.objects[("video-bucket", "back door/a+b.mkv")] = cut[0].data
    answer = run_detector.handler(stored("back+door/a%2Bb.mkv"), None)
    assert answer["segments"][0]["source"] == "back door"
    assert answer["segments"][0]["captured_at_ms"] == 1_771_668_904_100


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"", r"empty \(0 bytes\)"), (b"not a video " * 50, "not a video that can be read")],
)
def test_what_is_no_video_is_a_clear_error(cloud: FakeCloud, data: bytes, sentence: str) -> None:
    from aws_lambda import run_detector

    cloud.s3.objects[("video-bucket", "lobby/a.mkv")] = data
    with pytest.raises(run_detector.UnreadableSegment, match=sentence):
        run_detector.handler(stored("lobby/a.mkv"), None)
    assert ("corb-results", "lobby/a.jsonl") not in cloud.s3.objects


def test_a_truncated_segment_is_analysed_as_far_as_it_goes(
    cloud: FakeCloud, cut: list[Segment]
) -> None:
    from aws_lambda import run_detector

    whole = list(run_detector.sample(cut[0].data, "a", 10))
    part = list(run_detector.sample(cut[0].data[: len(cut[0].data) // 2], "a", 10))
    assert 0 < len(part) < len(whole)


def test_a_segment_cut_before_its_first_picture_is_a_clear_error(cut: list[Segment]) -> None:
    from aws_lambda import run_detector

    with pytest.raises(run_detector.UnreadableSegment, match="a "):
        list(run_detector.sample(cut[0].data[:150], "a", 10))


@pytest.mark.parametrize(
    ("counts", "persons"),
    [
        ([4] * 20, 4),
        ([4] * 16 + [5] * 4, 5),
        ([4] * 17 + [5] * 3, 4),
        ([0] * 19 + [9], 0),
        ([2], 2),
        ([0, 3], 3),
    ],
)
def test_occupancy_is_what_a_fifth_of_the_frames_agree_on(counts: list[int], persons: int) -> None:
    from aws_lambda import run_detector

    assert run_detector.typical(counts) == persons


def test_analysing_again_stores_the_same(cloud: FakeCloud, cut: list[Segment]) -> None:
    from aws_lambda import run_detector

    cloud.s3.objects[("video-bucket", f"{SEGMENT}.mkv")] = io.BytesIO(cut[0].data).getvalue()
    run_detector.handler(stored(f"{SEGMENT}.mkv"), None)
    before = dict(cloud.s3.objects)
    run_detector.handler(stored(f"{SEGMENT}.mkv"), None)
    assert cloud.s3.objects == before


def test_a_segment_cut_short_is_analysed_as_far_as_it_goes_and_told(
    cut: list[Segment], capsys: pytest.CaptureFixture[str]
) -> None:
    from aws_lambda import run_detector

    half = cut[0].data[: len(cut[0].data) // 2]
    whole = list(run_detector.sample(cut[0].data, "a", 25))
    assert capsys.readouterr().out == ""
    part = list(run_detector.sample(half, "a", 25))
    assert 0 < len(part) < len(whole)
    assert "a is cut short: its pictures end at " in capsys.readouterr().out
