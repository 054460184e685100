"""The player's side of the preview: pictures to the control process, as they are played.

Showing a picture never delays or fails the player: what cannot be sent is dropped up to the next
keyframe, and counted.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote, urlsplit

import av
import simplejpeg
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from pileus.media.h264 import codec_string
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.media.units import AccessUnit, StreamFormat
from pileus.values.errors import PileusError

WAITING_BYTES_MAX = 4 << 20
BATCH_STEP_S = 0.1
"""No more than ten requests a second, whatever the rate."""

JPEG_QUALITY = 75
JPEG_STEP_MS = 95
"""At most about ten JPEG pictures a second."""

_TIMEOUT_S = 2.0


class PreviewAway(PileusError):
    """The platform cannot be reached now, or shows no pictures."""


class Post(Protocol):
    """Takes batches of records to the hub."""

    def send(self, batch: bytes) -> bool:
        """Send; True when the hub wants JPEG records too. PreviewAway when it cannot be sent."""
        ...

    def close(self) -> None: ...


class HttpPost:
    """Batches over one kept-alive connection; used by one thread.

    Args:
        endpoint: ``http://127.0.0.1:4566``.
        token: the console's, where the platform asks for one.
    """

    def __init__(self, endpoint: str, source: str, token: str = "") -> None:
        self._address = urlsplit(endpoint)
        self._path = f"/_pileus/media/{quote(source, safe='')}/preview"
        self._headers = {"Content-Type": "application/octet-stream"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def send(self, batch: bytes) -> bool:
        """See :class:`Post`."""
        if self._connection is None:
            host, port = self._address.hostname or "127.0.0.1", self._address.port
            self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            self._connection.request("POST", self._path, body=batch, headers=self._headers)
            response = self._connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise PreviewAway(f"{self._path} answered with status {response.status}")
            return bool(json.loads(answer)["jpeg"])
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.close()
            raise PreviewAway(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PreviewFeed:
    """Sends each picture with its capture time, from a thread of its own.

    Attributes:
        sent, dropped: pictures.
    """

    def __init__(self, post: Post, stream: StreamFormat, step_s: float = BATCH_STEP_S) -> None:
        self.sent = 0
        self.dropped = 0
        self._post = post
        self._stream = stream
        self._step_s = step_s
        self._jpeg: JpegPictures | None = None
        self._waiting: deque[tuple[AccessUnit, int]] = deque()
        self._waiting_bytes = 0
        self._needs_key = True
        self._is_closed = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    def add(self, unit: AccessUnit, captured_at_ms: int) -> None:
        """Take the next picture; returns at once."""
        with self._changed:
            is_full = self._waiting_bytes + len(unit.data) > WAITING_BYTES_MAX
            if is_full or (self._needs_key and not unit.is_key):
                self._needs_key = True
                self.dropped += 1
                return
            self._needs_key = False
            self._waiting.append((unit, captured_at_ms))
            self._waiting_bytes += len(unit.data)
            self._changed.notify()

    def close(self) -> None:
        """Send what waits; two seconds at most."""
        self._is_closed.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        needs_key = True
        while batch := self._next():
            if needs_key:
                # A hub that was away has forgotten what other pictures lean on.
                usable = next((at for at, one in enumerate(batch) if one[0].is_key), len(batch))
                self.dropped += usable
                batch = batch[usable:]
            if not batch:
                continue
            try:
                wants_jpeg = self._post.send(b"".join(self._records(batch)))
            except PreviewAway:
                needs_key = True
                self.dropped += len(batch)
                continue
            needs_key = False
            self.sent += len(batch)
            if not wants_jpeg:
                self._jpeg = None
            elif self._jpeg is None:
                self._jpeg = JpegPictures()
            self._is_closed.wait(self._step_s)
        self._post.close()

    def _next(self) -> list[tuple[AccessUnit, int]]:
        """All that waits, waiting for something; empty when closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed.is_set())
            batch = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            return batch

    def _records(self, batch: list[tuple[AccessUnit, int]]) -> Iterator[bytes]:
        for unit, captured_at_ms in batch:
            if unit.is_key:
                about = self._description(unit)
                yield pack(DESCRIPTION, unit.pts_ms, captured_at_ms, about)
            kind = KEY_PICTURE if unit.is_key else PICTURE
            yield pack(kind, unit.pts_ms, captured_at_ms, unit.data)
            if self._jpeg is not None:
                yield from self._jpeg.records(unit, captured_at_ms)

    def _description(self, unit: AccessUnit) -> bytes:
        fields = {
            "codec": codec_string(unit.data),
            "width": self._stream.width,
            "height": self._stream.height,
            "frames_per_second": self._stream.frames_per_second,
        }
        return json.dumps(fields).encode()


class JpegPictures:
    """The same pictures as JPEG, for pages that cannot decode H.264; begins at a keyframe."""

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
