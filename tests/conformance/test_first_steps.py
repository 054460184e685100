"""docs/first-steps.md, pasted into a shell as it stands: a stranger gets there from the document alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.architecture.conftest import ROOT
from tests.conformance.commands import Commands, Done
from tests.conformance.live import PYTHON, LivePlatform

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
_DOCUMENT = (ROOT / "docs" / "first-steps.md").read_text()
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ADDRESS = "http://127.0.0.1:4566"


@pytest.fixture(scope="module")
def steps(live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What each part printed, by its heading."""
    root = tmp_path_factory.mktemp("steps")
    folder = root / "home"
    folder.mkdir()
    shell = Commands(live_platform, folder, root / "cache")
    path = f"{Path(PYTHON).parent}:{os.environ['PATH']}"
    begin, *parts = re.split(r"^## ", _DOCUMENT, flags=re.MULTILINE)
    setting = "\n".join(_SHELL.findall(begin)).replace(_ADDRESS, live_platform.endpoint)
    setting = setting.replace("mkdir first-steps && ", "mkdir -p first-steps && ")
    done = {}
    for part in parts:
        program = "\n".join(["set -eo pipefail", setting, *_SHELL.findall(part)])
        heading = part.partition("\n")[0]
        done[heading] = shell.run("bash", "-c", program, PATH=path)
        assert done[heading].status == 0, f"{heading}: {done[heading].out}{done[heading].err}"
    return done


def test_the_function_greets_whoever_calls_and_whoever_is_in_the_queue(
    steps: dict[str, Done],
) -> None:
    out = steps["A function"].out
    assert "Hello Ada" in out and "Hello Grace" in out


def test_the_task_runs_what_the_dockerfile_made(steps: dict[str, Done]) -> None:
    out = steps["A container task"].out
    assert "STOPPED\t0" in out
    assert "report for Ada" in out and "made when the image was built" in out


def test_the_durable_function_reserves_once(steps: dict[str, Done]) -> None:
    out = steps["A durable function"].out
    assert "book-1 delivered" in out
    assert out.count("reserving book") == 1
