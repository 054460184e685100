"""Timestamps of the states language: RFC 3339 with an uppercase T and, where there is no offset, Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp_ns(text: str) -> int | None:
    """Nanoseconds since 1970, or None when the text is no timestamp."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    fraction, zone = found[7] or "", found[8]
    try:
        moment = datetime(*(int(found[part]) for part in range(1, 7)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 18 or minutes > 59:
            return None
        offset = timedelta(hours=hours, minutes=minutes)
        moment += -offset if zone[0] == "+" else offset
    whole = moment - _EPOCH
    seconds = whole.days * 86_400 + whole.seconds
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0"))


def format_timestamp(at_ms: int) -> str:
    """A time as the context object writes it, ``2016-03-14T01:59:00.123Z``."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
