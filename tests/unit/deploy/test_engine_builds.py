"""What podman, buildah and docker are asked to do, by a program in their place."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pileus.deploy import engine_builds
from pileus.deploy.errors import DeployError
from pileus.deploy.image_building import BuildOrder

_PROGRAM = """#!{python}
import json, sys
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + chr(10))
print("step", sys.argv[1])
sys.exit({status} if sys.argv[1] == "build" else 0)
"""


class Stand:
    """A folder of programs that note how they were called, and what the platform was given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "log"
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.said: list[str] = []
        self.imported: list[tuple[Path, str]] = []
        monkeypatch.setenv("PATH", f"{self.folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(engine_builds, "import_images", self._import)

    def _import(self, api: object, path: Path, name: str, say: object) -> list[str]:
        self.imported.append((path, name))
        return [name]

    def install(self, engine: str, status: int = 0) -> None:
        program = self.folder / engine
        text = _PROGRAM.format(python=sys.executable, log=str(self.log), status=status)
        program.write_text(text)
        program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def build(self, engine: str) -> str:
        order = BuildOrder(Path("/src"), "app:1", Path("/src/File"), {"A": "1"}, "last")
        return engine_builds.build_with(engine, None, order, self.said.append)  # type: ignore[arg-type]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(tmp_path, monkeypatch)


@pytest.mark.parametrize("engine", engine_builds.ENGINES)
def test_the_image_is_built_saved_and_taken_in(stand: Stand, engine: str) -> None:
    stand.install(engine)
    assert stand.build(engine) == "app:1"
    options = ["--tag", "app:1", "--file", "/src/File", "--build-arg", "A=1", "--target", "last"]
    built, saved = stand.calls
    assert built == ["build", *options, "/src"]
    ((file, name),) = stand.imported
    assert name == "app:1"
    assert (
        saved
        == {
            "podman": ["save", "--format", "oci-archive", "--output", str(file), "app:1"],
            "buildah": ["push", "--quiet", "app:1", f"oci-archive:{file}"],
            "docker": ["save", "--output", str(file), "app:1"],
        }[engine]
    )
    assert stand.said[0] == "step build"


def test_a_build_that_fails_takes_nothing_in(stand: Stand) -> None:
    stand.install("podman", 3)
    with pytest.raises(DeployError, match="podman build ended with 3"):
        stand.build("podman")
    assert not stand.imported


def test_an_engine_that_is_not_there_is_named(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand.folder))
    with pytest.raises(DeployError, match="buildah cannot be run: No such file or directory"):
        stand.build("buildah")
