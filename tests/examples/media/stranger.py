"""What a stranger does with an app of live media, and sees of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.live import LivePlatform

ROOT = Path(__file__).parents[3]
PATIENCE_S = 240.0


def run(platform: LivePlatform, *command: str) -> str:
    """Run a Python script or module against the platform; what it printed."""
    done = subprocess.run(
        [sys.executable, *command],
        env=platform.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy(platform: LivePlatform, *more: str) -> None:
    """``pileus deploy``."""
    run(platform, "-m", "pileus.cli.main", "deploy", "--endpoint", platform.endpoint, *more)


def until(holds: Callable[[], Any], what: Callable[[], object]) -> Any:
    """What ``holds`` says once it says something; the test gives up after minutes, not seconds."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.2)
    return found


def documents(media: Any, source: str, engine: str) -> list[dict[str, Any]]:
    """Every result of an engine so far."""
    found: list[dict[str, Any]] = []
    last = -1
    while True:
        told = media.list_results(Source=source, Engine=engine, AfterOffset=last)
        if not told["Results"]:
            return found
        found += [json.loads(each["Document"]) for each in told["Results"]]
        last = told["LastOffset"]


def of(series: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """Objects of a label in a series."""
    return [each for each in series.get("objects") or () if each["label"] == label]


def objects(document: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """Objects of a label in a result."""
    return [each for series in document["series"] for each in of(series, label)]
