"""What engines look at, made of what was decoded once: pictures at a rate and size, pieces of sound.

One input serves every engine that wants the same; its pieces lie in a ring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import simplejpeg
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame

from pileus.media import stretches
from pileus.media.intake.motion import MotionGate
from pileus.media.stretches import Cutter
from pileus.media.units import CutSettings
from pileus.ports import intakes as messages
from pileus.ports.intakes import Attach, Chunk
from pileus.runtime.frame_ring import JPEG, RGB24, S16LE, RingWriter

_DOZE_AFTER_MS = 10_000
"""So long after the last picture that moved only keyframes are of interest."""
_SOUND_MS = 200
"""Length of a piece of sound; pieces begin at multiples of it, so that a recording has the same ones."""
_DRIFT_MS = 60
"""Sound that is further from its place than this has a hole or a jump before it."""
_JPEG_QUALITIES = (85, 60, 30)
"""Of pictures as files; a lower one where a picture of noise does not fit into its place."""
_JPEG_BYTES_MIN = 4096
"""Of a picture's place: the smallest pictures are smaller than their headers."""

Room = Callable[[int], None]
"""Returns once the piece of a number may be written."""


def _at_once(number: int) -> None:
    """A live source waits for nobody."""


@dataclass(frozen=True)
class Piece:
    """Something in the ring."""

    input: str
    ring: Path
    number: int
    start_ms: int
    stop_ms: int

    def told(self, captured_at_ms: int, stream: str = "") -> Chunk:
        """As lanes hear of it."""
        return Chunk(
            input=self.input,
            ring=str(self.ring),
            number=self.number,
            start_ms=self.start_ms,
            stop_ms=self.stop_ms,
            captured_at_ms=captured_at_ms,
            stream=stream,
        )


@dataclass(frozen=True)
class Lull:
    """Sound of which there is no piece."""

    input: str
    ring: Path
    found: stretches.Lull

    @property
    def stop_ms(self) -> int:
        """Where it ends."""
        return self.found.stop_ms

    def told(self, captured_at_ms: int, stream: str = "") -> messages.Lull:
        """As lanes hear of it."""
        return messages.Lull(
            input=self.input,
            ring=str(self.ring),
            start_ms=self.found.start_ms,
            stop_ms=self.found.stop_ms,
            captured_at_ms=captured_at_ms,
            reason=self.found.reason,
            stream=stream,
        )


