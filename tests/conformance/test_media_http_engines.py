"""Engines in any language: container images and packages whose programs speak HTTP, on real pictures."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.images import docker_archive, python_layer, tar_of
from tests.conformance.commands import Commands
from tests.conformance.http_engines import NODE_SOURCE, PYTHON_SOURCE
from tests.conformance.live import LivePlatform
from tests.conformance.test_media_live import check, results, write_shades

_ROOT = Path(__file__).parents[2]
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/bright:1"


class Looking:
    """A platform with an image of an engine in its registry, and a film of a few pictures."""

    def __init__(self, platform: LivePlatform, folder: Path) -> None:
        self.platform, self.folder = platform, folder
        self.media = platform.client("media", read_timeout=60)

    def engine(self, mode: str = "", **more: Any) -> dict[str, Any]:
        frames = {"Kind": "frames", "Rate": 5, "Format": "rgb"}
        given = {"Name": "shade", "Mode": "object", "Code": {"ImageUri": IMAGE}, "Input": frames,
                 "WhenBehind": "oldest", "Environment": {"MODE": mode}, **more}  # fmt: skip
        return dict(self.media.create_engine(**given)["Engine"])

    def look(self, count: int) -> None:
        write_shades(self.folder / "v.mkv", count)
        self.media.create_source(Name="lobby", Url=f"file:{self.folder}/v.mkv", SegmentSeconds=2)
        self.media.create_pipeline(Name="p", Source="lobby", Engines=["shade"])

    def told(self, count: int) -> list[dict[str, Any]]:
        return results(self.media, lambda found: len(found) >= count)


@pytest.fixture
def looking(platform: LivePlatform, tmp_path: Path) -> Looking:
    return Looking(platform, tmp_path)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``docker save`` would write of an image with the engine."""
    path = tmp_path_factory.mktemp("image") / "bright.tar"
    layers = [python_layer(), tar_of({"srv/engine.py": PYTHON_SOURCE.encode()})]
    config = {"Entrypoint": ["/usr/local/bin/python3", "/srv/engine.py"], "WorkingDir": "/srv"}
    docker_archive(path, layers, "bright:1", **config)
    return path


@pytest.fixture
def imaged(looking: Looking, archive: Path) -> Looking:
    """With the image in the platform's registry."""
    commands = Commands(looking.platform, looking.folder, looking.folder / "cache")
    commands.pileus("image", "import", str(archive))
    return looking


def labels(found: list[dict[str, Any]]) -> list[str]:
    return [each["series"][0]["objects"][0]["label"] for each in found]


def test_an_image_sees_every_picture_once_and_in_order(imaged: Looking) -> None:
    made = imaged.engine()
    assert (made["PackageType"], made["ImageUri"]) == ("Image", IMAGE)
    assert made["Http"] == {"Port": 8080, "ReadySeconds": 60}
    imaged.look(20)
    check(imaged.told(20), 20)


def test_jpeg_is_what_engines_get_that_do_not_choose(imaged: Looking) -> None:
    imaged.engine(Input={"Kind": "frames", "Rate": 5})
    imaged.look(5)
    assert labels(imaged.told(5)) == ["jpeg"] * 5


def test_answers_in_veritones_form(imaged: Looking) -> None:
    imaged.engine("veritone")
    imaged.look(5)
    found = imaged.told(5)
    check(found, 5)
    assert found[0]["series"][0]["objects"][0]["box"] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("crash", "Runtime exited with error: exit status 7"),
        ("error", "Engine.HttpError: POST /process answered 500: no such luck"),
        ("rubbish", "Engine.WrongResult: POST /process answered with what is no JSON"),
        ("hang", "Task timed out after 8.00 seconds"),
    ],
)
def test_what_goes_wrong_with_one_picture_is_told_of_it(
    imaged: Looking, mode: str, words: str
) -> None:
    imaged.engine(mode, MaxAttempts=1, TimeoutSeconds=8 if mode == "hang" else 60)
    imaged.look(6)
    found = imaged.told(6)
    assert [each["chunk"]["start_ms"] for each in found] == [200 * n for n in range(6)]
    assert [each["chunk"]["start_ms"] for each in found if "error" in each] == [400]
    assert words in found[2]["error"]


