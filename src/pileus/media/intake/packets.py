"""Packets of a source, their times made good and counted from the source's first."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
from av.container import InputContainer
from av.error import ExitError, FFmpegError
from av.packet import Packet

from pileus.media.intake.location import Location
from pileus.media.timeline import Timeline
from pileus.media.units import SourceCounts, SourceError

FAILED_READS_MAX = 100
"""So many reads in a row without a packet mean that the source is broken."""
_HUNG_UP = frozenset({errno.EIO, errno.ECONNRESET, errno.EPIPE})
"""How the end of a publisher's connection looks."""
_REMOTE = frozenset({"rtsp", "rtsps", "http", "https", "tcp"})
_RATE_DEFAULT = 25.0
_REORDERED_MAX = 16
"""So many pictures at most are decoded before they are shown (H.264, H.265)."""


class Stalled(SourceError):
    """The source is silent for too long."""


@dataclass(frozen=True)
class Timed:
    """A packet and its place on the source's clock, in ms; ``dts_ms`` grows strictly within a stream.
    ``tick_ms``: a unit of the packet's own clock."""

    packet: Packet[Any]
    is_video: bool
    pts_ms: int
    dts_ms: int
    tick_ms: float

    @property
    def is_key(self) -> bool:
        """Whether a segment may begin with it."""
        return bool(self.packet.is_keyframe)


class Connection:
    """An open source. ``origin_ms``: where on the source's clock its first packet lies.

    Raises:
        SourceError: it cannot be opened, or holds neither picture nor sound.
    """

    def __init__(
        self,
        location: Location,
        counts: SourceCounts,
        origin_ms: int,
        timeouts_s: tuple[float, float],
    ) -> None:
        self._location, self.counts, self._origin_ms = location, counts, origin_ms
        try:
            self._container: InputContainer = av.open(
                location.target if location.file is None else location.file,
                format=location.format or None,
                options=location.options,
                timeout=timeouts_s if location.file is None else None,
                metadata_errors="replace",
            )
        except (FFmpegError, OSError, ValueError) as error:
            why = _words(error, location) + _hint(error, location)
            raise SourceError(f"{location.shown}: {why}") from None
        streams = self._container.streams
        self.video = streams.video[0] if streams.video else None
        self.audio = streams.audio[0] if streams.audio else None
        if self.video is None and self.audio is None:
            self.close()
            raise SourceError(f"{location.shown} holds neither picture nor sound.")
        for stream in (self.video, self.audio):
            if stream is not None:
                stream.codec_context.thread_count = 1

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._container.close()

    def _has_hung_up(self, error: FFmpegError) -> bool:
        """Whether a read failed as it does when the other side closes the connection."""
        is_connection = self._location.is_listening or self._location.may_end
        return is_connection and error.errno in _HUNG_UP

    @property
    def is_finite(self) -> bool:
        """Whether a source that may be live says where it ends: a playlist that is complete, a file."""
        return self._location.may_end and (self._container.duration or 0) > 0

    @property
    def rate(self) -> float:
        """Pictures a second as the source states, or 25."""
        rate = self.video and (self.video.average_rate or self.video.guessed_rate)
        return min(max(float(rate or _RATE_DEFAULT), 1.0), 240.0)

    def packets(self) -> Iterator[Timed]:
        """Packets until the end of the source.

        Raises:
            Stalled: nothing came for too long.
            SourceError: too many reads failed in a row.
        """
        leading = self.video or self.audio
        assert leading is not None
        nominal_ms = 1000 / self.rate if self.video else 20.0
        timeline = Timeline(nominal_ms, self.counts)
        last_ms = {True: -1, False: -1}
        # Once a stream: a fraction a packet would cost more than to read it.
        ticks_ms = {
            is_video: float((stream.time_base or Fraction(1, 1000)) * 1000)
            for is_video, stream in ((True, self.video), (False, self.audio))
            if stream is not None
        }
        for packet in self._decoding_times(nominal_ms):
            is_video = packet.stream is self.video
            tick_ms, dts = ticks_ms[is_video], packet.dts
            ticks = packet.pts if dts is None else dts
            at_ms = None if ticks is None else ticks * tick_ms
            if packet.stream is leading:
                dts_ms = timeline.place(at_ms) + self._origin_ms
            elif last_ms[leading is self.video] < 0 or at_ms is None:
                self.counts.packets_before_keyframe += 1
                continue  # sound before the first picture has no place yet
            else:
                dts_ms = round(at_ms + timeline.shift_ms) + self._origin_ms
            dts_ms = max(dts_ms, last_ms[is_video] + 1)
            last_ms[is_video] = dts_ms
            pts_ms = dts_ms + _reordering_ms(packet, tick_ms)
            yield Timed(packet, is_video, pts_ms, dts_ms, tick_ms)

    def _decoding_times(self, nominal_ms: float) -> Iterator[Packet[Any]]:
        """Packets, the first of which may lack their decoding time where pictures are reordered (Matroska
        keeps none): they get it from the first that has one, at the nominal rate."""
        packets = self._read()
        if self.video is None or not self.video.codec_context.has_b_frames:
            yield from packets
            return
        waiting: list[Packet[Any]] = []
        for packet in packets:
            waiting.append(packet)
            lacking = [each for each in waiting if each.stream is self.video and each.dts is None]
            if packet.stream is self.video and packet.dts is not None:
                step = nominal_ms / 1000 / float(packet.time_base)
                for back, each in enumerate(reversed(lacking), 1):
                    each.dts = packet.dts - round(back * step)
            elif len(lacking) <= _REORDERED_MAX:
                continue
            yield from waiting
            yield from packets
            return
        yield from waiting

    def _read(self) -> Iterator[Packet[Any]]:
        chosen = [stream for stream in (self.video, self.audio) if stream is not None]
        demuxed = self._container.demux(chosen)
        failed, has_key = 0, self.video is None
        while True:
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except ExitError:
                raise Stalled(f"{self._location.shown} sends nothing any more.") from None
            except FFmpegError as error:
                if self._has_hung_up(error):
                    return
                failed += 1
                self.counts.packets_damaged += 1
                if failed >= FAILED_READS_MAX:
                    raise SourceError(
                        f"{self._location.shown}: {_words(error, self._location)}"
                    ) from None
                demuxed = self._container.demux(chosen)
                continue
            if packet.size == 0:
                continue
            failed = 0
            self.counts.packets += 1
            if packet.is_corrupt:
                self.counts.packets_damaged += 1
                continue
            if packet.stream is self.video and not has_key:
                has_key = bool(packet.is_keyframe)
                if not has_key:
                    self.counts.packets_before_keyframe += 1
                    continue
            yield packet


def _reordering_ms(packet: Packet[Any], tick_ms: float) -> int:
    """How long after being decoded the picture is shown."""
    if packet.pts is None or packet.dts is None:
        return 0
    return max(0, round((packet.pts - packet.dts) * tick_ms))


def _words(error: Exception, location: Location) -> str:
    """The reason without the address, which may hold a password."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return str(reason).replace(location.target, location.shown)


def _hint(error: Exception, location: Location) -> str:
    """What to look at when it cannot be opened, where FFmpeg's words do not tell."""
    if location.expects:
        return f"; {location.expects}"
    is_remote = location.shown.partition(":")[0] in _REMOTE
    # A name that nobody can resolve is an I/O error to FFmpeg.
    if is_remote and getattr(error, "errno", None) == errno.EIO:
        return "; nobody knows the host, or it hung up"
    return ""
