"""What is known of each function from its invocations: a bounded window, no history."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW = 512
"""Durations kept for the percentiles."""
RECENT = 40
"""Invocations kept for the sparkline."""
_MIB_PER_GIB = 1024


class FunctionLedger:
    """One function's counters since start and percentiles over its last ``WINDOW`` runs."""

    __slots__ = (
        "_cold_inits_ms",
        "_durations_ms",
        "_recent",
        "cold_count",
        "error_count",
        "gb_seconds",
        "in_flight",
        "in_flight_peak",
        "last_at_ms",
        "last_error",
        "memory_mb",
        "memory_used_mb",
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
        self.in_flight = 0
        self.in_flight_peak = 0
        self.gb_seconds = 0.0
        self.memory_mb = 0
        self.memory_used_mb = 0
        self.last_at_ms = 0
        self.last_error = ""
        self._durations_ms: deque[float] = deque(maxlen=WINDOW)
        self._cold_inits_ms: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def started(self, record: Mapping[str, Any]) -> None:
        """An invocation began."""
        self.in_flight += 1
        self._note_concurrency(record)

    def finished(self, record: Mapping[str, Any]) -> None:
        """An invocation ended, well or badly."""
        duration_ms = float(record.get("duration_ms") or 0)
        is_cold = bool(record.get("cold"))
        error = str(record.get("error") or "")
        self.in_flight = max(0, self.in_flight - 1)
        self._note_concurrency(record)
        self.last_at_ms = int(record.get("at_ms") or 0)
        self._durations_ms.append(duration_ms)
        if is_cold:
            self.cold_count += 1
            self._cold_inits_ms.append(float(record.get("init_ms") or 0))
        else:
            self.warm_count += 1
        if error:
            self.error_count += 1
            self.last_error = error
        self._note_memory(record, float(record.get("billed_ms") or duration_ms))
        # 0 warm, 1 cold, 2 failed: what the sparkline colours by.
        self._recent.append((round(duration_ms, 2), 2 if error else int(is_cold)))

    def throttled(self) -> None:
        """An invocation was refused for want of concurrency."""
        self.throttle_count += 1

    def row(self) -> dict[str, Any]:
        """The table row of the page."""
        durations = sorted(self._durations_ms)
        inits = sorted(self._cold_inits_ms)
        return {
            "name": self.name,
            "cold": self.cold_count,
            "warm": self.warm_count,
            "errors": self.error_count,
            "throttles": self.throttle_count,
            "in_flight": self.in_flight,
            "in_flight_peak": self.in_flight_peak,
            "p50_ms": percentile(durations, 0.50),
            "p95_ms": percentile(durations, 0.95),
            "init_p50_ms": percentile(inits, 0.50),
            "gb_seconds": round(self.gb_seconds, 4),
            "memory_mb": self.memory_mb,
            "memory_used_mb": self.memory_used_mb,
            "last_at_ms": self.last_at_ms,
            "last_error": self.last_error,
            "recent": list(self._recent),
        }

    def _note_concurrency(self, record: Mapping[str, Any]) -> None:
        told = record.get("in_flight")
        if told is not None:
            self.in_flight = int(told)
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)

    def _note_memory(self, record: Mapping[str, Any], billed_ms: float) -> None:
        if memory_mb := record.get("memory_mb"):
            self.memory_mb = int(memory_mb)
        if used_mb := record.get("memory_used_mb"):
            self.memory_used_mb = int(used_mb)
        self.gb_seconds += self.memory_mb / _MIB_PER_GIB * billed_ms / 1000


def percentile(ordered: list[float], share: float) -> float | None:
    """The nearest-rank percentile of an ascending list, None of an empty one."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def function_name(name_or_arn: str) -> str:
    """The bare name out of a name, a partial or a full ARN, without its qualifier."""
    if ":function:" in name_or_arn:
        name_or_arn = name_or_arn.split(":function:", 1)[1]
    return name_or_arn.split(":", 1)[0]
