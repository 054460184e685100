"""How long to measure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Effort:
    """Attributes:
    rounds: alternations between a figure and its floor.
    round_s: seconds of a round under load.
    samples: single operations timed, where they are timed one by one.
    is_quick: a short look; slow questions leave themselves out.
    """

    rounds: int
    round_s: float
    samples: int
    is_quick: bool = False


FULL = Effort(rounds=7, round_s=2.0, samples=40)
QUICK = Effort(rounds=3, round_s=0.5, samples=8, is_quick=True)


def median_ms(durations_ns: list[int]) -> float:
    """The median of nanoseconds, in milliseconds."""
    return median(durations_ns) / 1e6
