"""Cutting a source into short Matroska files without decoding it, picture and sound together."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError, InvalidDataError
from av.video.frame import VideoFrame

from pileus.media.intake.packets import Connection, Timed
from pileus.media.intake.plain_sound import PlainSound
from pileus.media.intake.stills import still, still_of
from pileus.ports.intakes import Segment
from pileus.values.errors import PileusError
from pileus.values.spool_names import SpoolName, unfinished_name

_MILLISECOND = Fraction(1, 1000)
_STILL_EVERY_MS = 4000 - 50
"""A segment of less length has the same still as the one before."""
_TOLERANCE_MS = 20
"""A keyframe this little before a boundary counts as on it."""
_LONGEST = 10
"""Segments of a source whose keyframes are far apart are at most so many times as long as wished; a longer
one ends without waiting for a keyframe, which only its first successor misses."""


def _undecoded(timed: Timed) -> VideoFrame | None:
    """Nobody has anything decoded."""
    return None


class CannotRecord(PileusError):
    """The spool cannot be written, or Matroska cannot hold the codec."""


class Recorder:
    """Writes the packets of one connection.

    ``spool``: a folder, whose owner takes the files away. A finished segment's name tells its times
    (``SpoolName``): it can be stored by a platform that never heard of it. ``picture_of``: a packet's picture where
    somebody has it decoded anyway.
    """

    def __init__(
        self,
        connection: Connection,
        spool: Path,
        segment_ms: int,
        stream: str,
        picture_of: Callable[[Timed], VideoFrame | None] = _undecoded,
    ) -> None:
        self._connection, self._spool, self._segment_ms = connection, spool, segment_ms
        self._stream, self._picture_of = stream, picture_of
        self._output: Any = None
        self._plain: PlainSound | None = None
        self._tracks: dict[bool, Any] = {}
        self._part = Path()
        self._start_ms = self._stop_ms = self._captured_at_ms = self._pictures = 0
        self._begun_ms: int | None = None
        self._still = b""
        self._still_ms: int | None = None

    def add(self, timed: Timed, captured_at_ms: int) -> Segment | None:
        """Write a packet; the segment it ends, if it begins a new one. Raises CannotRecord."""
        leads = timed.is_video or self._connection.video is None
        done = None
        if self._output is not None and leads:
            length_ms = timed.pts_ms - self._start_ms
            is_long = length_ms >= self._segment_ms * _LONGEST
            if is_long or (timed.is_key and length_ms >= self._segment_ms - _TOLERANCE_MS):
                done = self.finish()
        try:
            if self._output is None:
                self._begin(timed, captured_at_ms)
            self._mux(timed)
        except (FFmpegError, OSError, ValueError) as error:
            raise CannotRecord(f"The source cannot be recorded: {error}") from error
        if leads:  # sound may run ahead of the picture, into what is the next segment's time
            self._stop_ms = max(self._stop_ms, timed.pts_ms)
        self._pictures += timed.is_video
        return done

    def begun(self) -> int | None:
        """Where a segment has begun since this was asked for last; None where none has."""
        begun_ms, self._begun_ms = self._begun_ms, None
        return begun_ms

    def _begin(self, timed: Timed, captured_at_ms: int) -> None:
        self._part = self._spool / unfinished_name(os.getpid(), captured_at_ms)
        options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
        self._output = av.open(str(self._part), "w", format="matroska", options=options)
        try:
            self._tracks = self._new_tracks()
        except ValueError:
            self._output = None  # nothing is under way: there is no file yet
            raise
        if timed.is_video and timed.is_key:
            self._attach_still(timed)
        self._start_ms = self._stop_ms = self._begun_ms = timed.pts_ms
        self._captured_at_ms, self._pictures = captured_at_ms, 0

    def _attach_still(self, timed: Timed) -> None:
        """Of the segment's first picture, or of one shortly before: a keyframe costs as much as several others."""
        if self._still_ms is None or timed.pts_ms - self._still_ms >= _STILL_EVERY_MS:
            frame = self._picture_of(timed)
            video = self._connection.video
            self._still = still(video, timed.packet) if frame is None else still_of(frame)
            self._still_ms = timed.pts_ms
        if self._still:
            self._output.add_attachment("cover.jpg", "image/jpeg", self._still)

    def _new_tracks(self) -> dict[bool, Any]:
        """By whether it is the picture. Raises ValueError for a picture that Matroska cannot hold."""
        video, audio = self._connection.video, self._connection.audio
        tracks: dict[bool, Any] = {}
        if video is not None:
            tracks[True] = self._output.add_stream_from_template(video)
        if audio is not None:
            try:
                tracks[False] = self._output.add_stream_from_template(audio)
            except ValueError:
                self._plain = PlainSound(audio)
                tracks[False] = self._plain.new_track(self._output)
        return tracks

    def _mux(self, timed: Timed) -> None:
        packet, track = timed.packet, self._tracks[timed.is_video]
        if self._plain is not None and not timed.is_video:
            self._mux_plain(self._plain, timed)
            return
        kept = packet.stream, packet.pts, packet.dts, packet.time_base
        packet.stream = track
        packet.time_base = _MILLISECOND
        packet.pts, packet.dts = timed.pts_ms, timed.dts_ms
        self._output.mux(packet)
        packet.stream, packet.pts, packet.dts, packet.time_base = kept

    def _mux_plain(self, plain: PlainSound, timed: Timed) -> None:
        try:
            made = list(plain.packets(timed.packet, timed.pts_ms, self._tracks[False]))
        except InvalidDataError:
            self._connection.counts.packets_damaged += 1
            return
        self._output.mux(made)

    def finish(self) -> Segment | None:
        """End the segment under way: on disk and under its name. Raises CannotRecord."""
        if self._output is None:
            return None
        try:
            self._output.close()
            self._output = None
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
                size_bytes = os.fstat(file.fileno()).st_size
            name = SpoolName(
                self._captured_at_ms, self._stream, self._start_ms, self._stop_ms, self._pictures
            )
            done = Segment(
                path=str(self._spool / str(name)),
                stream=self._stream,
                start_ms=self._start_ms,
                stop_ms=self._stop_ms,
                captured_at_ms=self._captured_at_ms,
                size_bytes=size_bytes,
                pictures=self._pictures,
            )
            self._part.rename(done.path)
        except (FFmpegError, OSError) as error:
            raise CannotRecord(f"The source cannot be recorded: {error}") from error
        return done
