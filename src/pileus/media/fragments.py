"""Segments of recordings as fragmented MP4, which every browser plays; nothing is coded anew.

ISO/IEC 14496-12 (boxes, fragments), 14496-15 (``avcC``), 14496-14 and 14496-1 (``esds``), and
https://opus-codec.org/docs/opus_in_isobmff.html. Time is the source's clock, in milliseconds.
"""

from __future__ import annotations

import itertools
import struct

from pileus.media.matroska import Block, Media, Track
from pileus.values.errors import PileusError

_TIMESCALE = 1000
_H264, _AAC, _OPUS = "V_MPEG4/ISO/AVC", "A_AAC", "A_OPUS"
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_IS_SYNC, _IS_NOT_SYNC = 0x02000000, 0x01010000
_LAST_MS = 40
_LONGEST_MS = 3_600_000


class Unplayable(PileusError):
    """Browsers cannot be given this codec without coding it anew."""


def initialization(media: Media) -> bytes:
    """What a player must know before fragments: raises Unplayable."""
    tracks = _tracks(media)
    traks = b"".join(_trak(track) for track in tracks)
    extends = b"".join(
        _full("trex", 0, 0, struct.pack(">5I", track.number, 1, 0, 0, 0)) for track in tracks
    )
    head = struct.pack(">4I", 0, 0, _TIMESCALE, 0) + struct.pack(">IH10x", 0x10000, 0x100)
    head += _MATRIX + bytes(24) + struct.pack(">I", max(track.number for track in tracks) + 1)
    kinds = b"iso6" + struct.pack(">I", 0x200) + b"iso6mp41"
    movie = _full("mvhd", 0, 0, head) + traks + _box("mvex", extends)
    return _box("ftyp", kinds) + _box("moov", movie)


def fragment(media: Media, number: int) -> bytes:
    """The segment's pictures and sound as one fragment: raises Unplayable."""
    tracks = [track for track in _tracks(media) if track.blocks]
    data_bytes = [sum(len(block.data) for block in track.blocks) for track in tracks]

    def movie(starts: list[int]) -> bytes:
        parts = [_traf(track, start) for track, start in zip(tracks, starts, strict=True)]
        return _box("moof", _full("mfhd", 0, 0, struct.pack(">I", number)) + b"".join(parts))

    # The length of the header does not depend on the places it tells.
    at, starts = len(movie([0] * len(tracks))) + 8, []
    for size in data_bytes:
        starts.append(at)
        at += size
    data = b"".join(block.data for track in tracks for block in track.blocks)
    return movie(starts) + _box("mdat", data)


def _tracks(media: Media) -> list[Track]:
    """The tracks to play; sound that browsers do not take is left out beside a picture."""
    video, audio = media.video, media.audio
    for track in media.tracks.values():
        ends_ms = [block.pts_ms for block in track.blocks]
        if (
            track.width > 0xFFFF
            or track.height > 0xFFFF
            or track.number > 0xFFFF
            or track.channels > 8
        ):
            raise Unplayable("The recording's tracks are damaged.")
        if ends_ms and (max(ends_ms) - min(ends_ms) > _LONGEST_MS or min(ends_ms) < 0):
            raise Unplayable("The recording's times are damaged.")
    if video is not None and (video.codec != _H264 or not video.private):
        raise Unplayable(f"The recording is {video.codec}; only H.264 is played here.")
    tracks = [video] if video is not None else []
    if audio is not None and audio.private and audio.codec in (_AAC, _OPUS):
        tracks.append(audio)
    if not tracks:
        raise Unplayable(
            f"The recording is {audio.codec if audio else 'empty'}; AAC is played here."
        )
    return tracks


# -- what the tracks are ---------------------------------------------------------------------


