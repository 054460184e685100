"""``pileus source``, ``engine`` and ``pipeline`` against a live platform: a template with a folder of code,
a file as source, results in every form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.unit.media.videos import every, write_video

pytestmark = pytest.mark.slow

TEMPLATE = """\
Resources:
  Lobby:
    Type: Pileus::Media::Source
    Properties: {Name: lobby, Pull: "file:FILM", Segment: 2s, Keep: 1h, Paced: false}
  People:
    Type: Pileus::Media::Engine
    Properties:
      {Name: people, Handler: people.detect, CodeUri: ., Mode: object,
       Input: {Frames: {Rate: 5, Width: 64}}, Batch: {Size: 8, Window: 200ms},
       Scale: {Min: 0, Max: 1, TargetLag: 1s}, WhenBehind: oldest}
  Newsroom:
    Type: Pileus::Media::Pipeline
    Properties: {Name: newsroom, Source: !Ref Lobby, Engines: [!Ref People]}
"""

ENGINE = """\
from pileus.engines import Frame, object_engine


@object_engine
def detect(frames: list[Frame], context):
    return [
        [{"label": "light", "confidence": float(frame.image.mean()) / 255, "box": [0, 0, 1, 0.5]}]
        for frame in frames
    ]
"""
PICTURES, STEP_MS = 10, 200


@pytest.fixture(scope="module")
def newsroom(live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The template deployed, and every picture of the film looked at."""
    root = tmp_path_factory.mktemp("newsroom")
    commands = Commands(live_platform, root / "app", root / "cache")
    commands.folder.mkdir()
    film = root / "film.mp4"
    write_video(film, every(STEP_MS, PICTURES))
    commands.write(app__yaml=TEMPLATE.replace("FILM", str(film)), people__py=ENGINE)
    commands.pileus("deploy", "--template", "app.yaml", "--stack-name", "news")
    following = commands.start_pileus("pipeline", "results", "newsroom", "-f", "--format", "json")
    try:
        assert following.stdout is not None
        last_ms = -1
        while last_ms < (PICTURES - 1) * STEP_MS:
            last_ms = json.loads(following.stdout.readline())["chunk"]["start_ms"]
    finally:
        following.terminate()
        following.communicate()
    return commands


def test_results_come_in_every_form(newsroom: Commands) -> None:
    lines = newsroom.pileus("pipeline", "results", "newsroom").out.splitlines()
    assert len(lines) == PICTURES
    assert lines[0].startswith("00:00:00.000  light 0.")
    assert lines[0].endswith("[0.00 0.00 1.00 0.50]")
    told = newsroom.pileus("pipeline", "results", "newsroom", "--format", "json").out
    records = [json.loads(line) for line in told.splitlines()]
    assert [each["chunk"]["start_ms"] for each in records] == every(STEP_MS, PICTURES)
    assert {(each["source"], each["engine"]) for each in records} == {("lobby", "people")}
    shown = newsroom.pileus("pipeline", "results", "newsroom", "--format", "veritone").json()
    assert len(shown["series"]) == PICTURES
    assert shown["series"][0]["object"]["label"] == "light"
    vtt = newsroom.pileus("pipeline", "results", "newsroom", "--format", "vtt").out
    assert vtt.startswith("WEBVTT\n")


def test_tables_tell_what_is_there(newsroom: Commands) -> None:
    assert "lobby" in newsroom.pileus("source", "list").out
    assert "5 pictures/s, 64 wide" in newsroom.pileus("engine", "list").out
    assert "people.detect" in newsroom.pileus("engine", "show", "people").out
    assert "people" in newsroom.pileus("pipeline", "list").out
    assert "lobby is ended" in newsroom.pileus("pipeline", "show", "newsroom").out
    assert newsroom.pileus("source", "show", "lobby", "--json").json()["State"] == "ENDED"
    assert "segments" in newsroom.pileus("source", "show", "lobby").out


def test_a_deployment_again_changes_nothing_and_changed_code_an_engine(newsroom: Commands) -> None:
    arguments = ("deploy", "--template", "app.yaml", "--stack-name", "news")
    assert newsroom.pileus(*arguments).out.startswith("No changes in news")
    before = newsroom.pileus("engine", "show", "people", "--json").json()
    newsroom.write(people__py=ENGINE.replace("light", "bright"))
    assert newsroom.pileus(*arguments).out.startswith("Updated news")
    after = newsroom.pileus("engine", "show", "people", "--json").json()
    assert after["CodeSha256"] != before["CodeSha256"]


