"""The functions table's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.console.functions import RECENT, WINDOW, FunctionLedger, function_name


def run(**fields: Any) -> dict[str, Any]:
    told = {"at_ms": 1, "duration_ms": 10.0, "concurrency": 1, "memory_mb": 256, "gb_seconds": 0.5}
    return told | fields


def test_cold_warm_failed_and_throttled_are_told_apart() -> None:
    ledger = FunctionLedger("f")
    ledger.add(run(cold=True, init_ms=200.0, concurrency=3))
    ledger.add(run(duration_ms=20.0))
    ledger.add(run(duration_ms=30.0, error=True))
    ledger.add(run(throttle="ReservedFunctionConcurrentInvocationLimitExceeded", duration_ms=0))
    row = ledger.row()
    assert (row["cold"], row["warm"], row["errors"], row["throttles"]) == (1, 2, 1, 1)
    assert (row["p50_ms"], row["p95_ms"], row["init_p50_ms"]) == (20.0, 30.0, 200.0)
    assert (row["at_once"], row["at_once_peak"], row["gb_seconds"]) == (1, 3, 1.5)
    assert row["recent"] == [(10.0, 1), (20.0, 0), (30.0, 2)]


def test_a_busy_function_keeps_a_bounded_window() -> None:
    ledger = FunctionLedger("f")
    for number in range(WINDOW * 2):
        ledger.add(run(duration_ms=float(number)))
    row = ledger.row()
    assert row["warm"] == WINDOW * 2
    assert len(row["recent"]) == RECENT
    assert row["p50_ms"] >= WINDOW


@pytest.mark.parametrize(
    "given", ["f", "f:live", "arn:aws:lambda:r:0:function:f", "arn:aws:lambda:r:0:function:f:3"]
)
def test_function_names_are_bare(given: str) -> None:
    assert function_name(given) == "f"
