"""Runs the programs users type, against a live platform."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.live import PYTHON, LivePlatform

TIMEOUT_S = 120


@dataclass(frozen=True)
class Done:
    """A program that ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Commands:
    """A user's shell: a folder, a platform, and nothing of the user who runs the tests."""

    platform: LivePlatform
    folder: Path
    cache_dir: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What programs see."""
        own = {"PILEUS_CACHE_DIR": str(self.cache_dir), "NODE_NO_WARNINGS": "1"}
        own |= {"SLS_AWS_MONITORING_FREQUENCY": "200", "SLS_TELEMETRY_DISABLED": "1"}
        return self.platform.environment(**own, **more)

    def run(self, *command: str, input: str | None = None, **more: str) -> Done:
        """Run a program to its end, whatever it is."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**more),
            input=input,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def pileus(self, *arguments: str, input: str | None = None, **more: str) -> Done:
        """``pileus …``, which must succeed."""
        done = self.try_pileus(*arguments, input=input, **more)
        assert done.status == 0, done.out + done.err
        return done

    def try_pileus(self, *arguments: str, input: str | None = None, **more: str) -> Done:
        """``pileus …``, however it ends."""
        return self.run(PYTHON, "-m", "pileus.cli.main", *arguments, input=input, **more)

    def start_pileus(self, *arguments: str, own_group: bool = False) -> subprocess.Popen[str]:
        """``pileus …`` as a process that goes on (and leads a group); the caller ends it."""
        return subprocess.Popen(
            [PYTHON, "-m", "pileus.cli.main", *arguments],
            cwd=self.folder,
            env={**self.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0 if own_group else None,
        )

    def aws(self, *arguments: str, **more: str) -> Any:
        """``aws …``, which must succeed; what it printed."""
        done = self.run(str(Path(PYTHON).parent / "aws"), *arguments, **more)
        assert done.status == 0, done.err
        return json.loads(done.out or "{}")

    def within(self, folder: Path) -> Commands:
        """The same in another folder."""
        return Commands(self.platform, folder, self.cache_dir)

    def write(self, **files: str) -> None:
        """Write files here; ``__`` in a name stands for a dot, ``___`` for a slash."""
        for name, text in files.items():
            path = self.folder / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def is_ci() -> bool:
    """Whether a missing tool is a failure and not a reason to skip."""
    return bool(os.environ.get("CI"))
