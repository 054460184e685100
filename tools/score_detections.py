"""Compare stored detections with hand-marked persons: precision, recall, F1.

    python tools/score_detections.py MARKS.json DETECTIONS [DETECTIONS …] [--radius 30] [--floor 0.85]

``DETECTIONS`` are ``.jsonl`` files as the app stores them (a line a frame: ``pts_ms``, ``persons``
with ``box`` in fractions), or folders of them. ``MARKS.json`` holds ``width``, ``height`` and
``frames``: ``pts_ms``, ``persons`` (centres in pixels) and optionally ``unsure`` (persons of whom
almost nothing shows: finding them is neither right nor wrong). A detection is right when its
centre lies within ``--radius`` pixels of a mark that no nearer detection has taken. Exits 1 when
F1 is below ``--floor`` or a marked frame was not analysed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """Counts over all marked frames."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of detections that are right; 1 where there was none."""
        found = self.right + self.wrong
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of marked persons that were found; 1 where none was marked."""
        marked = self.right + self.missed
        return self.right / marked if marked else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def score_frame(
    found: Sequence[Point], marked: Sequence[Point], unsure: Sequence[Point], radius: float
) -> Score:
    """Pair detections with marks, nearest pairs first, each used once."""
    pairs = sorted(
        (math.dist(a, b), at, to)
        for at, a in enumerate(found)
        for to, b in enumerate(marked)
        if math.dist(a, b) <= radius
    )
    detections: set[int] = set()
    persons: set[int] = set()
    for _, at, to in pairs:
        if at not in detections and to not in persons:
            detections.add(at)
            persons.add(to)
    wrong = sum(
        1
        for at, centre in enumerate(found)
        if at not in detections and all(math.dist(centre, mark) > radius for mark in unsure)
    )
    return Score(len(persons), wrong, len(marked) - len(persons))


def read_detections(paths: Iterable[Path]) -> dict[int, list[list[float]]]:
    """``pts_ms`` to boxes; a frame stored twice counts once, the later line wins."""
    frames: dict[int, list[list[float]]] = {}
    for path in paths:
        files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        for file in files:
            for line in file.read_text().splitlines():
                frame = json.loads(line)
                frames[frame["pts_ms"]] = [person["box"] for person in frame["persons"]]
    return frames


def nearest(frames: dict[int, Any], pts_ms: int, within_ms: int) -> int | None:
    """The analysed frame nearest to ``pts_ms``, or None when none is within ``within_ms``."""
    best = min(frames, key=lambda at: abs(at - pts_ms), default=None)
    return best if best is not None and abs(best - pts_ms) <= within_ms else None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a frame and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("marks", type=Path)
    parser.add_argument("detections", type=Path, nargs="+")
    parser.add_argument("--radius", type=float, default=30.0, help="pixels")
    parser.add_argument("--floor", type=float, default=0.85, help="least F1")
    parser.add_argument("--within-ms", type=int, default=10, help="timestamp tolerance")
    options = parser.parse_args(arguments)
    marks = json.loads(options.marks.read_text())
    frames = read_detections(options.detections)
    total, absent = Score(), 0
    for frame in marks["frames"]:
        at = nearest(frames, frame["pts_ms"], options.within_ms)
        if at is None:
            absent += 1
            _say(f"{frame['pts_ms']:>8} ms  not analysed")
            continue
        centres = [
            ((x0 + x1) / 2 * marks["width"], (y0 + y1) / 2 * marks["height"])
            for x0, y0, x1, y1 in frames[at]
        ]
        score = score_frame(centres, frame["persons"], frame.get("unsure", []), options.radius)
        total += score
        _say(f"{at:>8} ms  right {score.right}  wrong {score.wrong}  missed {score.missed}")
    _say(
        f"precision {total.precision:.3f}  recall {total.recall:.3f}  F1 {total.f1:.3f}  "
        f"({total.right} right, {total.wrong} wrong, {total.missed} missed, "
        f"{absent} frames not analysed)"
    )
    return 0 if total.f1 >= options.floor and not absent else 1


if __name__ == "__main__":
    sys.exit(main())
