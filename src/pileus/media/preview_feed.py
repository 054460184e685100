"""The player's side of the preview: batches of pictures to the control process, at leisure.

Sending never delays or fails the player: a batch that cannot be sent, or that waits while the last one
is being sent, is dropped and counted.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
from urllib.parse import quote, urlsplit

import av
import simplejpeg
from av.error import FFmpegError

from pileus.media.h264 import codec_string
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.media.units import AccessUnit, StreamFormat

_WAITING_MAX = 4
_TIMEOUT_S = 2.0
_JPEG_QUALITY = 75

Batch = list[tuple[AccessUnit, int]]
"""Pictures of one keyframe interval with their capture times, epoch milliseconds."""


class PreviewFeed:
    """Sends each keyframe interval of a source as one POST, from a thread of its own.

    Attributes:
        sent, dropped: batches.
    """

    def __init__(self, endpoint: str, source: str, stream: StreamFormat) -> None:
        self.sent = 0
        self.dropped = 0
        self._address = urlsplit(endpoint)
        self._path = f"/_pileus/media/{quote(source, safe='')}/preview"
        self._stream = stream
        self._batch: Batch = []
        self._wants_jpeg = False
        self._waiting: queue.Queue[Batch | None] = queue.Queue(_WAITING_MAX)
        self._thread = threading.Thread(target=self._send_all, name="preview", daemon=True)
        self._thread.start()

    def add(self, unit: AccessUnit, captured_at_ms: int) -> None:
        """Take the next picture; each key picture completes the batch before it."""
        if unit.is_key:
            self._offer()
        self._batch.append((unit, captured_at_ms))

    def close(self) -> None:
        """Send what is left; waits a few seconds at most."""
        self._offer()
        try:
            self._waiting.put(None, timeout=_TIMEOUT_S)
        except queue.Full:
            return
        self._thread.join(2 * _TIMEOUT_S)

    def _offer(self) -> None:
        if not self._batch:
            return
        try:
            self._waiting.put_nowait(self._batch)
        except queue.Full:
            self.dropped += 1
        self._batch = []

    def _send_all(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while (batch := self._waiting.get()) is not None:
            if connection is None:
                connection = http.client.HTTPConnection(
                    self._address.hostname or "127.0.0.1", self._address.port, timeout=_TIMEOUT_S
                )
            try:
                connection.request("POST", self._path, body=self._encode(batch))
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200:
                    raise http.client.HTTPException(f"status {response.status}")
                self._wants_jpeg = bool(json.loads(answer).get("jpeg"))
                self.sent += 1
            except (OSError, http.client.HTTPException, ValueError):
                # The platform is away, or serves no preview: pictures are not worth waiting for.
                self.dropped += 1
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _encode(self, batch: Batch) -> bytes:
        first, captured_at_ms = batch[0]
        description = {
            "codec": codec_string(first.data),
            "width": self._stream.width,
            "height": self._stream.height,
            "frames_per_second": self._stream.frames_per_second,
        }
        records = [
            pack(DESCRIPTION, first.pts_ms, captured_at_ms, json.dumps(description).encode())
        ]
        records += [
            pack(KEY_PICTURE if unit.is_key else PICTURE, unit.pts_ms, at_ms, unit.data)
            for unit, at_ms in batch
        ]
        if self._wants_jpeg:
            records += jpeg_records(batch)
        return b"".join(records)


def jpeg_records(batch: Batch) -> list[bytes]:
    """The same pictures as JPEG records, for pages that cannot decode H.264."""
    times = {unit.pts_ms: at_ms for unit, at_ms in batch}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = []
    for unit, _ in batch:
        packet = av.Packet(unit.data)
        packet.pts, packet.dts = unit.pts_ms, unit.dts_ms
        try:
            frames += decoder.decode(packet)
        except FFmpegError:
            continue
    frames += decoder.decode(None)
    return [
        pack(
            JPEG,
            frame.pts,
            times[frame.pts],
            simplejpeg.encode_jpeg(
                frame.to_ndarray(format="rgb24"), quality=_JPEG_QUALITY, colorsubsampling="420"
            ),
        )
        for frame in frames
        if frame.pts in times
    ]
