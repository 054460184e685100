"""Reading a source of video: from whatever the file holds to H.264 pictures with good times.

Only files are read for now. A later kind of source (RTSP, HTTP push) gives the same two things, a
format and an iterator of access units, and everything behind it stays as it is.

Where the file already is H.264 with a keyframe each second, its packets are passed on unchanged;
otherwise it is decoded and encoded once (:mod:`pileus.media.transcode`). Damaged packets, missing or
disordered times and a truncated end are mended or left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pileus.media.h264 import has_idr
from pileus.media.timeline import Timeline
from pileus.media.transcode import FRAMES_PER_SECOND_MAX, KEYFRAME_MS, Transcoder, bounded_format
from pileus.media.units import AccessUnit, SourceCounts, SourceError, StreamFormat

FAILED_READS_MAX = 100
"""So many reads in a row without a packet mean that the file ends here."""

_SURVEY_PACKETS_MAX = 20_000
_KEYFRAME_SLACK_MS = 50
_PLAIN_PIXELS = ("yuv420p", "yuvj420p")


class Source(Protocol):
    """What a player plays."""

    stream: StreamFormat
    counts: SourceCounts
    is_copied: bool

    def units(self) -> Iterator[AccessUnit]:
        """Pictures in decoding order, the first a keyframe at 0 ms; may be asked for once."""
        ...


class FileSource:
    """A video file.

    Attributes:
        stream: format of the pictures handed on.
        is_copied: True when packets are passed on as they are.
        duration_ms: the length the file states, or None.
        counts: filled while :meth:`units` runs.

    Raises:
        SourceError: the file is missing, empty, not a video, or holds no picture.
    """

    def __init__(self, path: Path) -> None:
        self.counts = SourceCounts()
        self._path = path
        self._container = _open(path)
        self._video = _video_stream(self._container, path)
        context = self._video.codec_context
        context.thread_count = 1
        rate = self._video.average_rate or self._video.guessed_rate
        self._rate = min(max(float(rate or 25), 1.0), 240.0)
        self._rotation = self._find_rotation()
        self.is_copied = not self._rotation and self._can_be_copied()
        self.stream = (
            StreamFormat(context.width, context.height, self._rate)
            if self.is_copied
            else bounded_format(context.width, context.height, self._rotation, self._rate)
        )
        length = self._container.duration
        self.duration_ms = None if length is None else length // 1000

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    def units(self) -> Iterator[AccessUnit]:
        """The file's pictures; raises SourceError when not one of them can be decoded."""
        pictures = self._copied() if self.is_copied else self._transcoded()
        for unit in pictures:
            self.counts.frames += 1
            yield unit
        if not self.counts.frames:
            raise SourceError(f"{self._path}: no picture in it can be decoded.")

    def _find_rotation(self) -> int:
        """Degrees, counter-clockwise, by which a phone asks its recording to be turned."""
        rotation = 0
        try:
            frame = next(self._container.decode(self._video), None)
            rotation = frame.rotation if frame is not None else 0
        except FFmpegError:
            # The first picture is damaged; it is counted when the file is played.
            rotation = 0
        self._rewind()
        return rotation

    def _can_be_copied(self) -> bool:
        """True for 8-bit H.264 with an IDR picture at least each second in the part surveyed."""
        context = self._video.codec_context
        if context.name != "h264" or context.pix_fmt not in _PLAIN_PIXELS:
            return False
        to_annex_b = BitStreamFilterContext("h264_mp4toannexb", self._video)
        limit_ms = KEYFRAME_MS + _KEYFRAME_SLACK_MS
        last_key_ms: float | None = None
        at_ms = 0.0
        for number, packet in enumerate(self._packets(SourceCounts())):
            stated_ms = _time_ms(packet)
            at_ms = at_ms + 1000 / self._rate if stated_ms is None else stated_ms
            if packet.is_keyframe and _is_idr(packet, to_annex_b):
                if last_key_ms is not None and at_ms - last_key_ms > limit_ms:
                    break
                last_key_ms = at_ms
            if number == _SURVEY_PACKETS_MAX:
                break
        self._rewind()
        return last_key_ms is not None and at_ms - last_key_ms <= limit_ms

    def _rewind(self) -> None:
        """Open the file afresh: seeking is not exact in every container."""
        self._container.close()
        self._container = _open(self._path)
        self._video = _video_stream(self._container, self._path)
        self._video.codec_context.thread_count = 1

    def _packets(self, counts: SourceCounts) -> Iterator[Packet[VideoStream]]:
        """Packets of the video; reads that fail are counted and the reading goes on."""
        failed = 0
        demuxed = self._container.demux(self._video)
        while failed < FAILED_READS_MAX:
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except FFmpegError:
                failed += 1
                counts.packets_damaged += 1
                demuxed = self._container.demux(self._video)
                continue
            if packet.size == 0:
                continue
            failed = 0
            counts.packets += 1
            if packet.is_corrupt:
                counts.packets_damaged += 1
            yield packet

    def _copied(self) -> Iterator[AccessUnit]:
        counts = self.counts
        to_annex_b = BitStreamFilterContext("h264_mp4toannexb", self._video)
        timeline = Timeline(1000 / self._rate, counts)
        origin_ms: int | None = None
        last_key_ms = 0
        for packet in self._packets(counts):
            if packet.is_corrupt:
                continue
            try:
                filtered = to_annex_b.filter(packet)
            except FFmpegError:
                counts.packets_damaged += 1
                continue
            for whole in filtered:
                data = bytes(whole)
                is_key = whole.is_keyframe and has_idr(data)
                if origin_ms is None and not is_key:
                    counts.packets_before_keyframe += 1
                    continue
                delay_ms = _reordering_ms(whole)
                dts_ms = timeline.place(_decode_time_ms(whole))
                if origin_ms is None:
                    origin_ms = dts_ms + delay_ms
                pts_ms = dts_ms + delay_ms - origin_ms
                if is_key:
                    late_ms = pts_ms - last_key_ms - KEYFRAME_MS - _KEYFRAME_SLACK_MS
                    counts.keyframes_late += late_ms > 0
                    last_key_ms = pts_ms
                yield AccessUnit(pts_ms, dts_ms - origin_ms, is_key, data)

    def _transcoded(self) -> Iterator[AccessUnit]:
        encoder = Transcoder(self.stream, self._rotation)
        timeline = Timeline(1000 / self._rate, self.counts)
        step_ms = 1000 / FRAMES_PER_SECOND_MAX if self._rate > FRAMES_PER_SECOND_MAX else 0.0
        next_ms = 0.0
        for frame in self._frames():
            pts_ms = timeline.place(_frame_time_ms(frame))
            if pts_ms + 1 < next_ms:
                self.counts.frames_thinned += 1
                continue
            next_ms = max(next_ms + step_ms, float(pts_ms))
            yield from encoder.encode(frame, pts_ms)
        yield from encoder.finish()

    def _frames(self) -> Iterator[VideoFrame]:
        """Decoded pictures in the order they are shown; what cannot be decoded is counted."""
        context = self._video.codec_context
        for packet in self._packets(self.counts):
            try:
                yield from context.decode(packet)
            except FFmpegError:
                self.counts.packets_damaged += 1
        try:
            yield from context.decode(None)
        except FFmpegError:
            self.counts.packets_damaged += 1


