"""The real osls, the maintained fork of the Serverless Framework v3, installed by npm and kept."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.commands import is_ci

VERSION = "4.3.1"
_FOLDER = Path(__file__).parents[2] / ".cache" / "tools" / f"osls-{VERSION}"
_INSTALL_S_MAX = 600


def osls_program() -> str:
    """The program's path; installs it at first use. Skips where npm is missing, fails in CI."""
    program = _FOLDER / "node_modules" / ".bin" / "osls"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may come here at once
        if not program.exists():
            npm = shutil.which("npm")
            if npm is None:
                _give_up("npm is not installed, so that osls cannot be")
            command = [str(npm), "install", "--prefix", str(_FOLDER), "--no-audit", "--no-fund"]
            done = subprocess.run(
                [*command, "--loglevel=error", f"osls@{VERSION}"],
                capture_output=True,
                text=True,
                timeout=_INSTALL_S_MAX,
            )
            if done.returncode:
                _give_up(f"npm could not install osls: {done.stderr[-400:]}")
    return str(program)


def _give_up(reason: str) -> None:
    if is_ci():
        pytest.fail(reason)
    pytest.skip(reason)
