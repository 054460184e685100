"""Live pictures on their way from a media player to the pages that look at them.

The hub does not decode: H.264 access units go through as they come, JPEG pictures too. The player
is told how many pages want which, so that nothing is made for nobody. A page that falls behind
loses whole groups of pictures up to the next keyframe, never a unit in the middle, and every lost
unit is counted.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import orjson

from pileus.values.errors import PileusError

UNIT_BYTES_MAX = 8 << 20
GROUP_UNITS_MAX = 600
GROUP_BYTES_MAX = 16 << 20
VIEWER_UNITS_MAX = 400
VIEWER_BYTES_MAX = 16 << 20
SOURCES_MAX = 256
JPEG = "jpeg"
MJPEG_BOUNDARY = "pileus-frame"
_HEAD = struct.Struct("<BI")
_FLAG_KEY = 1
_NAME_BYTES_MAX = 128


class UnitRefused(PileusError):
    """An ingest message that does not have the form of an access unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit or picture.

    Attributes:
        codec: ``avc1.…`` for H.264 in Annex B form, ``jpeg`` for a whole picture.
        pts_ms: presentation time from the source's first frame.
        message: the message as it came, which is also the message that pages get.
        payload_at: where in ``message`` the access unit begins.
    """

    is_key: bool
    codec: str
    pts_ms: float
    message: bytes
    payload_at: int

    @property
    def payload(self) -> bytes:
        """The access unit or JPEG file."""
        return self.message[self.payload_at :]


def pack_unit(
    payload: bytes, *, is_key: bool, pts_ms: float, codec: str, width: int, height: int
) -> bytes:
    """The message of one unit: u8 flags, u32 header length (little endian), JSON header, payload."""
    header = orjson.dumps({"pts_ms": pts_ms, "codec": codec, "width": width, "height": height})
    return _HEAD.pack(_FLAG_KEY if is_key else 0, len(header)) + header + payload


def parse_unit(message: bytes) -> Unit:
    """The inverse of :func:`pack_unit`.

    Raises:
        UnitRefused: too long, too short, no JSON header, or no ``codec`` and ``pts_ms`` in it.
    """
    if not _HEAD.size < len(message) <= UNIT_BYTES_MAX:
        raise UnitRefused(f"an access unit message has 6 to {UNIT_BYTES_MAX} bytes")
    flags, header_bytes = _HEAD.unpack_from(message)
    payload_at = _HEAD.size + header_bytes
    if payload_at > len(message):
        raise UnitRefused("the header is longer than the message")
    try:
        header = orjson.loads(message[_HEAD.size : payload_at])
        codec, pts_ms = str(header["codec"]), float(header["pts_ms"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnitRefused(f"the header is not JSON with codec and pts_ms: {error}") from error
    return Unit(bool(flags & _FLAG_KEY), codec, pts_ms, message, payload_at)


class Viewer:
    """One page's queue of units."""

    def __init__(self, *, wants_jpeg: bool) -> None:
        self.wants_jpeg = wants_jpeg
        self.dropped = 0
        self._units: deque[Unit] = deque()
        self._bytes = 0
        self._needs_key = True
        self._wake = asyncio.Event()
        self._is_closed = False

    def put(self, unit: Unit) -> None:
        """Queue a unit, or drop up to the next keyframe when the page has fallen behind."""
        if self._needs_key and not unit.is_key:
            self.dropped += 1
            return
        self._needs_key = False
        full = len(self._units) >= VIEWER_UNITS_MAX
        if full or self._bytes + len(unit.message) > VIEWER_BYTES_MAX:
            self.dropped += len(self._units) + 1
            self._units.clear()
            self._bytes = 0
            self._needs_key = True
            return
        self._units.append(unit)
        self._bytes += len(unit.message)
        self._wake.set()

    def close(self) -> None:
        """Let :meth:`units` end."""
        self._is_closed = True
        self._wake.set()

    async def units(self) -> AsyncIterator[Unit]:
        """The queued units, as they come."""
        while True:
            await self._wake.wait()
            while self._units:
                unit = self._units.popleft()
                self._bytes -= len(unit.message)
                yield unit
            if self._is_closed:
                return
            self._wake.clear()


