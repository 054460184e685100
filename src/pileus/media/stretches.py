"""Cuts sound where it is silent, so that the same sound has the same stretches wherever reading begins.

A window of 20 ms is loud where it is well above the quietest moment of the seconds before it, between 150 and
4000 Hz. A stretch begins a little before its first loud window and ends once nothing has been loud for a
pause; what lies between stretches is a :class:`Lull`. Stretches and lulls cover the sound without a hole.

What makes cuts come again:

* Whether a window is loud depends on the sound of the last ``CUT_MEMORY_MS`` alone.
* After every stretch the cutter begins anew at its end. So a cutter that begins at the end of any stretch gives
  the same stretches from there on as the one that made it, and one that begins in a lull does from the next on.
* Sound that does not pause is cut at places that follow from the source's clock and the sound, not from where the
  stretch began (:meth:`Cutter._zone_end`), so cutters that began apart come together.
Why not a detector of voices: their state reaches back to the beginning (Silero's network, WebRTC's noise model), so a
recording would have to be read from there. On LibriVox's readings laid into silence, with white or pink noise 20 dB
and more below them, this keeps all speech and no pause, as those two do; 10 dB below it keeps over 99 %, where the
first eight seconds of noise pass as well; 5 dB below 96 % (WebRTC's passes most pauses there, Silero's none, at ten
times the cost).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from pileus.media.units import CUT_MEMORY_MS, WINDOW_MS, CutSettings

SHORT, SILENCE = "short", "silence"
"""Why a lull is one: a sound that is too short for a stretch, or none."""
_EDGE_MS = 200
"""What a stretch has before its first loud window and, at most, behind its last."""
_TELL_MS = 1000
"""A lull that goes on is told in pieces of this length."""
_SMOOTH = 5
_MEMORY = CUT_MEMORY_MS // WINDOW_MS - 2 * _SMOOTH
_ABOVE_DB, _LEAST_DB, _UNKNOWN_DB, _NOTHING_DB = 6.0, -55.0, -50.0, -96.0
_STEP_DB = 1.5
"""Levels closer than this are one when the quietest is looked for: a decoder's rounding must not decide."""
_LOW_HZ, _HIGH_HZ = 150, 4000


@dataclass(frozen=True)
class Stretch:
    """Sound between two silences: ``samples`` from ``start_ms`` on."""

    start_ms: int
    stop_ms: int
    samples: Any


@dataclass(frozen=True)
class Lull:
    """Nothing of interest; ``reason``: ``silence`` or ``short``."""

    start_ms: int
    stop_ms: int
    reason: str = SILENCE


@dataclass(slots=True)
class _Window:
    start_ms: int
    stop_ms: int
    samples: Any
    level: float
    is_loud: bool


def levels_of(windows: Any, rate: int) -> Any:
    """Power between 150 and 4000 Hz of windows (int16, a row each), in decibels of full scale."""
    size = windows.shape[1]
    power = numpy.abs(numpy.fft.rfft(windows.astype(numpy.float64) / 32768, axis=1)) ** 2
    hertz = numpy.fft.rfftfreq(size, 1 / rate)
    band = power[:, (hertz >= _LOW_HZ) & (hertz <= _HIGH_HZ)].sum(axis=1) * 2 / size**2
    return numpy.maximum(_NOTHING_DB, 10 * numpy.log10(numpy.maximum(band, 1e-12)))