@pytest.mark.parametrize(
    ("mode", "ready_s", "words"),
    [
        ("never", 1, "/ready did not answer 200 within 1 s: "),
        ("unable", 60, "/ready answered 500, not 200"),
    ],
)
def test_a_program_that_is_never_ready(
    imaged: Looking, mode: str, ready_s: int, words: str
) -> None:
    imaged.engine(mode, MaxAttempts=1, Http={"Port": 9100, "ReadySeconds": ready_s})
    imaged.look(1)
    assert words in imaged.told(1)[0]["error"]
    lane = imaged.media.describe_lane(Source="lobby", Engine="shade")["Lane"]
    assert words in lane["StateReason"]


def test_kill_9_of_the_platform_loses_and_repeats_nothing(imaged: Looking) -> None:
    imaged.engine()
    imaged.look(30)
    for count in (5, 12):
        imaged.told(count)
        imaged.platform.kill()
        imaged.platform.start()
    check(imaged.told(30), 30)


_FUNCTION = """
import base64

def handler(event, context):
    found = []
    for record in event["Records"]:
        media = record["media"]
        size = media["width"] * media["height"] * 3
        pixels = base64.b64decode(media["data"])
        assert len(pixels) == size, (len(pixels), media["contentType"])
        found.append([{"label": "shade", "confidence": sum(pixels) / size / 255}])
    return found
"""


def test_an_ordinary_function_sees_every_picture(looking: Looking) -> None:
    functions = looking.platform.client("lambda")
    role = looking.platform.add_role("engines")
    functions.create_function(
        FunctionName="shades", Runtime="python3.11", Role=role, Handler="app.handler", Timeout=60,
        Code={"ZipFile": zipped({"app.py": _FUNCTION})},
    )  # fmt: skip
    frames = {"Kind": "frames", "Rate": 5, "Format": "rgb"}
    given = {"Name": "shade", "Mode": "object", "Input": frames, "WhenBehind": "oldest"}
    made = looking.media.create_engine(Function="shades", Batch={"Size": 4}, **given)["Engine"]
    assert made["Function"] == "shades"
    looking.look(20)
    check(looking.told(20), 20)


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o755 << 16
            archive.writestr(info, text)
    return packed.getvalue()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_documentations_example(looking: Looking) -> None:
    section = (_ROOT / "docs" / "media.md").read_text().partition("### In any language\n")[2]
    program = section.partition("```js\n")[2].partition("```")[0]
    engine = section.partition("```yaml\n")[2].splitlines()[0]
    folder = looking.folder / "app"
    folder.mkdir()
    (folder / "shades.js").write_text(program)
    write_shades(looking.folder / "v.mkv", 5)
    source = f'{{Name: lobby, Pull: "file:{looking.folder}/v.mkv"}}'
    pipeline = "{Source: !Ref Lobby, Engines: [!Ref Shades]}"
    resources = [
        f"  Lobby: {{Type: Pileus::Media::Source, Properties: {source}}}",
        engine,
        f"  P: {{Type: Pileus::Media::Pipeline, Properties: {pipeline}}}",
    ]
    (folder / "app.yaml").write_text("\n".join(["Resources:", *resources, ""]))
    commands = Commands(looking.platform, folder, looking.folder / "cache")
    commands.pileus("deploy", "--template", "app.yaml", "--stack-name", "news")
    (made,) = looking.media.list_engines()["Engines"]
    assert made["Runtime"] == "nodejs20.x"
    found = results(looking.media, lambda found: len(found) >= 1, engine=made["Name"])
    assert labels(found)[0].startswith("64x48 at ")
    shown = commands.pileus("engine", "show", made["Name"]).out
    assert "nodejs20.x" in shown and "as JPEG" in shown


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("runtime", ["nodejs20.x", "provided.al2023"])
def test_packages_of_other_languages(looking: Looking, runtime: str) -> None:
    if runtime == "provided.al2023":
        files = {"bootstrap": "#!/bin/sh\nexec python3 /var/task/engine.py\n"}
        code, more = {**files, "engine.py": PYTHON_SOURCE}, {}
        wanted = ["jpeg"] * 5
    else:
        code, more = {"look.js": NODE_SOURCE}, {"Handler": "look.js"}
        wanted = ["image/jpeg 64x48"] * 5
    frames = {"Kind": "frames", "Rate": 5}
    code_of = {"ZipFile": zipped(code)}
    made = looking.engine(Runtime=runtime, Code=code_of, Input=frames, **more)
    assert (made["PackageType"], made["Runtime"]) == ("Zip", runtime)
    looking.look(5)
    assert labels(looking.told(5)) == wanted
