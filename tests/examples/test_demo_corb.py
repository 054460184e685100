"""The main job, as a stranger starts it: a real video in, detections, occupancy and texts out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_demo_detects_people_on_the_sample(tmp_path: Path) -> None:
    summary = tmp_path / "out.json"
    command = [sys.executable, "-m", "pileus.cli.main", "demo", "corb", "--speed", "4"]
    command += ["--json", str(summary), "--data", str(tmp_path / "data"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(summary.read_text())
    assert told["segments"] == 40
    # At least five frames a second of an 80 second video.
    assert told["frames_analysed"] >= 397
    assert 3 <= told["people_peak"] <= 10
    assert told["cold_ms_p50"] > 0
    assert told["warm_ms_p50"] > 0
    lines = Path(told["detections_file"]).read_text().splitlines()
    assert len(lines) == told["frames_analysed"]
    for line in lines:
        _check_line(json.loads(line))
    answered = [text["text"] for text in told["sms"] if text["direction"] == "out"]
    assert any("lobby" in text.lower() for text in answered), answered


def _check_line(line: dict[str, object]) -> None:
    assert line["source"] == "lobby"
    assert isinstance(line["pts_ms"], int)
    persons = line["persons"]
    assert isinstance(persons, list)
    for person in persons:
        x0, y0, x1, y1 = person["box"]
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        assert 0.4 <= person["confidence"] <= 1