def _trak(track: Track) -> bytes:
    volume = 0 if track.is_video else 0x100
    head = struct.pack(">5I", 0, 0, track.number, 0, 0) + bytes(8)
    head += struct.pack(">4H", 0, 0, volume, 0) + _MATRIX
    head += struct.pack(">2I", track.width << 16, track.height << 16)
    media_head = struct.pack(">4I2H", 0, 0, _TIMESCALE, 0, 0x55C4, 0)
    handler = b"vide" if track.is_video else b"soun"
    kind = _full("hdlr", 0, 0, bytes(4) + handler + bytes(13))
    look = _full("vmhd", 0, 1, bytes(8)) if track.is_video else _full("smhd", 0, 0, bytes(4))
    place = _box("dinf", _full("dref", 0, 0, struct.pack(">I", 1) + _full("url ", 0, 1, b"")))
    entry = _picture_entry(track) if track.is_video else _sound_entry(track)
    table = _full("stsd", 0, 0, struct.pack(">I", 1) + entry)
    table += _full("stts", 0, 0, bytes(4)) + _full("stsc", 0, 0, bytes(4))
    table += _full("stsz", 0, 0, bytes(8)) + _full("stco", 0, 0, bytes(4))
    inner = (
        _full("mdhd", 0, 0, media_head) + kind + _box("minf", look + place + _box("stbl", table))
    )
    return _box("trak", _full("tkhd", 0, 3, head) + _box("mdia", inner))


def _picture_entry(track: Track) -> bytes:
    head = (
        bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">2H", track.width, track.height)
    )
    head += struct.pack(">3IH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    return _box("avc1", head + _box("avcC", track.private))


def _sound_entry(track: Track) -> bytes:
    rate = round(track.rate)
    head = bytes(6) + struct.pack(">H8x4HI", 1, track.channels, 16, 0, 0, (rate & 0xFFFF) << 16)
    if track.codec == _OPUS:
        return _box("Opus", head + _box("dOps", _opus(track.private)))
    decoder = bytes((0x40, 0x15)) + bytes(11) + _descriptor(5, track.private)
    stream = struct.pack(">HB", track.number, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    return _box("mp4a", head + _full("esds", 0, 0, _descriptor(3, stream)))


def _opus(head: bytes) -> bytes:
    """``OpusHead`` (RFC 7845, 5.1) as ``dOps``: other byte order, another version."""
    channels, skip, rate, gain, family = struct.unpack_from("<BHIhB", head, 9)
    return struct.pack(">BBHIhB", 0, channels, skip, rate, gain, family) + head[19:]


def _descriptor(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F)) + (
        bytes((0x80 | size >> 7 & 0x7F, size & 0x7F)) + body
    )


# -- what they hold --------------------------------------------------------------------------


def _traf(track: Track, start: int) -> bytes:
    decoded = _decoded_ms(track.blocks)
    steps = [later - at for at, later in itertools.pairwise(decoded)]
    steps.append(steps[-1] if steps else _LAST_MS)
    rows = b"".join(
        _row(block, decoded_ms, step_ms)
        for block, decoded_ms, step_ms in zip(track.blocks, decoded, steps, strict=True)
    )
    head = _full("tfhd", 0, 0x020000, struct.pack(">I", track.number))
    time = _full("tfdt", 1, 0, struct.pack(">Q", decoded[0]))
    # Data offset; and of every sample its duration, size, flags and place (signed: version 1).
    run = _full("trun", 1, 0x000F01, struct.pack(">Ii", len(track.blocks), start) + rows)
    return _box("traf", head + time + run)


def _decoded_ms(blocks: list[Block]) -> list[int]:
    """When each is decoded: never after it is shown, and never before zero."""
    shown = sorted(block.pts_ms for block in blocks)
    ahead_ms = max(at - block.pts_ms for at, block in zip(shown, blocks, strict=True))
    return [max(0, at - ahead_ms) for at in shown]


def _row(block: Block, decoded_ms: int, step_ms: int) -> bytes:
    flags = _IS_SYNC if block.is_key else _IS_NOT_SYNC
    return struct.pack(">3Ii", step_ms, len(block.data), flags, block.pts_ms - decoded_ms)


def _box(kind: str, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind.encode() + body


def _full(kind: str, version: int, flags: int, body: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + body)
