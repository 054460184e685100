"""The player's side of the preview: pictures to the control process, as they are played.

Showing a picture never delays or fails the player: what cannot be sent is dropped up to the next
keyframe, and counted.
"""

from __future__ import annotations

import http.client
import importlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from pileus.media.h264 import codec_string
from pileus.media.preview import DESCRIPTION, KEY_PICTURE, PICTURE, pack
from pileus.media.units import AccessUnit, StreamFormat
from pileus.values.errors import PileusError

WAITING_BYTES_MAX = 4 << 20
BATCH_STEP_S = 0.1
"""No more than ten requests a second, whatever the rate."""

UNWATCHED_STEP_S = 1.0
"""While no page watches, the hub only keeps its last seconds for one that may come."""

_TIMEOUT_S = 2.0


class PreviewAway(PileusError):
    """The platform cannot be reached now, or shows no pictures."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who watches a source now.

    Attributes:
        watchers: pages.
        wants_jpeg: whether one of them needs JPEG records.
    """

    watchers: int
    wants_jpeg: bool


class Post(Protocol):
    """Takes batches of records to the hub."""

    def send(self, batch: bytes) -> Audience:
        """Send; who watches. PreviewAway when it cannot be sent."""
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

    def send(self, batch: bytes) -> Audience:
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
            told = json.loads(answer)
            return Audience(int(told["watchers"]), bool(told["jpeg"]))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            self.close()
            raise PreviewAway(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PreviewFeed:
    """Sends each picture with its capture time, from a thread of its own.

    Args:
        steps_s: least time between two batches while a page watches, and while none does.

    Attributes:
        sent, dropped: pictures.
    """

    def __init__(
        self,
        post: Post,
        stream: StreamFormat,
        steps_s: tuple[float, float] = (BATCH_STEP_S, UNWATCHED_STEP_S),
    ) -> None:
        self.sent = 0
        self.dropped = 0
        self._post = post
        self._stream = stream
        self._steps_s = steps_s
        self._jpeg: Any = None
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
                audience = self._post.send(b"".join(self._records(batch)))
            except PreviewAway:
                needs_key = True
                self.dropped += len(batch)
                continue
            needs_key = False
            self.sent += len(batch)
            if not audience.wants_jpeg:
                self._jpeg = None
            elif self._jpeg is None:
                self._jpeg = importlib.import_module("pileus.media.preview_jpeg").JpegPictures()
            self._is_closed.wait(self._steps_s[audience.watchers == 0])
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
