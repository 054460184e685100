"""Programs of images that cannot be started, in Lambda's words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pileus.runtime.image_process import CannotLaunch, launch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # put back afterwards, wherever launch goes
    (tmp_path / "script").write_text("#!/nowhere/sh\n")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "noise").write_bytes(b"\x00\x01\x02\x03")
    (tmp_path / "noise").chmod(0o755)
    (tmp_path / "plain").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("image", "kind", "told"),
    [
        ({"entrypoint": ["/nowhere/run"]}, "InvalidEntrypoint",
         "fork/exec /nowhere/run: no such file or directory"),
        ({"entrypoint": ["{}/script"]}, "InvalidEntrypoint",
         "fork/exec {}/script: no such file or directory"),
        ({"entrypoint": ["{}/noise"]}, "InvalidEntrypoint", "fork/exec {}/noise: exec format error"),
        ({"entrypoint": ["{}/plain"]}, "InvalidEntrypoint", "fork/exec {}/plain: permission denied"),
        ({"command": ["plain"]}, "InvalidEntrypoint", 'exec: "plain": executable file not found in $PATH'),
        ({"command": ["noise", "x"]}, "InvalidEntrypoint", "fork/exec {}/noise: exec format error"),
        ({}, "InvalidEntrypoint", "Couldn't find valid bootstrap(s): []"),
        ({"working_dir": "{}/none"}, "InvalidWorkingDir", "the working directory doesn't exist: {}/none"),
        ({"working_dir": "{}/plain"}, "InvalidWorkingDir", "chdir {}/plain: not a directory"),
        ({"working_dir": "srv"}, "InvalidWorkingDir",
         "the working directory 'srv' is invalid, it needs to be an absolute path"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(folder: Path, image: dict[str, Any], kind: str, told: str) -> None:
    whole = {"entrypoint": [], "command": [], "working_dir": "", **image}
    filled = {
        name: value.format(folder) if isinstance(value, str) else [v.format(folder) for v in value]
        for name, value in whole.items()
    }
    with pytest.raises(CannotLaunch) as caught:
        launch(filled, {"PATH": f"/none:{folder}"})
    assert caught.value.error_type == f"Runtime.{kind}"
    assert str(caught.value) == told.format(folder)


def test_the_program_takes_the_process(folder: Path) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, 1)
        image = {
            "entrypoint": ["sh"],
            "command": ["-c", "pwd; echo $WORD"],
            "working_dir": str(folder),
        }
        launch(image, {"PATH": "/usr/bin:/bin", "WORD": "hello"})
    os.close(writing)
    with os.fdopen(reading) as output:
        assert output.read().splitlines() == [str(folder.resolve()), "hello"]
    assert os.waitpid(pid, 0)[1] == 0
