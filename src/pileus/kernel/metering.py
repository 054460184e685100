"""What was used: calls by operation, and whatever quantities rooms report (GB-seconds)."""

from __future__ import annotations

from collections import defaultdict

import msgspec


class Usage(msgspec.Struct):
    """Counted since start."""

    calls: int = 0
    errors: int = 0
    took_us: int = 0


class Meter:
    """Counters in memory, by account. Batched class of acknowledgement: a crash may lose them."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, str], Usage] = defaultdict(Usage)
        self._quantities: dict[tuple[str, str], float] = defaultdict(float)

    def add(
        self, account: str, service: str, operation: str, took_us: int, error_code: str
    ) -> None:
        """Count one call through the door."""
        usage = self._calls[(account, service, operation)]
        usage.calls += 1
        usage.took_us += took_us
        if error_code:
            usage.errors += 1

    def add_quantity(self, account: str, name: str, amount: float) -> None:
        """Add to a named quantity (``lambda:gb_seconds``)."""
        self._quantities[(account, name)] += amount

    def calls(self, account: str) -> dict[str, Usage]:
        """``service:operation`` → usage."""
        return {f"{s}:{o}": usage for (a, s, o), usage in self._calls.items() if a == account}

    def quantities(self, account: str) -> dict[str, float]:
        """Name → amount."""
        return {name: value for (a, name), value in self._quantities.items() if a == account}
