"""The source's picture for people who look: copied where it is H.264, else encoded; JPEG for pages without a
decoder. Nothing of it is made while nobody looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from av.video.frame import VideoFrame

from pileus.media.h264 import ByteStream, codec_string, has_idr
from pileus.media.intake.packets import Connection, Timed
from pileus.media.intake.stills import jpeg_of
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.media.transcode import Transcoder, bounded_format
from pileus.media.units import AccessUnit, StreamFormat
from pileus.ports.intakes import PREVIEW_BYTES_MAX, Attach, Preview, Told

JPEG_QUALITY = 75
JPEG_WIDTH_MAX = 960
JPEG_STEP_MS = 95
_GROUP_BYTES_MAX = 8 << 20
"""So much is kept since the last keyframe, for who begins to look before the next."""


class Previews:
    """Everybody who looks at one source. Used by one thread."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell = tell
        self._viewers: dict[str, _Copied | _Drawn] = {}
        self._wishes: dict[str, Attach] = {}
        self._connection: Connection | None = None
        self._group: list[tuple[Timed, int]] = []
        self._group_bytes = 0

    def begin(self, connection: Connection) -> None:
        """The source was connected anew, maybe with another picture."""
        self._connection = connection
        self._forget_group()
        self._viewers = {name: self._viewer(wish) for name, wish in self._wishes.items()}

    def end(self) -> None:
        """The connection is over."""
        self._connection = None
        self._forget_group()
        self._viewers.clear()

    def attach(self, wish: Attach) -> None:
        """Somebody looks: kind ``h264`` or ``jpeg``."""
        self._wishes[wish.id] = wish
        if self._connection is None or self._connection.video is None:
            return
        viewer = self._viewers[wish.id] = self._viewer(wish)
        if isinstance(viewer, _Copied):
            for timed, captured_at_ms in self._group:
                self._say(wish.id, viewer.packet(timed, captured_at_ms))

    def detach(self, name: str) -> bool:
        """Nobody looks any more; whether this was one of ours."""
        self._viewers.pop(name, None)
        return self._wishes.pop(name, None) is not None

    def add(self, timed: Timed, captured_at_ms: int) -> None:
        """A packet of the picture."""
        if timed.is_key:
            self._forget_group()
        if timed.is_key or self._group:
            self._group.append((timed, captured_at_ms))
            self._group_bytes += timed.packet.size
            if self._group_bytes > _GROUP_BYTES_MAX:
                self._forget_group()
        for name, viewer in self._viewers.items():
            self._say(name, viewer.packet(timed, captured_at_ms))

    @property
    def is_drawing(self) -> bool:
        """Whether somebody needs pictures that are decoded."""
        return any(isinstance(viewer, _Drawn) for viewer in self._viewers.values())

    def draw(self, frame: VideoFrame, pts_ms: int, captured_at_ms: int) -> None:
        """A decoded picture."""
        for name, viewer in self._viewers.items():
            if isinstance(viewer, _Drawn):
                self._say(name, viewer.frame(frame, pts_ms, captured_at_ms))

    def _viewer(self, wish: Attach) -> _Copied | _Drawn:
        assert self._connection is not None
        video = self._connection.video
        if wish.kind == "jpeg":
            return _Jpegs()
        rate = self._connection.rate
        if video is not None and video.codec_context.name == "h264":
            return _Copied(video, rate)
        return _Encoded(rate)

    def _say(self, name: str, records: Iterator[bytes]) -> None:
        told = b"".join(records)
        if told:
            self._tell(Preview(input=name, records=told))

    def _forget_group(self) -> None:
        self._group, self._group_bytes = [], 0


class _Copied:
    """H.264 as it is. Begins at a keyframe, and begins again at one where a picture is left out."""

    def __init__(self, video: Any, rate: float) -> None:
        context = video.codec_context
        self._stream = StreamFormat(context.width, context.height, rate)
        self._bytes = ByteStream(context.extradata or b"")
        self._needs_key = True

    def packet(self, timed: Timed, captured_at_ms: int) -> Iterator[bytes]:
        data = self._bytes.unit(bytes(timed.packet))
        unit = AccessUnit(timed.pts_ms, timed.dts_ms, has_idr(data), data)
        if len(data) > PREVIEW_BYTES_MAX:
            self._needs_key = True
        elif unit.is_key or not self._needs_key:
            self._needs_key = False
            yield from _records(unit, captured_at_ms, self._stream)


class _Drawn:
    """Made of decoded pictures, from a keyframe on."""

    def __init__(self) -> None:
        self._needs_key = True

    def packet(self, timed: Timed, captured_at_ms: int) -> Iterator[bytes]:
        self._needs_key = self._needs_key and not timed.is_key
        return iter(())

    def frame(self, frame: VideoFrame, pts_ms: int, captured_at_ms: int) -> Iterator[bytes]:
        if not self._needs_key:
            yield from self._drawn(frame, pts_ms, captured_at_ms)

    def _drawn(self, frame: VideoFrame, pts_ms: int, captured_at_ms: int) -> Iterator[bytes]:
        raise NotImplementedError


class _Encoded(_Drawn):
    """Another codec than H.264, encoded."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self._transcoder: Transcoder | None = None
        self._last_ms = -1

    def _drawn(self, frame: VideoFrame, pts_ms: int, captured_at_ms: int) -> Iterator[bytes]:
        if pts_ms <= self._last_ms:
            return
        self._last_ms = pts_ms
        if self._transcoder is None:
            stream = bounded_format(frame.width, frame.height, 0, self._rate)
            self._transcoder = Transcoder(stream)
        for unit in self._transcoder.encode(frame, pts_ms):
            yield from _records(unit, captured_at_ms, self._transcoder.stream)


class _Jpegs(_Drawn):
    """A few JPEG pictures a second."""

    def __init__(self) -> None:
        super().__init__()
        self._next_ms = 0

    def _drawn(self, frame: VideoFrame, pts_ms: int, captured_at_ms: int) -> Iterator[bytes]:
        if pts_ms < self._next_ms:
            return
        self._next_ms = pts_ms + JPEG_STEP_MS
        yield pack(JPEG, pts_ms, captured_at_ms, jpeg_of(frame, JPEG_WIDTH_MAX, JPEG_QUALITY))


def _records(unit: AccessUnit, captured_at_ms: int, stream: StreamFormat) -> Iterator[bytes]:
    """A picture; before a key picture what a decoder must know."""
    if unit.is_key:
        told = {
            "codec": codec_string(unit.data),
            "width": stream.width,
            "height": stream.height,
            "frames_per_second": stream.frames_per_second,
        }
        yield pack(DESCRIPTION, unit.pts_ms, captured_at_ms, json.dumps(told).encode())
    kind = KEY_PICTURE if unit.is_key else PICTURE
    yield pack(kind, unit.pts_ms, captured_at_ms, unit.data)