def _open(path: Path) -> InputContainer:
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}.") from error
    if size_bytes == 0:
        raise SourceError(f"{path} is empty (0 bytes).")
    try:
        return av.open(str(path), metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        raise SourceError(f"{path} is not a video that can be read: {error}") from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        container.close()
        raise SourceError(f"{path} holds no video stream.")
    video = container.streams.video[0]
    if not video.codec_context.width or not video.codec_context.height:
        container.close()
        raise SourceError(f"{path}: the size of its pictures is not known; it may be truncated.")
    return video


def _is_idr(packet: Packet[VideoStream], to_annex_b: BitStreamFilterContext) -> bool:
    """False for an intra picture that later pictures may reach behind, and for a damaged one."""
    try:
        return any(has_idr(bytes(whole)) for whole in to_annex_b.filter(packet))
    except FFmpegError:
        return False


def _frame_time_ms(frame: VideoFrame) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base * 1000)


def _time_ms(packet: Packet[VideoStream]) -> float | None:
    """When the packet's picture is shown, on the source's clock."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None else float(ticks * packet.time_base * 1000)


def _decode_time_ms(packet: Packet[VideoStream]) -> float | None:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return None if ticks is None else float(ticks * packet.time_base * 1000)


def _reordering_ms(packet: Packet[VideoStream]) -> int:
    """How long after being decoded the picture is shown."""
    if packet.pts is None or packet.dts is None:
        return 0
    return max(0, round(float((packet.pts - packet.dts) * packet.time_base * 1000)))
