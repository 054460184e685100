"""Timestamps on the wire: epoch seconds, ISO 8601, RFC 7231 dates. Inside: aware UTC datetimes.

https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Moment = datetime | int | float | str
"""What a room may give as a timestamp; numbers are epoch seconds."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(value: Any) -> datetime:
    """A moment from any wire form.

    Raises:
        ValueError: when the value is no timestamp.
    """
    if type(value) is int or type(value) is float:
        return _from_epoch(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a timestamp: {value!r}")
    text = value.strip()
    if text[4:5] == "-" and text[:4].isdigit():
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if text[:1].isdigit() or text[:1] in "-+":
        return _from_epoch(float(text))
    return parse_http_date(text)


def _from_epoch(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as problem:
        raise ValueError(f"not a timestamp: {seconds!r}") from problem


def epoch_seconds(value: Moment) -> float | int:
    """Epoch seconds with at most three decimals; an int when whole."""
    millis = round(parse(value).timestamp() * 1000)
    return millis // 1000 if millis % 1000 == 0 else millis / 1000


def iso8601(value: Moment) -> str:
    """``2026-11-21T10:00:00Z``, with milliseconds when there are any."""
    moment = parse(value)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def iso8601_millis(value: Moment) -> str:
    """``2026-11-21T10:00:00.000Z``: S3 and the query services always show milliseconds."""
    moment = parse(value)
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03d}Z"


def http_date(value: Moment) -> str:
    """``Sat, 21 Nov 2026 10:00:00 GMT``."""
    moment = parse(value).astimezone(UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment:%d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"


def parse_http_date(text: str) -> datetime:
    """A moment from a date as HTTP and mail write it.

    Raises:
        ValueError: when it is none.
    """
    # Lazy on purpose: the mail package is a fiftieth of the start, and few requests have dates.
    found: datetime = importlib.import_module("email.utils").parsedate_to_datetime(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _epoch_text(value: Moment) -> str:
    return str(epoch_seconds(value))


_TEXT_FORMATS: dict[str, Callable[[Moment], str]] = {
    "iso8601": iso8601,
    "rfc822": http_date,
    "unixTimestamp": _epoch_text,
}


def text_format(timestamp_format: str, default: Callable[[Moment], str]) -> Callable[[Moment], str]:
    """The function for a member's ``timestampFormat``; ``default`` when it is empty."""
    return _TEXT_FORMATS[timestamp_format] if timestamp_format else default
