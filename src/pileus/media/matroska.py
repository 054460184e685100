"""Reading the segments of recordings (Matroska, RFC 9559) without a decoder: tracks, blocks, the still picture.

Only what our own recorder writes is read; anything else is refused by name. Safe on any bytes: it copies and
compares, and never allocates by what a length claims.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pileus.values.errors import PileusError

_SEGMENT, _CLUSTER, _TRACKS, _TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
_INFO, _SCALE, _ATTACHMENTS, _ATTACHED = 0x1549A966, 0x2AD7B1, 0x1941A469, 0x61A7
_NUMBER, _TYPE, _CODEC, _PRIVATE = 0xD7, 0x83, 0x86, 0x63A2
_VIDEO, _WIDTH, _HEIGHT, _AUDIO, _RATE, _CHANNELS = 0xE0, 0xB0, 0xBA, 0xE1, 0xB5, 0x9F
_TIME, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _REFERENCE = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
_MIME_TYPE, _FILE_DATA = 0x4660, 0x465C
_MILLISECOND_NS = 1_000_000
_IS_VIDEO, _IS_AUDIO = 1, 2


class MalformedMedia(PileusError):
    """The bytes are no segment as a recorder writes it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A coded picture or piece of sound; in order of decoding, shown at ``pts_ms`` of the source's clock."""

    pts_ms: int
    is_key: bool
    data: bytes


@dataclass(slots=True)
class Track:
    """A track and its blocks. ``private`` is what its decoder must know; sizes in pixels, rate in Hz."""

    number: int = 0
    kind: int = 0
    codec: str = ""
    private: bytes = b""
    width: int = 0
    height: int = 0
    rate: float = 8000.0
    channels: int = 1
    blocks: list[Block] = field(default_factory=list)

    @property
    def is_video(self) -> bool:
        """Pictures rather than sound."""
        return self.kind == _IS_VIDEO


@dataclass(slots=True)
class Media:
    """A segment. ``still``: its first picture as JPEG, empty where it has none."""

    tracks: dict[int, Track] = field(default_factory=dict)
    still: bytes = b""

    @property
    def video(self) -> Track | None:
        """The track of pictures."""
        return next((each for each in self.tracks.values() if each.is_video), None)

    @property
    def audio(self) -> Track | None:
        """The track of sound."""
        return next((each for each in self.tracks.values() if each.kind == _IS_AUDIO), None)


def parse(data: bytes) -> Media:
    """A segment's tracks, blocks and still.

    Raises:
        MalformedMedia: it is cut short, or no segment.
    """
    media = Media()
    try:
        for element, body in elements(memoryview(data)):
            if element == _SEGMENT:
                _segment(body, media)
    except (IndexError, struct.error) as error:
        raise MalformedMedia("The segment is cut short.") from error
    if not media.tracks:
        raise MalformedMedia("The segment holds no track.")
    return media


def _segment(body: memoryview, media: Media) -> None:
    for element, part in elements(body):
        if element == _INFO:
            scale = next((_whole(value) for name, value in elements(part) if name == _SCALE), 0)
            if scale not in (0, _MILLISECOND_NS):
                raise MalformedMedia(f"The segment counts time in {scale} ns.")
        elif element == _TRACKS:
            for track in (_track(entry) for name, entry in elements(part) if name == _TRACK):
                media.tracks[track.number] = track
        elif element == _ATTACHMENTS:
            for name, file in elements(part):
                if name == _ATTACHED:
                    _attached(file, media)
        elif element == _CLUSTER:
            _cluster(part, media)


def _track(entry: memoryview) -> Track:
    track = Track()
    for element, value in elements(entry):
        if element == _NUMBER:
            track.number = _whole(value)
        elif element == _TYPE:
            track.kind = _whole(value)
        elif element == _CODEC:
            track.codec = bytes(value).rstrip(b"\0").decode("ascii", "replace")
        elif element == _PRIVATE:
            track.private = bytes(value)
        elif element in (_VIDEO, _AUDIO):
            for name, detail in elements(value):
                if name == _WIDTH:
                    track.width = _whole(detail)
                elif name == _HEIGHT:
                    track.height = _whole(detail)
                elif name == _RATE:
                    track.rate = _real(detail)
                elif name == _CHANNELS:
                    track.channels = _whole(detail)
    return track


def _attached(file: memoryview, media: Media) -> None:
    parts = dict(elements(file))
    if bytes(parts.get(_MIME_TYPE, b"")).rstrip(b"\0") == b"image/jpeg":
        media.still = bytes(parts.get(_FILE_DATA, b""))


def _cluster(body: memoryview, media: Media) -> None:
    time_ms = 0
    for element, value in elements(body):
        if element == _TIME:
            time_ms = _whole(value)
        elif element == _SIMPLE_BLOCK:
            _block(value, media, time_ms, is_simple=True, is_key=False)
        elif element == _BLOCK_GROUP:
            parts = dict(elements(value))
            if _BLOCK in parts:
                is_key = _REFERENCE not in parts
                _block(parts[_BLOCK], media, time_ms, is_simple=False, is_key=is_key)


def _block(value: memoryview, media: Media, time_ms: int, *, is_simple: bool, is_key: bool) -> None:
    number, at = _vint(value, 0, is_id=False)
    relative_ms, flags = struct.unpack_from(">hB", value, at)
    if flags & 0x06:
        raise MalformedMedia("The segment's blocks are laced.")
    track = media.tracks.get(number)
    if track is not None:
        is_key = bool(flags & 0x80) if is_simple else is_key
        track.blocks.append(Block(time_ms + relative_ms, is_key, bytes(value[at + 3 :])))


def elements(body: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The elements of a master element; one of unknown length reaches to the end."""
    at = 0
    while at < len(body):
        element, at = _vint(body, at, is_id=True)
        size, after = _vint(body, at, is_id=False)
        is_unknown = size == (1 << 7 * (after - at)) - 1
        end = len(body) if is_unknown else after + size
        if end > len(body):
            raise IndexError(end)
        yield element, body[after:end]
        at = end


def _vint(body: memoryview, at: int, *, is_id: bool) -> tuple[int, int]:
    """A number of variable length and where it ends; an element's name keeps its marker."""
    first = body[at]
    if not first:
        raise MalformedMedia("The segment is damaged.")
    length = 9 - first.bit_length()
    if at + length > len(body):
        raise IndexError(at)
    value = int.from_bytes(body[at : at + length], "big")
    return (value if is_id else value & ((1 << 7 * length) - 1)), at + length


def _whole(value: memoryview) -> int:
    return int.from_bytes(value, "big")


def _real(value: memoryview) -> float:
    form = {4: ">f", 8: ">d"}.get(len(value))
    return float(struct.unpack(form, value)[0]) if form else 0.0
