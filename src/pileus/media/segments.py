"""Cutting a stream of coded pictures into short Matroska files.

A segment begins with a keyframe and can be decoded alone. It keeps the source's own time: the
timestamps inside are milliseconds from the source's **first frame**, not from the segment's, so a
reader finds ``pts_ms`` in the file itself. The wall time at which the first frame was captured is the
object's name (:func:`segment_key`), from which lag is measured.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av

from pileus.media.units import SEGMENT_MS, AccessUnit, StreamFormat
from pileus.values.times import utc

_TOLERANCE_MS = 20
"""A keyframe this little before a boundary counts as on it: 29.97 frames a second never meet 2 s."""

_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a source, whole in memory.

    Attributes:
        pts_ms: time of its first picture, from the source's first frame.
        frames: how many pictures it holds.
        data: the Matroska file.
        units: the same pictures as an elementary stream, in decoding order.
    """

    pts_ms: int
    frames: int
    data: bytes
    units: tuple[AccessUnit, ...]


def segment_key(source: str, captured_at_ms: int) -> str:
    """``lobby/20261121T101502.000Z.mkv``: names sort as their captures do.

    Args:
        captured_at_ms: wall time, epoch milliseconds.
    """
    moment = utc(captured_at_ms).strftime("%Y%m%dT%H%M%S")
    return f"{source}/{moment}.{captured_at_ms % 1000:03d}Z.mkv"


class Cutter:
    """Collects pictures and gives a segment at each keyframe on or past the next boundary.

    Boundaries lie on a fixed grid, so segments average ``segment_ms`` although keyframes do not fall
    on it. A stream whose keyframes are further apart gives longer segments.
    """

    def __init__(self, stream: StreamFormat, segment_ms: int = SEGMENT_MS) -> None:
        self._stream = stream
        self._segment_ms = segment_ms
        self._boundary_ms = segment_ms
        self._units: list[AccessUnit] = []

    def add(self, unit: AccessUnit) -> Segment | None:
        """Take the next picture; the segment it completes, if it begins a new one.

        Raises:
            ValueError: the stream does not begin with a keyframe.
        """
        if not self._units and not unit.is_key:
            raise ValueError("a segment must begin with a keyframe")
        done = None
        if self._units and unit.is_key and unit.pts_ms >= self._boundary_ms - _TOLERANCE_MS:
            done = self.finish()
            passed = (unit.pts_ms + _TOLERANCE_MS) // self._segment_ms
            self._boundary_ms = (passed + 1) * self._segment_ms
        self._units.append(unit)
        return done

    def finish(self) -> Segment | None:
        """What is left at the end of the stream."""
        if not self._units:
            return None
        units, self._units = tuple(self._units), []
        return Segment(
            pts_ms=units[0].pts_ms,
            frames=len(units),
            data=matroska(units, self._stream),
            units=units,
        )


def matroska(units: tuple[AccessUnit, ...], stream: StreamFormat) -> bytes:
    """A Matroska file of the pictures, at their own times; the same bytes for the same pictures."""
    file = io.BytesIO()
    # Without bitexact every file carries a random id, and a segment sent again would differ.
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    rate = Fraction(stream.frames_per_second).limit_denominator(1001)
    with av.open(file, "w", format="matroska", options=options) as container:
        track = container.add_mux_stream(
            "h264", rate, width=stream.width, height=stream.height, time_base=_MILLISECOND
        )
        for unit in units:
            packet = av.Packet(unit.data)
            packet.pts, packet.dts = unit.pts_ms, unit.dts_ms
            packet.time_base = _MILLISECOND
            packet.is_keyframe = unit.is_key
            packet.stream = track
            container.mux(packet)
    return file.getvalue()
