"""How many instances an engine gets."""

from __future__ import annotations

from pileus.compute.engines.scaling import EngineScale, Scaler, Seen

IDLE = Seen(lag_ms=0, pending=0, busy=0)


def late(lag_ms: int) -> Seen:
    return Seen(lag_ms=lag_ms, pending=3, busy=1)


def test_from_none_at_the_first_chunk_and_back_to_none():
    scaler = Scaler(EngineScale(idle_ms=1000))
    assert scaler.wanted(0, IDLE, 1) == 0
    assert scaler.wanted(0, Seen(lag_ms=1, pending=1, busy=0), 2) == 1
    assert scaler.wanted(1, IDLE, 100) == 1
    assert scaler.wanted(1, IDLE, 1099) == 1
    assert scaler.wanted(1, IDLE, 1100) == 0


def test_more_by_lag_with_a_pause_between():
    scaler = Scaler(EngineScale(most=5, target_lag_ms=1000, cooldown_ms=5000))
    assert scaler.wanted(1, late(1500), 1) == 2
    assert scaler.wanted(2, late(1500), 4000) == 2
    assert scaler.wanted(2, late(2500), 5001) == 4
    assert scaler.wanted(4, late(9999), 10_001) == 5
    assert scaler.wanted(5, late(9999), 20_001) == 5


def test_fewer_only_after_a_long_calm():
    scaler = Scaler(EngineScale(most=4, target_lag_ms=1000, calm_ms=30_000))
    assert scaler.wanted(4, late(200), 1) == 4
    assert scaler.wanted(4, late(800), 20_000) == 4  # not late, not calm: hysteresis
    assert scaler.wanted(4, late(200), 25_000) == 4
    assert scaler.wanted(4, late(200), 54_999) == 4
    assert scaler.wanted(4, late(200), 55_000) == 3
    assert scaler.wanted(3, late(200), 55_001) == 3


def test_an_unknown_lag_changes_nothing():
    scaler = Scaler(EngineScale(most=4, idle_ms=1))
    assert scaler.wanted(3, Seen(lag_ms=None, pending=0, busy=0), 1) == 3
    assert scaler.wanted(0, Seen(lag_ms=None, pending=9, busy=0), 9) == 0


def test_the_least_is_kept():
    scaler = Scaler(EngineScale(least=2, most=3, idle_ms=10))
    assert scaler.wanted(0, IDLE, 1) == 2
    assert scaler.wanted(3, IDLE, 20) == 2
