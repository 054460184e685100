"""Moments as people write them: ``now``, ``earliest``, ``10m`` ago, or a time of day with its date."""

from __future__ import annotations

import re
from datetime import datetime

from pileus.services.media import errors

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment_ms(text: str, now_ms: int) -> int:
    """Epoch milliseconds of a moment not after now; raises ValidationException."""
    given = text.strip()
    if given == "now":
        return now_ms
    if given == "earliest":
        return 0
    ago = _AGO.fullmatch(given)
    if ago is not None:
        return max(0, now_ms - round(float(ago[1]) * UNIT_MS[ago[2]]))
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise errors.invalid(
            f"From is now, earliest, a time before now such as 10m, or a moment such as "
            f"2026-11-21T10:00:00Z, not {text!r}."
        )
    return min(now_ms, round(at.timestamp() * 1000))
