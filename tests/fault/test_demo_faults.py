"""The demonstration lives on when its platform is killed, and leaves nothing when it is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conformance.live import PYTHON
from tests.fault.corb import clip, model
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo_faults")]
FRAMES, SEGMENTS = 200, 10


@pytest.mark.parametrize("moment", ["deploying", "playing"])
def test_the_demonstration_goes_on(tmp_path: Path, moment: str) -> None:
    demo = _start(tmp_path)
    try:
        said = tmp_path / "said"
        word = "CREATE_COMPLETE" if moment == "deploying" else "UPDATE_COMPLETE  "
        until(lambda: said.read_text().count(word) >= 1, "the moment")
        if moment == "playing":
            until(lambda: any((tmp_path / "data" / "spool").glob("lobby/*")), "a segment")
        os.kill(_platform_of(demo), signal.SIGKILL)
        assert demo.wait(240) == 0, said.read_text()
    finally:
        _end(demo)
    assert "Pileus ended unexpectedly (signal 9); it is started again on its data." in (
        said.read_text()
    )
    told = json.loads((tmp_path / "o.json").read_text())
    assert (told["segments"], told["frames_analysed"]) == (SEGMENTS, FRAMES)
    assert [one["direction"] for one in told["sms"]].count("in") == 3


def test_an_ended_demonstration_leaves_nothing(tmp_path: Path) -> None:
    demo = _start(tmp_path)
    try:
        said = tmp_path / "said"
        until(lambda: "UPDATE_COMPLETE  " in said.read_text(), "the app deployed")
        until(lambda: len(_children(demo.pid)) == 2, "the platform and the player")
        children = _children(demo.pid)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(20) == 128 + signal.SIGTERM
    finally:
        _end(demo)
    until(lambda: not [pid for pid in children if _is_alive(pid)], "the end of what it started")
    assert "Traceback" not in said.read_text()


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [PYTHON, "-m", "pileus.cli.main", "demo", "corb", "--speed", "4", "--port", "0"]
    command += ["--video", str(clip(folder, FRAMES)), "--model", str(model())]
    command += ["--data", str(folder / "data"), "--json", str(folder / "o.json")]
    with (folder / "said").open("w") as said:
        return subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)


def _end(demo: subprocess.Popen[bytes]) -> None:
    if demo.poll() is None:
        demo.terminate()
        demo.wait(20)


def _is_alive(pid: int) -> bool:
    """Zombies wait for whoever inherited them, which is not the demonstration's affair."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def _platform_of(demo: subprocess.Popen[bytes]) -> int:
    (found,) = [
        child
        for child in _children(demo.pid)
        if b"\0up\0" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found
