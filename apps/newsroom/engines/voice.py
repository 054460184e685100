"""Cuts sound where somebody stops speaking. Pure but for the voice detector that it is given.

The detector tells for each 32 ms how likely they hold speech. A stretch begins a little before the first
speech and ends once it has been silent for a while; one that grows too long is cut where it was most silent
in its second half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
WINDOW = 512
"""Samples that are judged at once: 32 ms."""
SPEECH_FROM = 0.5
_SILENCE_BELOW = 0.35
_SILENCE_S, _LEAD_S, _LEAST_S, _MOST_S = 0.5, 0.25, 0.25, 12.0
_SECOND = RATE / WINDOW

Voice = Callable[[NDArray[np.float32]], float]
"""How likely a window (float, -1 to 1) holds speech; keeps what it must from one to the next."""


@dataclass(frozen=True)
class Stretch:
    """Somebody speaks: ``samples`` (float, -1 to 1) from ``start_ms`` on."""

    start_ms: int
    samples: NDArray[np.float32]

    @property
    def stop_ms(self) -> int:
        """Where it ends."""
        return self.start_ms + round(len(self.samples) * 1000 / RATE)


class Cutter:
    """Takes sound as it comes, gives stretches of speech as they end."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._rest = np.zeros(0, np.float32)
        self._windows: list[NDArray[np.float32]] = []
        self._chances: list[float] = []
        self._start_ms = 0.0
        self._is_speech = False
        self._silent = self._spoken = 0

    @property
    def is_idle(self) -> bool:
        """Nobody is speaking."""
        return not self._is_speech

    def take(self, start_ms: float, samples: NDArray[np.int16]) -> Iterator[Stretch]:
        """A piece of sound that begins at ``start_ms``; the stretches that end in it."""
        if not len(self._rest) and not self._windows:
            self._start_ms = start_ms
        sound = np.concatenate([self._rest, samples.astype(np.float32) / 32768])
        whole = len(sound) // WINDOW * WINDOW
        self._rest = sound[whole:]
        for at in range(0, whole, WINDOW):
            yield from self._window(sound[at : at + WINDOW])

    def finish(self) -> Iterator[Stretch]:
        """The sound has ended."""
        if self._is_speech:
            yield from self._cut(len(self._windows))
        self._drop(len(self._windows))
        self._is_speech, self._spoken = False, 0
        self._rest = np.zeros(0, np.float32)

    def _window(self, window: NDArray[np.float32]) -> Iterator[Stretch]:
        chance = self._voice(window)
        self._windows.append(window)
        self._chances.append(chance)
        if chance >= SPEECH_FROM:
            self._is_speech = True
            self._spoken += 1
        self._silent = self._silent + 1 if chance < _SILENCE_BELOW else 0
        if not self._is_speech:
            self._drop(len(self._windows) - round(_LEAD_S * _SECOND))
        elif self._silent >= _SILENCE_S * _SECOND:
            yield from self._cut(len(self._windows))
            self._is_speech, self._spoken = False, 0
        elif len(self._windows) >= _MOST_S * _SECOND:
            half = len(self._windows) // 2
            quietest = half + int(np.argmin(self._chances[half:])) + 1
            yield from self._cut(quietest)
            self._spoken = sum(each >= SPEECH_FROM for each in self._chances)

    def _cut(self, count: int) -> Iterator[Stretch]:
        """The first ``count`` windows, unless too little was said in them."""
        if self._spoken >= _LEAST_S * _SECOND:
            yield Stretch(round(self._start_ms), np.concatenate(self._windows[:count]))
        self._drop(count)

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._windows[:count], self._chances[:count]
            self._start_ms += count * WINDOW * 1000 / RATE