class Loudness:
    """Tells which windows are loud, by the sound of the last seconds."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_SMOOTH)
        self._floors: deque[tuple[int, float]] = deque()
        self._count = 0

    def __call__(self, level: float) -> tuple[bool, float]:
        """Whether the next window is loud, and its level smoothed over the last ones."""
        self._recent.append(level)
        smooth = sum(self._recent) / len(self._recent)
        # The least of a sliding row: what is behind and larger never counts again.
        while self._floors and self._floors[-1][1] >= smooth:
            self._floors.pop()
        self._floors.append((self._count, smooth))
        if self._floors[0][0] <= self._count - _MEMORY:
            self._floors.popleft()
        self._count += 1
        floor = self._floors[0][1]
        if self._count < _MEMORY:
            floor = min(floor, _UNKNOWN_DB)  # what was before is not known
        return level >= max(floor + _ABOVE_DB, _LEAST_DB), smooth


class Cutter:
    """Takes sound in order, gives stretches and lulls.

    Args:
        from_ms: sound before this only tells how loud it is; -1: there is none such.
    """

    def __init__(self, rate: int, settings: CutSettings, from_ms: int = -1) -> None:
        self._rate, self._settings = rate, settings
        self._from_ms = from_ms
        self._loudness = Loudness()
        self._windows: deque[_Window] = deque()
        self._ahead: deque[_Window] = deque()
        self._told_ms = -1
        self._first: _Window | None = None
        self._last_loud_ms = 0

    def add(self, start_ms: float, samples: Any) -> Iterator[Stretch | Lull]:
        """Sound (int16, one row) that follows what came before without a hole."""
        for window in self._cut_up(start_ms, samples):
            if window.start_ms >= self._from_ms - WINDOW_MS // 2:
                self._ahead.append(window)
        yield from self._go_on()

    def finish(self) -> Iterator[Stretch | Lull]:
        """The sound ends here, or has a hole; the next begins as if nothing had been before."""
        yield from self._go_on()
        while self._first is not None:
            yield from self._end_of_stretch()
            yield from self._go_on()
        yield from self._lull(self._windows[-1].stop_ms if self._windows else self._told_ms)
        self._windows.clear()
        self._loudness, self._told_ms = Loudness(), -1

    # -- windows ----------------------------------------------------------------------------

    def _cut_up(self, start_ms: float, samples: Any) -> list[_Window]:
        """Windows on the grid of the source's clock; shorter ones where the sound begins or ends off it."""
        first = math.floor(start_ms / WINDOW_MS + 1e-3)
        length_ms = samples.size / self._rate * 1000
        count = max(1, round((start_ms + length_ms) / WINDOW_MS + 0.499) - first)
        edges = [
            round(((first + each) * WINDOW_MS - start_ms) * self._rate / 1000)
            for each in range(count + 1)
        ]
        edges[0], edges[-1] = 0, samples.size
        size = max(2, self._rate * WINDOW_MS // 1000)
        rows = numpy.zeros((count, size), numpy.int16)
        for number in range(count):
            part = samples[edges[number] : edges[number + 1]][:size]
            rows[number, : part.size] = part
        made = []
        for number, level in enumerate(levels_of(rows, self._rate)):
            is_loud, smooth = self._loudness(float(level))
            at_ms = (first + number) * WINDOW_MS
            part = samples[edges[number] : edges[number + 1]]
            made.append(_Window(at_ms, at_ms + WINDOW_MS, part, smooth, is_loud))
        return made

    # -- stretches --------------------------------------------------------------------------

    def _go_on(self) -> Iterator[Stretch | Lull]:
        while self._ahead:
            window = self._ahead.popleft()
            if self._told_ms < 0:
                self._told_ms = window.start_ms
            self._windows.append(window)
            if window.is_loud:
                self._last_loud_ms = window.stop_ms
                self._first = self._first or window
            if self._first is None:
                yield from self._rest(window)
            elif window.stop_ms - self._last_loud_ms >= self._settings.pause_ms:
                yield from self._end_of_stretch()
            else:
                yield from self._cut_unbroken(window)

    def _rest(self, window: _Window) -> Iterator[Lull]:
        """Nothing is loud: only what a stretch might begin with is kept."""
        settled_ms = window.stop_ms - _EDGE_MS
        if settled_ms - self._told_ms >= _TELL_MS:
            yield from self._lull(settled_ms)

    def _lull(self, until_ms: int, reason: str = SILENCE) -> Iterator[Lull]:
        while self._windows and self._windows[0].start_ms < until_ms:
            self._windows.popleft()
        start_ms, self._told_ms = self._told_ms, max(self._told_ms, until_ms)
        if start_ms < until_ms:
            yield Lull(start_ms, until_ms, reason)

    @property
    def _start_ms(self) -> int:
        assert self._first is not None
        return max(self._told_ms, self._first.start_ms - _EDGE_MS)

    def _end_of_stretch(self) -> Iterator[Stretch | Lull]:
        """Behind its last loud window, which is a while ago."""
        assert self._first is not None
        edge_ms = min(_EDGE_MS, self._settings.pause_ms // 2 // WINDOW_MS * WINDOW_MS)
        stop_ms = min(self._last_loud_ms + edge_ms, self._windows[-1].stop_ms)
        if self._last_loud_ms - self._first.start_ms < self._settings.least_ms:
            yield from self._lull(self._start_ms)
            yield from self._lull(stop_ms, SHORT)
            self._begin_anew()
            return
        yield from self._stretch(stop_ms)

    def _stretch(self, stop_ms: int) -> Iterator[Stretch | Lull]:
        start_ms = self._start_ms
        yield from self._lull(start_ms)
        taken = []
        while self._windows and self._windows[0].start_ms < stop_ms:
            taken.append(self._windows.popleft().samples)
        self._told_ms = stop_ms
        self._begin_anew()
        yield Stretch(start_ms, stop_ms, numpy.concatenate(taken))

    def _begin_anew(self) -> None:
        """What has not been told is looked at again as by a cutter that begins here."""
        self._ahead.extendleft(reversed(self._windows))
        self._windows.clear()
        self._first = None

    def _cut_unbroken(self, window: _Window) -> Iterator[Stretch | Lull]:
        """Cut a stretch at the quietest window of a zone, once it is known to go on well behind the zone."""
        zone_end_ms = self._zone_end(window.stop_ms)
        if zone_end_ms is None:
            return
        zone_ms = self._settings.zone_ms
        if self._start_ms + self._settings.least_ms > zone_end_ms - zone_ms:
            return
        zone = [each for each in self._windows if 0 < zone_end_ms - each.start_ms <= zone_ms]
        quietest = min(zone, key=lambda each: (each.level // _STEP_DB, each.start_ms))
        yield from self._stretch(quietest.start_ms)

    def _zone_end(self, now_ms: int) -> int | None:
        """The end of a zone which is decided on now. Zones lie on the source's clock: in every even length of it."""
        settings = self._settings
        end_ms = now_ms - 2 * settings.pause_ms - settings.least_ms
        number, into_ms = divmod(end_ms, settings.zone_ms)
        return end_ms if into_ms == 0 and number % 2 == 1 else None
