"""A source's clock made good: times from the first frame on, strictly increasing."""

from __future__ import annotations

from pileus.media.units import SourceCounts

GAP_MS_MAX = 60_000
"""A longer silence is taken for a jump of the source's clock, not for a pause."""


class Timeline:
    """Places successive times of one stream.

    A time that is missing or out of order is put where the nominal frame rate expects it. When the
    next time agrees with the outlier, the source's clock has jumped for good (a concatenated file, a
    camera that set its clock) and everything after is shifted; a single outlier shifts nothing.

    Args:
        nominal_ms: expected distance of two frames, milliseconds, > 0.
        counts: where mends are counted.
    """

    def __init__(self, nominal_ms: float, counts: SourceCounts) -> None:
        self._nominal_ms = max(nominal_ms, 1.0)
        self._counts = counts
        self._shift_ms: float | None = None
        self._last_ms = 0
        self._other_shift_ms: float | None = None

    def place(self, at_ms: float | None) -> int:
        """Milliseconds from the first time placed; always more than the last answer.

        Args:
            at_ms: the time the source states, on its own clock; None where it states none.
        """
        if self._shift_ms is None:
            if at_ms is None:
                self._counts.timestamps_missing += 1
            self._shift_ms = -(at_ms or 0.0)
            return 0
        expected = self._last_ms + self._nominal_ms
        if at_ms is None:
            self._counts.timestamps_missing += 1
            placed = expected
        elif self._is_plausible(at_ms + self._shift_ms):
            placed = at_ms + self._shift_ms
            self._other_shift_ms = None
        else:
            placed = self._outlier(at_ms, expected)
        self._last_ms = max(round(placed), self._last_ms + 1)
        return self._last_ms

    @property
    def shift_ms(self) -> float:
        """What is added to the source's times now."""
        return self._shift_ms or 0.0

    def _is_plausible(self, at_ms: float) -> bool:
        if at_ms > self._last_ms + GAP_MS_MAX:
            return False
        if at_ms > self._last_ms:
            return True
        if at_ms < self._last_ms - 2 * self._nominal_ms:
            return False
        self._counts.timestamps_mended += 1
        return True

    def _outlier(self, at_ms: float, expected: float) -> float:
        suspected, tolerance = self._other_shift_ms, 2 * self._nominal_ms
        if suspected is not None and abs(at_ms + suspected - expected) <= tolerance:
            self._shift_ms, self._other_shift_ms = suspected, None
            self._counts.discontinuities += 1
            return at_ms + suspected
        self._other_shift_ms = expected - at_ms
        self._counts.timestamps_mended += 1
        return expected
