"""Sound made by a recipe: the same one every time."""

from __future__ import annotations

from typing import Any

import numpy

RATE = 16_000


def said(pattern: str, *, noise: int = 0, seed: int = 1) -> Any:
    """Mono int16 in which each letter is 100 ms: ``x`` a voice (a buzz of harmonics, never quite even), ``.`` none,
    ``k`` a knock,
    ``h`` a hum of 50 Hz. ``noise``: its standard deviation over all of it."""
    chance = numpy.random.default_rng(seed)
    count = RATE // 10
    at = numpy.arange(len(pattern) * count) / RATE
    voice = sum(numpy.sin(at * 2 * numpy.pi * 140 * each) / each for each in range(1, 12))
    loud = numpy.repeat([float(each == "x") for each in pattern], count)
    swell = numpy.repeat(10 ** chance.uniform(-1.5, 0, len(pattern) * 2), count // 2)
    hum = numpy.repeat([float(each == "h") for each in pattern], count)
    knock = numpy.repeat([float(each == "k") for each in pattern], count) * (at % 0.1 < 0.03)
    loud = loud * swell + knock
    made = voice * loud * 4000 + hum * 4000 * numpy.sin(at * 2 * numpy.pi * 50)
    made = made + chance.normal(0, noise, made.size) if noise else made
    return numpy.clip(made, -32768, 32767).astype(numpy.int16)
