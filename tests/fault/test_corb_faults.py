"""Bad input to Edifice Corb on a live platform: told clearly, and nothing else is disturbed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.media.segments import Segment
from tests.conformance.live import LivePlatform
from tests.fault.corb import VIDEO_BUCKET, Corb, clip, segments
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("corb_faults")]


@pytest.fixture(scope="module")
def corb(live_platform: LivePlatform) -> Iterator[Corb]:
    app = Corb(live_platform)
    app.deploy()
    app.watch_failures()
    yield app


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Segment]:
    return segments(clip(tmp_path_factory.mktemp("video"), 60))


def _check_next_good_one(corb: Corb, source: str, good: list[Segment]) -> None:
    """The next segment is analysed as if nothing had been."""
    name = "20261121T101504.000Z"
    corb.put(f"{source}/{name}.mkv", good[1].data)
    lines = until(lambda: corb.results(source).get(name), f"detections of {source}/{name}")
    assert len(lines) == good[1].frames
    assert lines[0]["source"] == source
    until(lambda: corb.counted(source)[name], f"{name} counted")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("cut-off", "is not a video that can be read"),
        ("headless", "is not a video that can be read"),
        ("pictureless", "holds no picture that can be decoded"),
        ("picture", "is not a video that can be read"),
        ("empty", "is empty (0 bytes)"),
    ],
)
def test_what_is_no_video_is_told_and_the_next_segment_is_analysed(
    corb: Corb, good: list[Segment], what: str, error: str
) -> None:
    data = {
        "cut-off": good[0].data[:200],
        "headless": good[0].data[1000:],
        "pictureless": good[0].data[:5000],
        "picture": b"This is a text and no film.\n" * 100,
        "empty": b"",
    }[what]
    name = "20261121T101502.000Z"
    corb.put(f"{what}/{name}.mkv", data)
    event = corb.failure()
    assert event["detail-type"] == "Lambda Function Invocation Result - Failure"
    detail = event["detail"]
    assert detail["requestContext"]["condition"] == "RetriesExhausted"
    assert detail["requestContext"]["approximateInvokeCount"] == 1
    assert detail["responsePayload"]["errorType"] == "UnreadableSegment"
    assert error in detail["responsePayload"]["errorMessage"]
    assert f"s3://{VIDEO_BUCKET}/{what}/{name}.mkv" in detail["responsePayload"]["errorMessage"]
    told = detail["requestPayload"]["Records"][0]["s3"]["object"]
    assert (told["key"], told["size"]) == (f"{what}/{name}.mkv", len(data))
    until(lambda: f"{what}/{name}.mkv {error}" in corb.log("VideoIngress"), "the log's line")
    assert corb.result_keys(what) == []
    _check_next_good_one(corb, what, good)


def test_a_segment_cut_in_the_middle_is_analysed_as_far_as_it_goes(
    corb: Corb, good: list[Segment]
) -> None:
    name = "20261121T101502.000Z"
    corb.put(f"half/{name}.mkv", good[0].data[: len(good[0].data) // 2])
    lines = until(lambda: corb.results("half").get(name), "detections of half a segment")
    assert 0 < len(lines) < good[0].frames
    until(lambda: "is cut short" in corb.log("VideoIngress"), "the log's line")
    _check_next_good_one(corb, "half", good)


def test_an_object_that_is_gone_is_told(corb: Corb, good: list[Segment]) -> None:
    record = {
        "eventTime": "2026-11-21T10:15:02.000Z",
        "s3": {"bucket": {"name": VIDEO_BUCKET}, "object": {"key": "gone/a+b%21.mkv"}},
    }
    corb.platform.client("lambda").invoke(
        FunctionName="corb-dev-VideoIngress",
        InvocationType="Event",
        Payload=json.dumps({"Records": [record]}),
    )
    answer = corb.failure()["detail"]["responsePayload"]
    assert answer["errorType"] == "NoSuchKey"
    assert "The specified key does not exist." in answer["errorMessage"]
    until(lambda: "NoSuchKey" in corb.log("VideoIngress"), "the log's line")
    _check_next_good_one(corb, "gone", good)


def test_a_key_with_odd_letters_is_a_segment_like_any(corb: Corb, good: list[Segment]) -> None:
    corb.put("hall ü+%/a b.mkv", good[0].data)
    lines = until(lambda: corb.results("hall ü+%").get("a b"), "detections")
    assert len(lines) == good[0].frames
    until(lambda: corb.counted("hall ü+%")["a b"], "counted")


def test_other_files_in_the_bucket_are_left_alone(corb: Corb, good: list[Segment]) -> None:
    corb.put("notes/readme.txt", b"no segment")
    _check_next_good_one(corb, "notes", good)
    assert "readme" not in corb.log("VideoIngress")


def test_a_text_that_is_no_command_gets_the_list(corb: Corb) -> None:
    corb.text("paint the lobby blue ☃")
    answer = until(
        lambda: next((one for one in corb.texts("out") if "paint the lobby" in one), ""),
        "an answer",
    )
    assert answer.startswith('Sorry, I do not understand "paint the lobby blue ☃". You can say:')
    assert "clean ROOM" in answer
    corb.text("   ")
    until(lambda: [one for one in corb.texts("out") if 'understand ""' in one], "an answer")
    assert "Traceback" not in Path(corb.platform.data_dir.parent / "data.err").read_text()
