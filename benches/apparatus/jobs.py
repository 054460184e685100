"""What the load generator can be asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A port and the requests to send there, one after another, again and again."""

    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Alternate:
    """Time single requests, one connection a target, in turn blocks of ``block``."""

    targets: Sequence[Target]
    rounds: int
    block: int
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Flood:
    """Keep ``connections`` connections busy until ``duration_s`` has passed or ``count`` are done."""

    target: Target
    connections: int
    duration_s: float
    count: int | None = None
    keeps: bool = False
