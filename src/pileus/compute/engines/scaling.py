"""How many instances an engine gets: from none by pending work, by lag with hysteresis, and back to none.

Pure: the runner asks once a second, tells what it sees, and starts or ends instances.
"""

from __future__ import annotations

import msgspec


class EngineScale(msgspec.Struct, frozen=True):
    """Bounds and pace.

    Attributes:
        least, most: instances.
        target_lag_ms: more instances while the lag is above it.
        relaxed: part of the target below which one is too many.
        calm_ms: how long the lag must have been relaxed until one instance fewer is tried.
        cooldown_ms: between two changes upwards, so that what started can show its effect.
        idle_ms: without any chunk until the last instance (of ``least`` 0) goes.
    """

    least: int = 0
    most: int = 1
    target_lag_ms: int = 1000
    relaxed: float = 0.3
    calm_ms: int = 30_000
    cooldown_ms: int = 5_000
    idle_ms: int = 60_000


class Seen(msgspec.Struct, frozen=True):
    """What a lane shows. ``lag_ms`` None: not known, which changes nothing."""

    lag_ms: int | None
    pending: int
    busy: int


class Scaler:
    """Remembers since when the lane is calm and when it changed last."""

    def __init__(self, scale: EngineScale) -> None:
        self._scale = scale
        self._calm_since_ms: int | None = None
        self._idle_since_ms: int | None = None
        self._raised_ms: int | None = None

    def wanted(self, count: int, seen: Seen, now_ms: int) -> int:
        """Instances there should be, of ``count`` there are."""
        scale = self._scale
        if seen.lag_ms is None:
            return count
        is_idle = not seen.pending and not seen.busy
        self._idle_since_ms = (self._idle_since_ms or now_ms) if is_idle else None
        is_calm = seen.lag_ms <= scale.target_lag_ms * scale.relaxed
        self._calm_since_ms = (self._calm_since_ms or now_ms) if is_calm else None
        if seen.pending and count < max(1, scale.least):
            return self._raised(max(1, scale.least), now_ms)
        if seen.lag_ms > scale.target_lag_ms and seen.pending and count < scale.most:
            if self._raised_ms is None or now_ms - self._raised_ms >= scale.cooldown_ms:
                return self._raised(self._for_lag(count, seen.lag_ms), now_ms)
            return count
        return self._lowered(count, now_ms)

    def _for_lag(self, count: int, lag_ms: int) -> int:
        """Twice as many where the lag is twice what it may be, else one more."""
        wanted = count * 2 if lag_ms >= 2 * self._scale.target_lag_ms else count + 1
        return min(max(wanted, 1), self._scale.most)

    def _raised(self, count: int, now_ms: int) -> int:
        self._raised_ms = now_ms
        return min(count, self._scale.most)

    def _lowered(self, count: int, now_ms: int) -> int:
        scale = self._scale
        idle_ms = 0 if self._idle_since_ms is None else now_ms - self._idle_since_ms
        if idle_ms >= scale.idle_ms:
            return min(count, scale.least)
        calm_ms = 0 if self._calm_since_ms is None else now_ms - self._calm_since_ms
        if count > max(1, scale.least) and calm_ms >= scale.calm_ms:
            self._calm_since_ms = now_ms
            return count - 1
        return max(count, scale.least)
