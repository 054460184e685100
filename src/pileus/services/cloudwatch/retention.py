"""How long points are kept, and their way to coarser resolutions.

One second for 3 hours, a minute for 15 days, five minutes for 63 days, an hour for 455 days:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import TIMER_AT, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.cloudwatch import store
from pileus.services.cloudwatch.limits import LIMITS

_EVERY_MS = 3_600_000
_SOON_MS = 100
_METRICS_PER_STEP = 100
_POINTS_PER_STEP = 2000
_RESOLUTIONS = [resolution_s for resolution_s, _ in LIMITS.retention_ms]


def resolution_s(wanted_s: int, age_ms: int) -> int:
    """The resolution in which a number of that age is kept."""
    for kept_s, keep_ms in LIMITS.retention_ms:
        if kept_s >= wanted_s and age_ms < keep_ms:
            return kept_s
    return _RESOLUTIONS[-1]


def ensure_sweep(call: WriteCall) -> None:
    """See to it that points are tidied within the hour."""
    if call.state.get((TIMER_AT, "sweep_points", "")) is None:
        _plan(call, _EVERY_MS, {})


def _plan(call: WriteCall, pause_ms: int, payload: dict[str, Any]) -> None:
    at_ms = call.now_ms + pause_ms
    call.set_timer(Timer(name="sweep_points", key="", at_ms=at_ms, payload=payload))


def sweep(call: WriteCall, payload: dict[str, Any]) -> None:
    """Bring old points to the next resolution, some metrics at a time; ends when none are left."""
    after = tuple(payload["after"]) if payload.get("after") else None
    rows = call.state.range(("metric",), after=after, limit=_METRICS_PER_STEP)
    budget = _POINTS_PER_STEP
    for key, raw in rows:
        metric = store.METRICS.decode(raw)
        budget = _sweep_series(call, key[3], budget)
        if budget <= 0:
            break
        after = key
        is_old = metric.last_ms < call.now_ms - LIMITS.listed_ms
        if is_old and not call.state.range(("point", key[3]), limit=1):
            call.state.delete(key)
    if budget <= 0 or len(rows) == _METRICS_PER_STEP:
        _plan(call, _SOON_MS, {"after": list(after)} if after else {})
    elif call.state.range(("metric",), limit=1):
        _plan(call, _EVERY_MS, {})


def _sweep_series(call: WriteCall, series: str, budget: int) -> int:
    for position, (kept_s, keep_ms) in enumerate(LIMITS.retention_ms):
        within = ("point", series, kept_s)
        stop = (*within, call.now_ms - keep_ms)
        next_s = _RESOLUTIONS[position + 1] if position + 1 < len(_RESOLUTIONS) else 0
        for key, raw in call.state.range(within, stop=stop, limit=budget):
            if next_s:
                store.add_points(call, series, next_s, key[3], key[4], store.POINTS.decode(raw))
            call.state.delete(key)
            budget -= 1
        if budget <= 0:
            break
    return budget
