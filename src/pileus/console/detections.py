"""Detections read from the results bucket: who was seen in which frame, newest last.

The form is the app's: one ``.jsonl`` object a segment, a line a frame, ``{"source", "pts_ms",
"persons": [{"box": [x0, y0, x1, y1], "confidence"}]}`` with boxes in 0–1 and ``pts_ms`` counted
from the source's first frame.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import msgspec
import orjson

Frame = tuple[float, list[list[float]]]
"""``(pts_ms, [[x0, y0, x1, y1, confidence], …])``."""

POINTS_KEPT = 18_000
"""Half an hour at ten frames a second."""
BOXES_KEPT = 600
"""A minute at ten frames a second."""
LINE_BYTES_MAX = 1 << 20


class ParsedResult(msgspec.Struct):
    """What one object held.

    Attributes:
        frames: by source, ascending in time.
        bad_lines: lines that were not a frame.
    """

    frames: dict[str, list[Frame]] = msgspec.field(default_factory=dict)
    bad_lines: int = 0


def parse_result(raw: bytes) -> ParsedResult:
    """Read one ``.jsonl`` object; lines of another form are counted, not guessed at."""
    result = ParsedResult()
    for line in raw.splitlines():
        if not line.strip():
            continue
        try:
            source, frame = _frame(orjson.loads(line[:LINE_BYTES_MAX]))
        except (ValueError, KeyError, TypeError):
            result.bad_lines += 1
            continue
        result.frames.setdefault(source, []).append(frame)
    for frames in result.frames.values():
        frames.sort(key=lambda frame: frame[0])
    return result


def _frame(line: Any) -> tuple[str, Frame]:
    boxes = []
    for person in line["persons"]:
        x0, y0, x1, y1 = (round(float(edge), 4) for edge in person["box"])
        boxes.append([x0, y0, x1, y1, round(float(person.get("confidence", 1)), 3)])
    return str(line["source"]), (float(line["pts_ms"]), boxes)


class PeopleTrack:
    """People over one run of one source: counts for the chart, boxes for the newest frames.

    A run is known by the key of its first result; keys sort by time of capture, so a result that
    comes late is told from the beginning of a new run, whose time starts at zero again.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.run = ""
        self._newest_key = ""
        self._times: list[float] = []
        self._counts: list[int] = []
        self._frames: dict[float, list[list[float]]] = {}

    def add(self, key: str, frames: list[Frame]) -> bool:
        """Put one result's frames in at their time; one read before (a redelivery) is replaced.

        Returns:
            False when the result belongs to an earlier run and was passed over.
        """
        if not frames or key < self.run:
            return False
        is_newest = key > self._newest_key
        if not self.run or (is_newest and frames[0][0] <= self._times[-1]):
            self.run = key
            self._times.clear()
            self._counts.clear()
            self._frames.clear()
        self._newest_key = max(self._newest_key, key)
        for pts_ms, boxes in frames:
            self._put(pts_ms, boxes)
        self._forget()
        return True

    def points(self) -> list[tuple[float, int]]:
        """``(pts_ms, people)`` in order."""
        return list(zip(self._times, self._counts, strict=True))

    def frames(self) -> list[Frame]:
        """The newest frames with their boxes, in order."""
        return sorted(self._frames.items())

    def _put(self, pts_ms: float, boxes: list[list[float]]) -> None:
        at = bisect_left(self._times, pts_ms)
        if at < len(self._times) and self._times[at] == pts_ms:
            self._counts[at] = len(boxes)
        else:
            self._times.insert(at, pts_ms)
            self._counts.insert(at, len(boxes))
        self._frames[pts_ms] = boxes

    def _forget(self) -> None:
        surplus = len(self._times) - POINTS_KEPT
        if surplus > 0:
            del self._times[:surplus], self._counts[:surplus]
        if len(self._frames) > BOXES_KEPT:
            for pts_ms in sorted(self._frames)[: len(self._frames) - BOXES_KEPT]:
                del self._frames[pts_ms]