class Preview:
    """One source's live picture."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.unit_count = 0
        self.dropped = 0
        self._group: list[Unit] = []
        self._group_bytes = 0
        self._last_jpeg: Unit | None = None
        self._viewers: set[Viewer] = set()
        self._demand_listeners: list[Callable[[dict[str, int]], None]] = []

    def take(self, unit: Unit) -> None:
        """A unit came from the player."""
        self.unit_count += 1
        if unit.codec == JPEG:
            self._last_jpeg = unit
        else:
            self._remember(unit)
        for viewer in self._viewers:
            if viewer.wants_jpeg == (unit.codec == JPEG):
                viewer.put(unit)

    def join(self, *, wants_jpeg: bool) -> Viewer:
        """A page begins to look; it is given the current group of pictures at once."""
        viewer = Viewer(wants_jpeg=wants_jpeg)
        backlog = [self._last_jpeg] if wants_jpeg and self._last_jpeg else []
        for unit in backlog or ([] if wants_jpeg else self._group):
            viewer.put(unit)
        self._viewers.add(viewer)
        self._tell_demand()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A page looked away."""
        self.dropped += viewer.dropped
        self._viewers.discard(viewer)
        self._tell_demand()

    def demand(self) -> dict[str, int]:
        """How many pages want which kind of picture."""
        jpeg = sum(viewer.wants_jpeg for viewer in self._viewers)
        return {"h264": len(self._viewers) - jpeg, "jpeg": jpeg}

    def on_demand(self, listener: Callable[[dict[str, int]], None]) -> Callable[[], None]:
        """Call ``listener`` with the demand now and at every change; returns the undo."""
        self._demand_listeners.append(listener)
        listener(self.demand())
        return lambda: self._demand_listeners.remove(listener)

    def _remember(self, unit: Unit) -> None:
        if unit.is_key:
            self._group, self._group_bytes = [], 0
        elif not self._group:
            return
        self._group.append(unit)
        self._group_bytes += len(unit.message)
        if len(self._group) > GROUP_UNITS_MAX or self._group_bytes > GROUP_BYTES_MAX:
            # A source without keyframes: a page that joins waits for the next one.
            self._group, self._group_bytes = [], 0

    def _tell_demand(self) -> None:
        demand = self.demand()
        for listener in self._demand_listeners:
            listener(demand)


class Previews:
    """Every source's preview, made when a player or a page first names it."""

    def __init__(self) -> None:
        self._previews: dict[str, Preview] = {}

    def of(self, source: str) -> Preview:
        """The preview of ``source``.

        Raises:
            UnitRefused: for an empty or overlong name, or one source too many.
        """
        preview = self._previews.get(source)
        if preview is None:
            if not 0 < len(source.encode()) <= _NAME_BYTES_MAX:
                raise UnitRefused(f"a source name has 1 to {_NAME_BYTES_MAX} bytes")
            if len(self._previews) >= SOURCES_MAX:
                raise UnitRefused(f"no more than {SOURCES_MAX} sources can be looked at")
            preview = self._previews[source] = Preview(source)
        return preview

    def counts(self) -> dict[str, dict[str, int]]:
        """Units and losses by source, for the page's health line."""
        return {
            name: {"units": preview.unit_count, "dropped": preview.dropped, **preview.demand()}
            for name, preview in self._previews.items()
        }


async def mjpeg_parts(preview: Preview) -> AsyncIterator[bytes]:
    """The body of ``multipart/x-mixed-replace``; each part tells its time in ``X-Pts-Ms``."""
    viewer = preview.join(wants_jpeg=True)
    try:
        async for unit in viewer.units():
            picture = unit.payload
            yield (
                (
                    f"--{MJPEG_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    f"Content-Length: {len(picture)}\r\nX-Pts-Ms: {unit.pts_ms:g}\r\n\r\n"
                ).encode()
                + picture
                + b"\r\n"
            )
    finally:
        preview.leave(viewer)
