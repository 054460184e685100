"""Detections are paired with marks one to one, nearest first."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "score_detections.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_detections", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score_detections"] = module
    spec.loader.exec_module(module)
    return module


def test_each_mark_is_found_at_most_once(tool: ModuleType) -> None:
    score = tool.score_frame([(10, 10), (12, 10), (200, 200)], [(11, 10), (300, 300)], [], 30)
    assert (score.right, score.wrong, score.missed) == (1, 2, 1)


def test_the_nearest_pair_wins(tool: ModuleType) -> None:
    score = tool.score_frame([(0, 0), (20, 0)], [(25, 0), (-10, 0)], [], 30)
    assert (score.right, score.wrong, score.missed) == (2, 0, 0)


def test_unsure_persons_neither_help_nor_hurt(tool: ModuleType) -> None:
    score = tool.score_frame([(100, 100)], [], [(110, 100)], 30)
    assert (score.right, score.wrong, score.missed) == (0, 0, 0)
    assert score.f1 == 1.0


@pytest.mark.parametrize(("box", "status"), [([0.4, 0.4, 0.6, 0.6], 0), ([0.0, 0.0, 0.1, 0.1], 1)])
def test_the_command_line_judges(
    tool: ModuleType, tmp_path: Path, box: list[float], status: int
) -> None:
    marks = {"width": 100, "height": 100, "frames": [{"pts_ms": 0, "persons": [[50, 50]]}]}
    (tmp_path / "marks.json").write_text(json.dumps(marks))
    line = {"source": "lobby", "pts_ms": 0, "persons": [{"box": box, "confidence": 0.5}]}
    (tmp_path / "found.jsonl").write_text(json.dumps(line) + "\n")
    assert tool.main([str(tmp_path / "marks.json"), str(tmp_path)]) == status


def test_a_marked_frame_that_was_not_analysed_fails(tool: ModuleType, tmp_path: Path) -> None:
    marks = {"width": 100, "height": 100, "frames": [{"pts_ms": 0, "persons": []}]}
    (tmp_path / "marks.json").write_text(json.dumps(marks))
    (tmp_path / "found.jsonl").write_text("")
    assert tool.main([str(tmp_path / "marks.json"), str(tmp_path / "found.jsonl")]) == 1
