from __future__ import annotations

from pileus.adapters.chance_system import SystemChance
from pileus.testing import SeededChance


def test_seeded_chance_repeats() -> None:
    first, again, other = SeededChance(1), SeededChance(1), SeededChance(2)
    drawn = [first.random_bytes(16) for _ in range(3)]
    assert drawn == [again.random_bytes(16) for _ in range(3)]
    assert drawn != [other.random_bytes(16) for _ in range(3)]
    assert len(set(drawn)) == 3


def test_system_chance_does_not() -> None:
    chance = SystemChance()
    drawn = [chance.random_bytes(size) for size in (16, 17, 64, 65) for _ in range(300)]
    assert len(set(drawn)) == 1200
    assert [len(piece) for piece in drawn[::300]] == [16, 17, 64, 65]
    assert chance.random_bytes(0) == b""