class Pictures:
    """Pictures at most so often, no wider than asked for."""

    def __init__(self, wanted: Attach, folder: Path, room: Room = _at_once) -> None:
        self.wanted = wanted
        self._folder, self._room = folder, room
        self._ring: RingWriter | None = None
        self._gate = MotionGate() if wanted.gate else None
        self._passed_ms = 0
        self._step_ms = 1000 / wanted.rate
        self._due_ms: float | None = float(wanted.from_ms) if wanted.from_ms >= 0 else None
        self._number = self._rings = 0
        self.gated = 0

    def wants(self, pts_ms: int) -> bool:
        """Whether a picture of that time is due."""
        return self._due_ms is None or pts_ms >= self._due_ms - self._step_ms / 10

    def may_doze(self, pts_ms: int) -> bool:
        """Whether pictures from then on are of interest only if something has begun to move."""
        is_quiet = pts_ms - self._passed_ms >= _DOZE_AFTER_MS
        return self.wanted.gate == "keyframes" and self._number > 0 and is_quiet

    def pass_over(self, pts_ms: int) -> None:
        """A picture was not decoded, since nothing moves."""
        if self.wants(pts_ms):
            self._advance(pts_ms)
            self.gated += 1

    def _advance(self, pts_ms: int) -> None:
        # On a grid, so that a rate of 5 of a source of 12.5 gives 5 on average.
        due_ms = self._due_ms if self._due_ms is not None else float(pts_ms)
        behind = max(0.0, (pts_ms - due_ms) // self._step_ms)
        self._due_ms = due_ms + (behind + 1) * self._step_ms

    def add(self, frame: VideoFrame, pts_ms: int) -> Iterator[Piece]:
        """Put a due picture into the ring."""
        self._advance(pts_ms)
        if self._gate is not None and not self._gate.moves(frame):
            self.gated += 1
            return
        self._passed_ms = pts_ms
        image = pixels_of(frame, self.wanted.width)
        height, width, _ = image.shape
        kind, size_bytes, data = RGB24, image.nbytes, memoryview(image).cast("B")
        if self.wanted.format == "jpeg":
            kind, size_bytes = JPEG, max(_JPEG_BYTES_MIN, size_bytes // 2)
            data = _jpeg(image, size_bytes)
        ring = self._ring_for(size_bytes)
        self._number += 1
        self._room(self._number)
        ring.write(self._number, pts_ms, (width, height, kind), data)
        stop_ms = round(pts_ms + self._step_ms)
        yield Piece(self.wanted.id, ring.path, self._number, pts_ms, stop_ms)

    def _ring_for(self, size_bytes: int) -> RingWriter:
        """The ring, or a new one under a new name where pictures have become larger."""
        if self._ring is None or self._ring.payload_bytes < size_bytes:
            self.close()
            self._rings += 1
            name = f"{self.wanted.id}-{self._rings}"
            self._ring = RingWriter(self._folder / name, self.wanted.slots, size_bytes)
        return self._ring

    def close(self) -> None:
        """Take the ring away."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


class SoundPieces:
    """Mono sound at a rate, in pieces of a fifth of a second, without gaps between them."""

    def __init__(self, wanted: Attach, folder: Path, room: Room = _at_once) -> None:
        self.wanted, self._room = wanted, room
        self._rate = int(wanted.rate)
        self._piece_samples = self._rate * _SOUND_MS // 1000
        ring = folder / f"{wanted.id}-1"
        self._ring = RingWriter(ring, wanted.slots, self._samples_max * 2)
        self._resampler = AudioResampler(format="s16", layout="mono", rate=self._rate)
        self._kept: list[Any] = []
        self._kept_samples = 0
        self._start_ms: float | None = None
        self._number = 0
        self.gated = 0

    @property
    def _samples_max(self) -> int:
        """Of a piece."""
        return self._piece_samples + self._rate // 500

    def add(self, frame: AudioFrame, pts_ms: int) -> Iterator[Piece | Lull]:
        """Take decoded sound; the pieces it completes."""
        expected_ms = None if self._start_ms is None else self._start_ms + self._kept_ms
        if expected_ms is None or abs(expected_ms - pts_ms) > _DRIFT_MS:
            # A hole or a jump: what is kept belongs before it, and time never goes back.
            yield from self.finish()
            self._start_ms = max(float(pts_ms), self._start_ms or 0.0)
        for made in self._resampler.resample(frame):
            samples = made.to_ndarray().reshape(-1)
            self._kept.append(samples)
            self._kept_samples += samples.size
        while self._kept_samples >= self._next_samples:
            joined = numpy.concatenate(self._kept)
            count = self._next_samples
            self._kept = [joined[count:]]
            self._kept_samples -= count
            yield from self._put(joined[:count])

    def finish(self) -> Iterator[Piece | Lull]:
        """What is kept, as a shorter piece."""
        if self._kept_samples:
            joined = numpy.concatenate(self._kept)
            self._kept, self._kept_samples = [], 0
            yield from self._put(joined)

    @property
    def _kept_ms(self) -> float:
        return self._kept_samples / self._rate * 1000

    @property
    def _next_samples(self) -> int:
        """Until the next multiple of a piece's length."""
        assert self._start_ms is not None
        into_ms = self._start_ms % _SOUND_MS
        left = round((_SOUND_MS - into_ms) * self._rate / 1000)
        return left if left > self._rate // 1000 else left + self._piece_samples

    def _put(self, samples: Any) -> Iterator[Piece | Lull]:
        assert self._start_ms is not None
        start_ms, length_ms = self._start_ms, samples.size / self._rate * 1000
        self._start_ms += length_ms
        yield from self._made(start_ms, start_ms + length_ms, samples)

    def _made(self, start_ms: float, stop_ms: float, samples: Any) -> Iterator[Piece | Lull]:
        """The next sound, without a hole before it but where :meth:`finish` was called."""
        if stop_ms > self.wanted.from_ms:
            yield self._written(round(start_ms), round(stop_ms), samples)

    def _written(self, start_ms: int, stop_ms: int, samples: Any) -> Piece:
        """Sound in the ring."""
        self._number += 1
        self._room(self._number)
        whole: Any = numpy.ascontiguousarray(samples)
        data = memoryview(whole).cast("B")
        self._ring.write(self._number, start_ms, (self._rate, 0, S16LE), data)
        return Piece(self.wanted.id, self._ring.path, self._number, start_ms, stop_ms)

    def close(self) -> None:
        """Take the ring away."""
        self._ring.close()


class CutSound(SoundPieces):
    """Mono sound at a rate, in pieces from one silence to the next; lulls tell of the silences."""

    def __init__(self, wanted: Attach, folder: Path, room: Room = _at_once) -> None:
        super().__init__(wanted, folder, room)
        settings = CutSettings(wanted.pause_ms, wanted.least_ms, wanted.most_ms)
        self._cutter = Cutter(self._rate, settings, wanted.from_ms)

    @property
    def _samples_max(self) -> int:
        return self._rate * (self.wanted.most_ms + _SOUND_MS) // 1000

    def finish(self) -> Iterator[Piece | Lull]:
        """The sound ends, or has a hole: so does the piece under way."""
        yield from super().finish()
        yield from self._told(self._cutter.finish())

    def _made(self, start_ms: float, stop_ms: float, samples: Any) -> Iterator[Piece | Lull]:
        yield from self._told(self._cutter.add(start_ms, samples))

    def _told(self, found: Iterator[stretches.Stretch | stretches.Lull]) -> Iterator[Piece | Lull]:
        for each in found:
            if isinstance(each, stretches.Stretch):
                yield self._written(each.start_ms, each.stop_ms, each.samples)
            else:
                yield Lull(self.wanted.id, self._ring.path, each)


def _jpeg(image: Any, bytes_max: int) -> memoryview:
    """A picture as JPEG: a sample takes less than a byte, however little its neighbours resemble it."""
    for quality in _JPEG_QUALITIES:
        made = simplejpeg.encode_jpeg(
            image, quality=quality, colorspace="RGB", colorsubsampling="420"
        )
        if len(made) <= bytes_max:
            break
    return memoryview(made)


def pixels_of(frame: VideoFrame, width: int, **how: Any) -> Any:
    """uint8 (height, width, 3), red first, no wider than asked for; ``how``: as PyAV scales."""
    width, height = _bounded_size(frame, width)
    # Rows of most widths are padded.
    return numpy.ascontiguousarray(
        frame.to_ndarray(format="rgb24", width=width, height=height, **how)
    )


def _bounded_size(frame: VideoFrame, width: int) -> tuple[int, int]:
    """Even sides in the picture's own proportions, never enlarged."""
    if not width or width >= frame.width:
        return frame.width, frame.height
    height = max(2, round(frame.height * width / frame.width / 2) * 2)
    return width // 2 * 2, height


def input_of(wanted: Attach, folder: Path, room: Room = _at_once) -> Pictures | SoundPieces:
    """What makes the pieces of ``frames`` or ``audio``; its ring lies in the folder."""
    if wanted.kind == "frames":
        return Pictures(wanted, folder, room)
    return (CutSound if wanted.most_ms else SoundPieces)(wanted, folder, room)
