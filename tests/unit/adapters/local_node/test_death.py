"""When the platform dies without a word, nothing it started lives on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


def test_a_killed_platform_leaves_no_process(tmp_path: Path) -> None:
    program = Path(__file__).with_name("platform_to_kill.py")
    command = [sys.executable, str(program), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as platform:
        assert platform.stdout is not None
        pids = [int(word) for word in platform.stdout.readline().split()]
        assert len(pids) >= 4, "zygote, init, worker and its child"
        assert all(_is_alive(pid) for pid in pids)
        platform.kill()
    give_up = time.monotonic() + 60
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not [pid for pid in pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
