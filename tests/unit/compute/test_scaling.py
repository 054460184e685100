"""Concurrency limits, without effects."""

from __future__ import annotations

from pileus.compute.scaling import (
    ACCOUNT_EXCEEDED,
    ACCOUNT_RATE_EXCEEDED,
    RATE_EXCEEDED,
    RESERVED_EXCEEDED,
    RESERVED_RATE_EXCEEDED,
    ConcurrencyGate,
    Load,
    ScalingLimits,
)

_SECOND = 1_000_000_000


def test_the_account_is_bounded() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=3))
    assert [gate.enter("f"), gate.enter("g"), gate.enter("f")] == ["", "", ""]
    assert gate.enter("g") == ACCOUNT_EXCEEDED
    gate.leave("f")
    assert gate.enter("g") == ""
    assert gate.running("g") == 2
    assert gate.running_sum == 3


def test_reserved_concurrency_bounds_its_function_and_is_kept_for_it() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=3))
    gate.reserve("f", 2)
    assert gate.enter("g") == ""
    assert gate.enter("g") == ACCOUNT_EXCEEDED
    assert [gate.enter("f"), gate.enter("f")] == ["", ""]
    assert gate.enter("f") == RESERVED_EXCEEDED


def test_zero_reserved_throttles_everything() -> None:
    gate = ConcurrencyGate()
    gate.reserve("f", 0)
    assert gate.enter("f") == RESERVED_EXCEEDED


def test_a_reservation_may_change_while_calls_run() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=2))
    assert gate.enter("f") == ""
    gate.reserve("f", 1)
    assert gate.enter("g") == ""
    assert gate.enter("g") == ACCOUNT_EXCEEDED
    gate.leave("f")
    gate.reserve("f", None)
    assert gate.enter("g") == ""
    assert gate.enter("g") == ACCOUNT_EXCEEDED


def test_starts_burst_and_then_ramp() -> None:
    gate = ConcurrencyGate(ScalingLimits(burst_starts=10, burst_window_s=10.0))
    assert all(gate.take_start("f", 0) for _ in range(10))
    assert not gate.take_start("f", 0)
    assert gate.take_start("g", 0), "each function has its own"
    assert not gate.take_start("f", _SECOND // 2)
    assert gate.take_start("f", _SECOND)
    assert sum(gate.take_start("f", 100 * _SECOND) for _ in range(20)) == 10


def test_a_forgotten_function_leaves_nothing() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=2))
    gate.reserve("f", 2)
    gate.forget("f")
    assert [gate.enter("g"), gate.enter("g")] == ["", ""]


def test_provisioned_concurrency_is_kept_for_its_function() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=5))
    gate.provision("f", "1", 2)
    gate.provision("f", "2", 1)
    assert [gate.enter("g") for _ in range(3)] == ["", "", ACCOUNT_EXCEEDED]
    assert [gate.enter("f") for _ in range(3)] == ["", "", ""]
    assert gate.enter("f") == ACCOUNT_EXCEEDED, "beyond it the account's pool is asked"
    gate.leave("g")
    assert gate.enter("f") == ""
    assert gate.enter("g") == ACCOUNT_EXCEEDED
    gate.leave("f")
    gate.provision("f", "1", 0)
    gate.leave("f")
    gate.leave("f")
    assert [gate.enter("g") for _ in range(4)] == ["", "", "", ACCOUNT_EXCEEDED]
    gate.forget("f")
    assert gate.enter("f") == ACCOUNT_EXCEEDED
    assert gate.running_sum == 5


def test_reserved_concurrency_holds_the_provisioned() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=5))
    gate.provision("f", "1", 2)
    gate.reserve("f", 3)
    assert [gate.enter("f") for _ in range(4)] == ["", "", "", RESERVED_EXCEEDED]
    assert [gate.enter("g") for _ in range(3)] == ["", "", ACCOUNT_EXCEEDED]
    gate.reserve("f", None)
    assert gate.enter("g") == ACCOUNT_EXCEEDED


