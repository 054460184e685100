"""How much of what is pushed must have come until it is live: measured in media, not in time."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import av
import numpy
import pytest
from av.video.frame import VideoFrame

from pileus.media.intake.location import locate
from pileus.media.intake.packets import Connection
from pileus.media.units import SourceCounts
from pileus.ports.intakes import PUSHED

_RATE = 30
_SIZE = (160, 120)
_SOON_MS = 400
"""FFmpeg by itself takes more than a second."""


class Encoder:
    """Takes what a container writes, with the number of the picture that made it."""

    def __init__(self) -> None:
        self.written: list[tuple[int, bytes]] = []
        self.number = 0

    def write(self, data: bytes) -> int:
        self.written.append((self.number, bytes(data)))
        return len(data)


class Publisher:
    """A file of what an encoder wrote, piece by piece; ``read_ms``: so much media was read."""

    def __init__(self, written: list[tuple[int, bytes]]) -> None:
        self._written, self._rest = list(written), b""
        self.read_ms = 0.0

    def read(self, size: int) -> bytes:
        if not self._rest and self._written:
            number, self._rest = self._written.pop(0)
            self.read_ms = number * 1000 / _RATE
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def written(form: str, codec: str, options: dict[str, str]) -> list[tuple[int, bytes]]:
    """Two seconds of pictures as an encoder gives them while it runs."""
    encoder = Encoder()
    given = {"flush_packets": "1", **options}
    with av.open(encoder, "w", format=form, options=given) as output:
        how = {"g": "30", "preset": "ultrafast", "tune": "zerolatency"}
        how = how if codec == "libx264" else {"g": "30", "deadline": "realtime", "cpu-used": "8"}
        video: Any = output.add_stream(codec, rate=_RATE, options=how)
        video.width, video.height, video.pix_fmt = *_SIZE, "yuv420p"
        noise = numpy.random.default_rng(1)  # FFmpeg wants two KiB to know the form
        for number in range(_RATE * 2):
            encoder.number = number
            image = noise.integers(0, 255, (_SIZE[1], _SIZE[0], 3), numpy.uint8)
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return encoder.written


def as_browsers_write(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Without DefaultDuration (0x23E383), which a MediaRecorder leaves out: it becomes a Void of its size."""
    index, at = next(
        (index, data.find(b"\x23\xe3\x83"))
        for index, (_, data) in enumerate(pieces)
        if b"\x23\xe3\x83" in data
    )
    number, data = pieces[index]
    length = 4 + (data[at + 3] & 0x7F)
    void = b"\xec" + bytes([0x80 | (length - 2)]) + bytes(length - 2)
    return [*pieces[:index], (number, data[:at] + void + data[at + length :]), *pieces[index + 1 :]]


_CLUSTERS = {"live": "1", "cluster_time_limit": "33", "cluster_size_limit": "100"}
_FRAGMENTS = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
FORMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "webm": ("webm", "libvpx", _CLUSTERS),
    "mkv": ("matroska", "libx264", _CLUSTERS),
    "mp4": ("mp4", "libx264", _FRAGMENTS),
    "ts": ("mpegts", "libx264", {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_few_pictures_are_enough(form: str) -> None:
    pieces = written(*FORMS[form])
    file: Any = Publisher(as_browsers_write(pieces) if form in ("webm", "mkv") else pieces)
    location = dataclasses.replace(locate(PUSHED), file=file)
    with Connection(location, SourceCounts(), 0, (10.0, 10.0)) as connection:
        first = next(connection.packets())
        assert first.is_key
        assert file.read_ms <= _SOON_MS
        assert connection.video is not None and connection.video.codec_context.width == _SIZE[0]
        assert abs(connection.rate - _RATE) < 1
