"""Sound of codecs that Matroska does not hold (G.711 and G.726 of many cameras), kept as 16-bit PCM."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.packet import Packet

CODEC = "pcm_s16le"


class PlainSound:
    """Decodes such a sound on its own, whether or not an engine listens, and lays it onto a track.

    A packet that cannot be decoded raises FFmpegError; the next may be well.
    """

    def __init__(self, stream: AudioStream) -> None:
        given = stream.codec_context
        self._rate = given.sample_rate
        self._layout = given.layout.name
        decoder: Any = CodecContext.create(given.name, "r")
        decoder.sample_rate, decoder.layout = self._rate, self._layout
        decoder.extradata = given.extradata
        self._decoder = decoder
        self._resampler = AudioResampler(format="s16", layout=self._layout, rate=self._rate)

    def new_track(self, output: Any) -> Any:
        """A track for it."""
        track = output.add_stream(CODEC, rate=self._rate)
        track.layout = self._layout
        return track

    def packets(self, packet: Packet[Any], pts_ms: int, track: Any) -> Iterator[Packet[Any]]:
        """What a packet of the source holds, for the track, from that time on."""
        at = round(pts_ms * self._rate / 1000)
        for decoded in self._decoder.decode(packet):
            decoded.pts = None  # the source's clock means nothing here
            for frame in self._resampler.resample(decoded):
                frame.pts, frame.time_base = at, Fraction(1, self._rate)
                at += frame.samples
                yield from track.encode(frame)
