"""What is known of each function from its invocations: a bounded window, no history."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from pileus.values.percentiles import percentile

WINDOW = 512
"""Durations kept for the percentiles."""
RECENT = 40
"""Invocations kept for the sparkline."""


class FunctionLedger:
    """One function's counters since start and percentiles over its last ``WINDOW`` runs."""

    __slots__ = (
        "_cold_inits_ms",
        "_durations_ms",
        "_recent",
        "at_once",
        "at_once_peak",
        "cold_count",
        "error_count",
        "gb_seconds",
        "last_at_ms",
        "memory_mb",
        "memory_peak_mb",
        "name",
        "throttle_count",
        "warm_count",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.cold_count = 0
        self.warm_count = 0
        self.error_count = 0
        self.throttle_count = 0
        self.at_once = 0
        self.at_once_peak = 0
        self.gb_seconds = 0.0
        self.memory_mb = 0
        self.memory_peak_mb = 0
        self.last_at_ms = 0
        self._durations_ms: deque[float] = deque(maxlen=WINDOW)
        self._cold_inits_ms: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def add(self, record: Mapping[str, Any]) -> None:
        """One invocation ended, well or badly, or was refused (``throttle`` tells why)."""
        if record.get("throttle"):
            self.throttle_count += 1
            return
        duration_ms, is_error = float(record["duration_ms"]), bool(record.get("error"))
        is_cold = bool(record.get("cold"))
        self.last_at_ms = int(record["at_ms"])
        self._durations_ms.append(duration_ms)
        if is_cold:
            self.cold_count += 1
            self._cold_inits_ms.append(float(record.get("init_ms") or 0))
        else:
            self.warm_count += 1
        self.error_count += is_error
        self.at_once = int(record.get("concurrency") or 0)
        self.at_once_peak = max(self.at_once_peak, self.at_once)
        self.memory_mb = int(record.get("memory_mb") or 0)
        self.memory_peak_mb = int(record.get("memory_peak_mb") or 0)
        self.gb_seconds += float(record.get("gb_seconds") or 0)
        # 0 warm, 1 cold, 2 failed: what the sparkline colours by.
        self._recent.append((round(duration_ms, 2), 2 if is_error else int(is_cold)))

    def row(self) -> dict[str, Any]:
        """The table row of the page."""
        return {
            "name": self.name,
            "cold": self.cold_count,
            "warm": self.warm_count,
            "errors": self.error_count,
            "throttles": self.throttle_count,
            "at_once": self.at_once,
            "at_once_peak": self.at_once_peak,
            "p50_ms": _rounded(percentile(self._durations_ms, 0.50)),
            "p95_ms": _rounded(percentile(self._durations_ms, 0.95)),
            "init_p50_ms": _rounded(percentile(self._cold_inits_ms, 0.50)),
            "gb_seconds": round(self.gb_seconds, 4),
            "memory_mb": self.memory_mb,
            "memory_peak_mb": self.memory_peak_mb,
            "last_at_ms": self.last_at_ms,
            "recent": list(self._recent),
        }


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 2)


def function_name(name_or_arn: str) -> str:
    """The bare name out of a name, a partial or a full ARN, without its qualifier."""
    if ":function:" in name_or_arn:
        name_or_arn = name_or_arn.split(":function:", 1)[1]
    return name_or_arn.split(":", 1)[0]
