"""Recorded segments as chunks of a stream that goes on and on: each whole by itself, with tags ahead of its media.

So Kinesis Video's ``GetMedia`` answers (https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_GetMedia.html);
Matroska is RFC 9559, EBML RFC 8794.
"""

from __future__ import annotations

from collections.abc import Mapping

from pileus.media.matroska import MalformedMedia, elements

_EBML, _SEGMENT, _INFO, _TRACKS, _CLUSTER = (
    0x1A45DFA3,
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0x1F43B675,
)
_TAGS, _TAG, _TARGETS, _SIMPLE, _NAME, _STRING = 0x1254C367, 0x7373, 0x63C0, 0x67C8, 0x45A3, 0x4487
_UNKNOWN_LENGTH = b"\x01" + b"\xff" * 7


def tagged_chunk(data: bytes, tags: Mapping[str, str]) -> bytes:
    """A segment's head, tags and media, in a Matroska segment of unknown length.

    Raises:
        MalformedMedia: it is cut short, or no segment.
    """
    try:
        return _chunk(data, tags)
    except IndexError as error:
        raise MalformedMedia("The segment is cut short.") from error


def _chunk(data: bytes, tags: Mapping[str, str]) -> bytes:
    head = b""
    parts: dict[int, list[bytes]] = {_INFO: [], _TRACKS: [], _CLUSTER: []}
    for element, body in elements(memoryview(data)):
        if element == _EBML:
            head = _element(_EBML, bytes(body))
        elif element == _SEGMENT:
            for name, part in elements(body):
                if name in parts:
                    parts[name].append(_element(name, bytes(part)))
    if not (head and parts[_TRACKS]):
        raise MalformedMedia("The segment holds no track.")
    simple = b"".join(_simple(name, value) for name, value in tags.items())
    told = _element(_TAGS, _element(_TAG, _element(_TARGETS, b"") + simple))
    media = [*parts[_INFO], *parts[_TRACKS], told, *parts[_CLUSTER]]
    return head + _id(_SEGMENT) + _UNKNOWN_LENGTH + b"".join(media)


def _simple(name: str, value: str) -> bytes:
    return _element(_SIMPLE, _element(_NAME, name.encode()) + _element(_STRING, value.encode()))


def _element(name: int, body: bytes) -> bytes:
    return _id(name) + (len(body) | 1 << 56).to_bytes(8, "big") + body


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


class ClusterTimes:
    """The times of clusters in Matroska that comes piece by piece, in the unit of its time scale.

    Bodies of other elements are passed over, whatever they claim to be long; nothing of them is kept.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._skip = 0
        self._is_lost = False
        self.scale_ns = 1_000_000

    def feed(self, piece: bytes) -> list[int]:
        """Times of clusters that begin in what came until now, and were not told before."""
        found: list[int] = []
        if self._is_lost:
            return found
        self._held += piece
        while self._held:
            if self._skip:
                gone = min(self._skip, len(self._held))
                del self._held[:gone]
                self._skip -= gone
                continue
            if not self._next(found):
                break
        return found

    def _next(self, found: list[int]) -> bool:
        """Take one element's head, or a small element whole; False where more must come first."""
        name_bytes = 9 - self._held[0].bit_length()
        if name_bytes > 4 or len(self._held) <= name_bytes:
            self._is_lost = name_bytes > 4
            return False
        size_bytes = 9 - self._held[name_bytes].bit_length()
        head = name_bytes + size_bytes
        if size_bytes > 8 or len(self._held) < head:
            self._is_lost = size_bytes > 8
            return False
        name = int.from_bytes(self._held[:name_bytes], "big")
        marked = int.from_bytes(self._held[name_bytes:head], "big")
        size = marked & ((1 << 7 * size_bytes) - 1)
        if name in _ENTERED:
            del self._held[:head]
            return True
        if name in (_TIME, _SCALE) and size <= 8:
            if len(self._held) < head + size:
                return False
            value = int.from_bytes(self._held[head : head + size], "big")
            if name == _TIME:
                found.append(value)
            else:
                self.scale_ns = value
            del self._held[: head + size]
            return True
        del self._held[:head]
        self._skip = size
        return True


_TIME, _SCALE = 0xE7, 0x2AD7B1
_ENTERED = frozenset({_SEGMENT, _CLUSTER, _INFO})
"""Elements whose members are looked at."""
