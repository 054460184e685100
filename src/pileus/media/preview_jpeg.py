"""The picture as JPEG, for pages that cannot decode H.264.

Loaded only when such a page watches: the encoder brings NumPy along.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import simplejpeg
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from pileus.media.preview import JPEG, pack
from pileus.media.units import AccessUnit

JPEG_QUALITY = 75
JPEG_STEP_MS = 95
"""At most about ten JPEG pictures a second."""


class JpegPictures:
    """The pictures of one source as JPEG; begins at a keyframe."""

    def __init__(self) -> None:
        self._decoder: VideoCodecContext | None = None
        self._captured_at_ms: dict[int, int] = {}
        self._next_ms = 0

    def records(self, unit: AccessUnit, captured_at_ms: int) -> Iterator[bytes]:
        """Records of the pictures that became ready with this unit."""
        if self._decoder is None:
            if not unit.is_key:
                return
            self._decoder = av.CodecContext.create("h264", "r")
            self._decoder.thread_count = 1
            self._captured_at_ms.clear()
        packet = av.Packet(unit.data)
        packet.pts, packet.dts = unit.pts_ms, unit.dts_ms
        self._captured_at_ms[unit.pts_ms] = captured_at_ms
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError:
            self._decoder = None  # begins again at the next keyframe
            return
        for frame in frames:
            at_ms = self._captured_at_ms.pop(frame.pts, None) if frame.pts is not None else None
            if frame.pts is None or at_ms is None or frame.pts < self._next_ms:
                continue
            self._next_ms = frame.pts + JPEG_STEP_MS
            pixels = frame.to_ndarray(format="rgb24")
            picture = simplejpeg.encode_jpeg(
                pixels, quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420"
            )
            yield pack(JPEG, frame.pts, at_ms, picture)
