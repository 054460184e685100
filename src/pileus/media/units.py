"""The values that travel through the media code: coded pictures, stream formats, counts."""

from __future__ import annotations

from dataclasses import dataclass

from pileus.values.errors import PileusError

SEGMENT_MS = 2000
"""How much of a source one segment holds."""


WINDOW_MS = 20
"""Sound that is cut at silences is judged in windows of this length."""
CUT_MEMORY_MS = 8000
"""Of the sound before a window, so much tells whether it is loud."""


class SourceError(PileusError):
    """A source cannot be read at all; the text says which and why."""


@dataclass(frozen=True)
class CutSettings:
    """Where sound is cut at silences (``media/stretches.py``); all three are multiples of 20 ms.

    Attributes:
        pause_ms: so long nothing is loud between two pieces.
        least_ms: what is loud for less, from its first to its last loud window, is no piece.
        most_ms: no piece is longer; so much that :attr:`zone_ms` is at least 400.
    """

    pause_ms: int = 500
    least_ms: int = 240
    most_ms: int = 15_000

    @property
    def zone_ms(self) -> int:
        """In every other stretch of the source's clock of this length, unbroken sound is cut once."""
        left_ms = self.most_ms - 2 * (self.pause_ms + self.least_ms)
        return left_ms // 3 // WINDOW_MS * WINDOW_MS


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture.

    Attributes:
        pts_ms: when it is shown, from the source's first frame; unique within a source.
        dts_ms: when it is decoded; strictly increasing; below ``pts_ms`` where pictures are
            reordered, and then possibly negative at the start.
        is_key: decoding can begin here (an IDR picture, preceded by its parameter sets).
        data: H.264 in Annex-B form (start codes).
    """

    pts_ms: int
    dts_ms: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What the produced H.264 looks like; pixels, and frames per second on average."""

    width: int
    height: int
    frames_per_second: float


@dataclass(slots=True)
class SourceCounts:
    """What went in and what was wrong with it; every drop and every mend is counted here.

    Attributes:
        packets: packets read.
        packets_damaged: packets the demuxer or decoder refused, and reads that failed.
        packets_before_keyframe: leading packets that nothing can decode.
        frames: pictures handed on.
        frames_thinned: pictures left out because the source is faster than the limit.
        timestamps_missing: packets or frames without a time, given one.
        timestamps_mended: times that went back or jumped for a moment, moved.
        discontinuities: places where the source's clock jumped for good; time goes on from there.
        keyframes_late: keyframes that came more than a second after the one before.
    """

    packets: int = 0
    packets_damaged: int = 0
    packets_before_keyframe: int = 0
    frames: int = 0
    frames_thinned: int = 0
    timestamps_missing: int = 0
    timestamps_mended: int = 0
    discontinuities: int = 0
    keyframes_late: int = 0
