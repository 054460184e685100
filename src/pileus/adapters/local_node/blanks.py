"""How many blank instances to keep ready: a pure decision."""

from __future__ import annotations

import msgspec

_NS = 1_000_000_000


class BlankTarget(msgspec.Struct):
    """Grows when starts find nothing ready, shrinks when blanks wait unused.

    Attributes:
        at_least: kept while the zygote is in use.
        at_most: never more.
        idle_s: after so long without a start none is kept.
    """

    at_least: int = 1
    at_most: int = 8
    idle_s: float = 120.0
    _wanted: int = 0
    _last_start_ns: int | None = None
    _last_miss_ns: int = 0

    def hit(self, now_ns: int) -> None:
        """A start took a ready blank."""
        self._last_start_ns = now_ns
        if now_ns - self._last_miss_ns > 10 * _NS:
            self._wanted = max(self.at_least, self._wanted - 1)
            self._last_miss_ns = now_ns

    def miss(self, now_ns: int) -> None:
        """A start found none."""
        is_first = self._last_start_ns is None
        self._last_start_ns = self._last_miss_ns = now_ns
        grown = self.at_least if is_first else self._wanted * 2
        self._wanted = min(self.at_most, max(self.at_least, grown))

    def count(self, now_ns: int) -> int:
        """How many should be ready now."""
        if self._last_start_ns is None or now_ns - self._last_start_ns > self.idle_s * _NS:
            return 0
        return self._wanted
