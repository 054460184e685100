"""What the two functions do with the events of the bucket."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import pytest


class FakeEcs:
    """Remembers what it was asked to run."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failures: list[dict[str, str]] = []

    def run_task(self, **given: Any) -> dict[str, Any]:
        self.asked.append(given)
        tasks = [] if self.failures else [{"taskArn": f"task/{len(self.asked)}"}]
        return {"tasks": tasks, "failures": self.failures}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    variables = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "TASK_CLUSTER": "thumbnailer",
        "TASK_DEFINITION": "definition:1",
        "TASK_CONTAINER": "ffmpegTask",
        "TASK_SUBNETS": "subnet-1,subnet-2",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    import on_new_video

    monkeypatch.setattr(on_new_video, "_ecs", FakeEcs())
    return on_new_video


def put(key: str, sequencer: str = "01") -> dict[str, Any]:
    told = {"key": quote_plus(key, safe="/"), "size": 3, "sequencer": sequencer}
    return {"s3": {"bucket": {"name": "films"}, "object": told}}


@pytest.mark.parametrize(
    ("file", "position"),
    [
        ("cat_00-01.mp4", "00:01"),
        ("talk_01-02-03.mp4", "01:02:03"),
        ("a_b/cat_12-34.mp4", "12:34"),
        ("cat_00-01_90-00.mp4", "90:00"),
        ("cat.mp4", "00:00"),
        ("cat_.mp4", "00:00"),
        ("cat_1.mp4", "00:00"),
        ("cat_00-01.jpg.mp4", "00:00"),
    ],
)
def test_the_name_tells_the_moment(function: ModuleType, file: str, position: str) -> None:
    assert function.frame_position(file) == position


@pytest.mark.parametrize("key", ["cat_00-01.mp4", "my films/Kätzchen 猫+%2B_00-01.mp4"])
def test_a_video_starts_a_task(
    function: ModuleType, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function.handler({"Records": [put(key)]}, None)
    [asked] = function._ecs.asked
    assert (asked["cluster"], asked["taskDefinition"]) == ("thumbnailer", "definition:1")
    assert asked["launchType"] == "FARGATE"
    assert asked["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == [
        "subnet-1",
        "subnet-2",
    ]
    [container] = asked["overrides"]["containerOverrides"]
    assert container["name"] == "ffmpegTask"
    assert {one["name"]: one["value"] for one in container["environment"]} == {
        "S3_BUCKET": "films",
        "INPUT_VIDEO": key,
        "TIME_OFFSET": "00:01",
        "OUTPUT_FILE": f"{key}.jpg",
    }
    assert f"*** New video: file {key}, picture at 00:01, task task/1." in capsys.readouterr().out


def test_an_event_that_comes_twice_has_the_same_token(function: ModuleType) -> None:
    again = json.loads(json.dumps(put("cat_00-01.mp4")))
    events = [put("cat_00-01.mp4"), again, put("cat_00-01.mp4", "02"), put("dog_00-01.mp4")]
    for event in events:
        function.handler({"Records": [event]}, None)
    tokens = [asked["clientToken"] for asked in function._ecs.asked]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
    assert all(len(token) <= 64 for token in tokens)


def test_no_room_is_an_error_that_lambda_tries_again(function: ModuleType) -> None:
    function._ecs.failures = [{"reason": "RESOURCE:MEMORY"}]
    with pytest.raises(RuntimeError, match="RESOURCE:MEMORY"):
        function.handler({"Records": [put("cat_00-01.mp4")]}, None)


def test_a_thumbnail_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    import on_new_thumbnail

    on_new_thumbnail.handler({"Records": [put("my cat.mp4.jpg")]}, None)
    assert capsys.readouterr().out == "*** New thumbnail: file my cat.mp4.jpg.\n"
