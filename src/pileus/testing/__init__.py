"""For tests of Pileus and of what is built on it: virtual time, seeded chance, contract suites."""

from pileus.adapters.chance_seeded import SeededChance
from pileus.adapters.clock_virtual import ClockStuck, VirtualClock

__all__ = ["ClockStuck", "SeededChance", "VirtualClock"]
