"""How often busy instances are looked at."""

from __future__ import annotations

from pileus.adapters.local_node.nodes import watch_pause_s


def test_a_few_are_looked_at_twenty_times_a_second() -> None:
    assert watch_pause_s(0) == watch_pause_s(2_000_000) == 0.05


def test_a_thousand_take_a_twentieth_of_a_core() -> None:
    assert watch_pause_s(30_000_000) == 0.6
