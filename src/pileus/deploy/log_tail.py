"""A function's log, once or as it grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError, DeployError
from pileus.values.times import epoch_ms

_POLL_S = 0.5
_REMEMBERED_MAX = 20_000
_LATE_MS = 10_000
"""How far back a poll looks again: lines of one moment do not become visible at one moment."""
_AGO = re.compile(r"(\d+)\s*([smhdw])\w*\Z")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event of a log group; ``at_ms`` is epoch milliseconds."""

    at_ms: int
    stream: str
    text: str


def since_ms(text: str, now_ms: int) -> int:
    """``5m``, ``2h``, ``1d`` ago, or a moment such as ``2026-11-21T10:00``, as epoch milliseconds.

    Raises:
        DeployError: neither.
    """
    ago = _AGO.match(text.strip())
    if ago:
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        return epoch_ms(datetime.fromisoformat(text))
    except ValueError as error:
        raise DeployError(
            f"--since {text!r}: expected a span such as 5m or 2h, or a moment such as "
            "2026-11-21T10:00 (UTC)"
        ) from error


def read(api: Api, group: str, start_ms: int, pattern: str = "") -> Iterator[LogLine]:
    """The lines from ``start_ms`` on, oldest first.

    Args:
        pattern: a CloudWatch Logs filter pattern; empty for all.

    Raises:
        DeployError: the group does not exist.
    """
    for _, line in _read(api, group, start_ms, pattern):
        yield line


def follow(api: Api, time: Time, group: str, start_ms: int, pattern: str = "") -> Iterator[LogLine]:
    """The same without an end; a group that does not exist yet is waited for."""
    seen: dict[str, None] = {}
    newest_ms = start_ms
    while True:
        try:
            for event_id, line in _read(api, group, max(start_ms, newest_ms - _LATE_MS), pattern):
                if event_id in seen:
                    continue
                seen[event_id] = None
                newest_ms = max(newest_ms, line.at_ms)
                yield line
        except _NoGroup:
            pass  # made by the first invocation
        while len(seen) > _REMEMBERED_MAX:
            del seen[next(iter(seen))]
        time.sleep(_POLL_S)


class _NoGroup(DeployError):
    """There is no such log group."""


def _read(api: Api, group: str, start_ms: int, pattern: str) -> Iterator[tuple[str, LogLine]]:
    wanted = {"filterPattern": pattern} if pattern else {}
    try:
        for event in api.each(
            "logs",
            "FilterLogEvents",
            "events",
            logGroupName=group,
            startTime=max(0, start_ms),
            **wanted,
        ):
            line = LogLine(event["timestamp"], event["logStreamName"], event["message"])
            yield event["eventId"], line
    except ApiError as error:
        if error.code == "ResourceNotFoundException":
            raise _NoGroup(
                f"there is no log group {group} in account {api.account}, {api.region}: "
                "is the function deployed there?"
            ) from error
        raise
