"""Whether anything moves: the luma plane, sampled coarsely, against a slowly following background."""

from __future__ import annotations

from typing import Any

import numpy
from av.video.frame import VideoFrame

_GRID = 8
"""Every eighth pixel of every eighth row."""
_STEP = 18.0
"""A pixel has changed when it differs by more, of 255."""
_PART = 0.002
"""So large a part of the pixels must have changed."""
_FOLLOW = 0.1
"""How fast the background follows."""
_HOLD = 5
"""Pictures that still pass after the last that moved, so that what stops is seen standing."""


class MotionGate:
    """Lets pictures through while something moves, and the first one."""

    def __init__(self) -> None:
        self._background: Any = None
        self._held = 0

    def moves(self, frame: VideoFrame) -> bool:
        """Whether the picture is worth looking at."""
        luma = _luma(frame)
        if self._background is None or self._background.shape != luma.shape:
            self._background = luma
            self._held = _HOLD
            return True
        luma -= self._background
        changed = numpy.count_nonzero((luma > _STEP) | (luma < -_STEP))
        luma *= _FOLLOW
        self._background += luma
        self._held = _HOLD if changed > _PART * luma.size else self._held - 1
        return self._held > 0


def _luma(frame: VideoFrame) -> Any:
    if not frame.format.name.startswith(("yuv", "nv12", "nv21", "gray")):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    rows = numpy.frombuffer(memoryview(plane), numpy.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height : _GRID, : frame.width : _GRID].astype(numpy.float32)
