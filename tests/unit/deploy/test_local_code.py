import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pileus.deploy.errors import DeployError
from pileus.deploy.template_file import deploy_template

from .fake_platform import CollectedProgress, FakeApi, FakeClock

BUCKET = "pileus-templates-000000000000-us-east-1"
TEMPLATE = """\
Resources:
  Lobby: {Type: Pileus::Media::Source, Properties: {Pull: "rtsp://h/1"}}
  People:
    Type: Pileus::Media::Engine
    Properties: {Handler: people.detect, CodeUri: ., Mode: object, Input: {Frames: {Rate: 5}}}
  Faces:
    Type: Pileus::Media::Engine
    Properties: {Handler: faces.detect, CodeUri: ., Mode: object, Input: {Frames: {Rate: 5}}}
  Newsroom:
    Type: Pileus::Media::Pipeline
    Properties: {Source: !Ref Lobby, Engines: [!Ref People]}
"""


class _Api(FakeApi):
    def _CreateBucket(self, Bucket: str) -> dict[str, Any]:
        return {}


@pytest.fixture
def api() -> FakeApi:
    return _Api()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.py").write_text("def detect(frames, context): ...\n")
    (tmp_path / "faces.py").write_text("def detect(frames, context): ...\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("x")
    return tmp_path


def _deploy(api: FakeApi, folder: Path, text: str = TEMPLATE) -> str:
    file = folder / "app.yaml"
    file.write_text(text)
    change = ("news", {}, {})
    return deploy_template(api, FakeClock().time(), file, change, CollectedProgress()).what


def _properties(api: FakeApi, name: str) -> dict[str, Any]:
    found: dict[str, Any] = api.stacks["news"]["template"]["Resources"][name]["Properties"]
    return found


def test_a_folder_is_packed_and_named_by_where_it_lies(api: FakeApi, folder: Path) -> None:
    assert _deploy(api, folder) == "created"
    code = _properties(api, "People")["Code"]
    assert "CodeUri" not in _properties(api, "People")
    assert _properties(api, "Faces")["Code"] == code
    assert _properties(api, "Newsroom")["Engines"] == [{"Ref": "People"}]
    with zipfile.ZipFile(io.BytesIO(api.objects[code["S3Bucket"], code["S3Key"]])) as packed:
        assert sorted(packed.namelist()) == ["faces.py", "people.py"]


def test_unchanged_code_is_left_alone_and_changed_code_is_an_update(
    api: FakeApi, folder: Path
) -> None:
    _deploy(api, folder)
    before = _properties(api, "People")["Code"]
    assert _deploy(api, folder) == "unchanged"
    (folder / "people.py").write_text("def detect(frames, context): return None\n")
    assert _deploy(api, folder) == "updated"
    assert _properties(api, "People")["Code"] != before


def test_a_function_may_name_its_folder_too(api: FakeApi, folder: Path) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "main.js").write_text("x")
    _deploy(
        api,
        folder,
        "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: app, Runtime: nodejs22.x,"
        " Handler: main.handler}}}",
    )
    assert _properties(api, "F")["Code"]["S3Bucket"] == BUCKET


def test_code_in_a_bucket_already_stays_as_it_is(api: FakeApi, folder: Path) -> None:
    text = "Resources: {E: {Type: Pileus::Media::Engine, Properties: {CodeUri: 's3://b/k'}}}"
    with pytest.raises(ValueError, match="Expecting value"):  # The stand-in reads JSON only,
        _deploy(api, folder, text)  # and a template that names no folder goes as it is.
    assert not api.objects


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("CodeUri: .", "CodeUri: nowhere", "People: nowhere does not exist below"),
        ("people.detect", "persons.detect", "People: Handler persons.detect: . has no persons.py"),
        ("CodeUri: .", "CodeUri: people.py", "people.py is not a zip file"),
    ],
)
def test_code_that_cannot_run_is_refused_before_anything_happens(
    api: FakeApi, folder: Path, before: str, after: str, words: str
) -> None:
    with pytest.raises(DeployError, match=words):
        _deploy(api, folder, TEMPLATE.replace(before, after, 1))
    assert not api.calls