def test_a_service_may_have_engines_among_its_resources(newsroom: Commands, tmp_path: Path) -> None:
    inside = newsroom.within(tmp_path)
    engine = (
        "{Type: Pileus::Media::Engine, Properties: {Name: own, Handler: people.detect, "
        "CodeUri: ., Input: {Frames: {Rate: 1}}}}"
    )
    inside.write(
        serverless__yml="service: watching\nprovider: {name: aws, runtime: python3.11}\n"
        f"resources:\n  Resources:\n    Own: {engine}\n",
        people__py=ENGINE,
    )
    assert "Deployed watching-dev" in inside.pileus("deploy").out
    assert inside.pileus("deploy").out.startswith("No changes in watching-dev")
    assert "people.detect" in inside.pileus("engine", "show", "own").out
    inside.pileus("remove")
    assert "There is no engine own." in inside.try_pileus("engine", "show", "own").err


def test_sources_are_added_by_hand(newsroom: Commands) -> None:
    address = "rtsp://me:secret@127.0.0.1:9/x"
    added = newsroom.pileus("source", "add", "camera", address, "--keep", "10m", "--off").out
    assert added == "camera  rtsp://127.0.0.1:9/x  stopped\n"
    found = newsroom.pileus("source", "list", "--json").json()
    (camera,) = [each for each in found if each["Name"] == "camera"]
    assert (camera["KeepSeconds"], camera["Enabled"]) == (600, False)
    assert "secret" not in json.dumps(found)
    newsroom.pileus("source", "remove", "camera")
    assert "camera" not in newsroom.pileus("source", "list").out


def test_a_source_that_is_pushed_to_gets_another_key(newsroom: Commands) -> None:
    added = newsroom.pileus("source", "add", "handset", "--push").out
    told = newsroom.pileus("source", "rotate-key", "handset", "--grace", "1h").out
    key = told.removeprefix("key  ").strip()
    assert len(key) == 40 and key not in added
    shown = newsroom.pileus("source", "show", "handset").out
    assert f"key       {key}" in shown and "old key   until " in shown
    newsroom.pileus("source", "rotate-key", "handset")
    assert "old key" not in newsroom.pileus("source", "show", "handset").out
    newsroom.pileus("source", "remove", "handset")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("source", "add", "a", "nofile.mp4"), 1, "nofile.mp4: no such file, and no address such"),
        (("source", "add", "a", "gopher://h"), 1, "a source's address begins with one of alsa"),
        (("source", "add", "a", "rtsp://h/1", "--segment", "0.1s"), 2, "0.5 s to 60 s"),
        (("source", "add", "a", "rtsp://h/1", "--keep", "long"), 1, "expected a span such as 2s"),
        (("source", "add", "lobby", "rtsp://h/1"), 1, "There is a source lobby already."),
        (("source", "remove", "lobby"), 1, "belongs to the pipeline newsroom; delete or change"),
        (("source", "rotate-key", "lobby"), 1, "is not one to push to: it lacks Push."),
        (("source", "rotate-key", "lobby", "--grace", "8d"), 2, "0 s to 7 d"),
        (("source", "show", "ghost"), 1, "pileus: There is no source ghost."),
        (("engine", "show", "ghost"), 1, "pileus: There is no engine ghost."),
        (("pipeline", "show", "ghost"), 1, "pileus: There is no pipeline ghost."),
        (("pipeline", "results", "newsroom", "-e", "ghost"), 1, "no engine ghost; it has people"),
        (("pipeline", "results", "newsroom", "-f", "--format", "srt"), 2, "leave -f out"),
        (("source", "list", "--endpoint", "http://127.0.0.1:9"), 1, "start it with: pileus up"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    newsroom: Commands, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = newsroom.try_pileus(*arguments)
    assert (done.status, words in done.err) == (status, True), done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("group", ["source", "engine", "pipeline"])
def test_every_command_explains_itself(newsroom: Commands, group: str) -> None:
    told = newsroom.pileus(group, "--help").out
    assert "pileus " + group in told
    assert newsroom.pileus(group, "list", "--help").out.startswith(f"Usage: pileus {group} list")
