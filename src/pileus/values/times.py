"""Epoch milliseconds in and out of the timestamp forms AWS uses."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(at_ms: int) -> datetime:
    """The aware UTC datetime of an epoch in milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def iso8601(at_ms: int, *, millis: bool = True) -> str:
    """``2026-11-21T10:00:00.000Z``, or without the fraction."""
    text = utc(at_ms).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at_ms % 1000:03d}Z" if millis else f"{text}Z"


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds of a datetime; a naive one is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
