"""How many event pollers a mapping has.

https://docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html
"""

from __future__ import annotations

import msgspec

from pileus.services.lambda_.model import KafkaSource

EVERY_S = 60.0
_MINIMUM, _MAXIMUM = 1, 200


class Bounds(msgspec.Struct, frozen=True):
    """At least and at most so many pollers."""

    low: int
    high: int


def bounds_of(source: KafkaSource, partitions: int) -> Bounds:
    """On demand from one to one a partition; provisioned as configured, and no more than that."""
    if not source.pollers:
        return Bounds(_MINIMUM, max(partitions, 1))
    low = source.pollers.get("MinimumPollers") or _MINIMUM
    high = source.pollers.get("MaximumPollers") or _MAXIMUM
    return Bounds(min(low, max(partitions, 1)), min(high, max(partitions, 1)))


def pollers_wanted(current: int, lag: int, handled: int, bounds: Bounds) -> int:
    """After a minute in which ``handled`` records were dealt with, and ``lag`` are left.

    More than the next minute's work asks for twice as many pollers, a quarter of it for one less.
    """
    wanted = current
    if lag > handled:
        wanted = current * 2
    elif lag * 4 <= handled or not lag:
        wanted = current - 1
    return min(max(wanted, bounds.low), bounds.high)
