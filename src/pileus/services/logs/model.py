"""Groups, streams and events as records, and what may be decided from them alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pileus.services.logs import errors
from pileus.services.logs.limits import DAY_MS, LIMITS


class Subscription(msgspec.Struct, kw_only=True):
    """A subscription filter."""

    name: str
    pattern: str
    destination: str
    created_ms: int
    role: str = ""
    distribution: str = "ByLogStream"


class MetricFilter(msgspec.Struct, kw_only=True):
    """A metric filter. ``value`` is a number or a field; ``default`` None: no value without a match."""

    name: str
    pattern: str
    namespace: str
    metric: str
    value: str
    created_ms: int
    default: float | None = None
    unit: str = "None"
    dimensions: dict[str, str] = {}


class ResourcePolicy(msgspec.Struct, kw_only=True):
    """A policy of the region."""

    name: str
    document: str
    updated_ms: int


class Group(msgspec.Struct, kw_only=True):
    """A log group with its (at most two) subscriptions. ``retention_days`` 0: for ever."""

    name: str
    created_ms: int
    retention_days: int = 0
    kms_key: str = ""
    kind: str = "STANDARD"
    is_protected: bool = False
    tags: dict[str, str] = {}
    subscriptions: list[Subscription] = []
    metric_filter_count: int = 0

    def horizon_ms(self, now_ms: int) -> int:
        """Events before this moment are gone."""
        return now_ms - self.retention_days * DAY_MS if self.retention_days else 0


class Stream(msgspec.Struct, kw_only=True):
    """A log stream. ``tail_…`` tells its newest chunk, which may still be added to."""

    name: str
    created_ms: int
    first_ms: int = 0
    last_ms: int = 0
    ingested_ms: int = 0
    stored_bytes: int = 0
    tail_first_ms: int = 0
    tail_ordinal: int = 0
    tail_last_ms: int = 0
    tail_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        return self.ingested_ms == 0


class Event(msgspec.Struct, array_like=True, frozen=True):
    """A line. ``ordinal`` grows with every event of the space and tells apart those of one time."""

    at_ms: int
    ordinal: int
    ingested_ms: int
    message: str

    @property
    def position(self) -> tuple[int, int]:
        return self.at_ms, self.ordinal

    @property
    def id(self) -> str:
        """56 digits that sort as the events do."""
        return f"{self.at_ms:020d}{self.ordinal:036d}"


class Chunk(msgspec.Struct):
    """Consecutive events of a stream, in order of time."""

    events: list[Event]


Position = tuple[int, int]
"""``(at_ms, ordinal)``: the place before the event that has it."""

START: Position = (0, 0)


def event_bytes(message: str) -> int:
    """What an event counts against sizes."""
    size = len(message) if message.isascii() else len(message.encode())
    return size + LIMITS.event_overhead_bytes


def accepted(
    events: Sequence[Mapping[str, Any]], now_ms: int, horizon_ms: int
) -> tuple[Sequence[Mapping[str, Any]], dict[str, int]]:
    """The events of a batch that are taken, and what AWS says of those that are not.

    Raises InvalidParameterException for a batch that is too large, too long or out of order.
    """
    sizes = [event_bytes(event["message"]) for event in events]
    if max(sizes) > LIMITS.event_bytes_max + LIMITS.event_overhead_bytes:
        raise errors.event_too_large(max(sizes), LIMITS.event_bytes_max)
    if sum(sizes) > LIMITS.batch_bytes_max:
        raise errors.batch_too_large(sum(sizes), LIMITS.batch_bytes_max)
    times = [event["timestamp"] for event in events]
    if times != sorted(times):
        raise errors.not_chronological()
    too_old = bisect_left(times, now_ms - LIMITS.age_ms_max)
    expired = bisect_left(times, horizon_ms)
    too_new = bisect_right(times, now_ms + LIMITS.future_ms_max)
    taken = events[max(too_old, expired) : too_new]
    if taken and taken[-1]["timestamp"] - taken[0]["timestamp"] > LIMITS.batch_span_ms_max:
        raise errors.span_too_long()
    rejected = {}
    if too_new < len(events):
        rejected["tooNewLogEventStartIndex"] = too_new
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    return taken, rejected


def page_token(direction: str, position: Position) -> str:
    """``f/…/s`` or ``b/…/s``."""
    return f"{direction}/{position[0]:020d}{position[1]:036d}/s"


def parse_token(token: str) -> tuple[str, Position]:
    """Direction and position of a token; raises InvalidParameterException."""
    direction, _, rest = token.partition("/")
    digits, _, tail = rest.partition("/")
    if direction not in ("f", "b") or tail != "s" or len(digits) != 56 or not digits.isdecimal():
        raise errors.invalid_token()
    return direction, (int(digits[:20]), int(digits[20:]))