def test_requests_of_an_account_are_ten_times_its_concurrency_in_any_second() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=3))

    def ask(at_ns: int, function: str = "f") -> str:
        reason = gate.enter(function, at_ns)
        if not reason:
            gate.leave(function)
        return reason

    assert [ask(number) for number in range(20)] == [""] * 20
    assert [ask(_SECOND // 2, "g") for _ in range(11)] == [*[""] * 10, ACCOUNT_RATE_EXCEEDED]
    assert ask(_SECOND - 1) == ACCOUNT_RATE_EXCEEDED
    assert [ask(_SECOND), ask(_SECOND)] == ["", ACCOUNT_RATE_EXCEEDED], "the first is a second old"
    assert [ask(_SECOND + 19) for _ in range(20)] == [*[""] * 19, ACCOUNT_RATE_EXCEEDED]
    assert [ask(3 * _SECOND) for _ in range(31)] == [*[""] * 30, ACCOUNT_RATE_EXCEEDED]


def test_requests_of_a_reservation_are_ten_times_it() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=3))
    gate.reserve("f", 1)

    def ask(at_ns: int, function: str = "f") -> str:
        reason = gate.enter(function, at_ns)
        if not reason:
            gate.leave(function)
        return reason

    assert [ask(0) for _ in range(11)] == [*[""] * 10, RESERVED_RATE_EXCEEDED]
    assert [ask(0, "g") for _ in range(21)] == [*[""] * 20, ACCOUNT_RATE_EXCEEDED]
    gate.reserve("f", None)
    assert ask(_SECOND) == "", "without a reservation the account's rate is the only one"


def test_requests_of_a_version_are_ten_times_what_is_provisioned_for_it() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=10))
    gate.provision("f", "1", 2)

    def ask(at_ns: int, version: str = "1") -> str:
        reason = gate.enter("f", at_ns, version)
        if not reason:
            gate.leave("f")
        return reason

    assert [ask(0) for _ in range(21)] == [*[""] * 20, RATE_EXCEEDED]
    assert ask(_SECOND - 1) == RATE_EXCEEDED
    assert ask(0, "2") == "", "the bound is a version's"
    gate.provision("f", "1", 2)
    assert ask(_SECOND - 1) == RATE_EXCEEDED, "the same again changes nothing"
    assert [ask(_SECOND) for _ in range(21)] == [*[""] * 20, RATE_EXCEEDED]
    gate.provision("f", "1", 3)
    assert [ask(2 * _SECOND) for _ in range(31)] == [*[""] * 30, RATE_EXCEEDED]
    gate.provision("f", "1", 0)
    assert [ask(2 * _SECOND) for _ in range(50)] == [""] * 50


def test_what_one_bound_refuses_counts_for_no_other() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=100))
    gate.reserve("f", 2)
    gate.provision("f", "1", 1)

    def ask(version: str) -> str:
        reason = gate.enter("f", 0, version)
        if not reason:
            gate.leave("f")
        return reason

    assert [ask("1") for _ in range(15)] == [*[""] * 10, *[RATE_EXCEEDED] * 5]
    assert [ask("2") for _ in range(11)] == [*[""] * 10, RESERVED_RATE_EXCEEDED]


def test_only_synchronous_requests_have_a_rate() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=1))
    for _ in range(100):
        assert gate.enter("f") == ""
        gate.leave("f")
    unbounded = ConcurrencyGate(ScalingLimits(account_concurrency=1, requests_per_execution=0))
    for _ in range(100):
        assert unbounded.enter("f", 0) == ""
        unbounded.leave("f")


def test_how_busy_an_account_is() -> None:
    gate = ConcurrencyGate(ScalingLimits(account_concurrency=100))
    gate.reserve("kept", 10)
    gate.provision("kept", "1", 5)
    gate.provision("warm", "1", 4)
    for name in ("kept", "warm", "warm", "plain"):
        assert gate.enter(name) == ""
    assert gate.load("warm") == Load(running=2, running_sum=4, unreserved=1, claimed=15)
    for _ in range(3):
        gate.enter("warm")
    assert gate.load("warm") == Load(running=5, running_sum=7, unreserved=2, claimed=16)
    gate.reserve("warm", 20)
    assert gate.load("plain") == Load(running=1, running_sum=7, unreserved=1, claimed=31)
    gate.reserve("kept", None)
    assert gate.load("none") == Load(running=0, running_sum=7, unreserved=1, claimed=26)
