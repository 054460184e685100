"""What the operations that give events and streams in pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import Event, Group, Position, Stream, event_bytes
from pileus.services.logs.store import parse_name_token
from pileus.values.page_tokens import page_token

_END_MS = 1 << 62


class Page:
    """Events up to a number, and to a megabyte."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._bytes_left = LIMITS.page_bytes_max
        self.events: list[Event] = []

    def add(self, event: Event) -> bool:
        """Take the event; False when it has no room any more."""
        size = event_bytes(event.message)
        if not self._left or (self.events and size > self._bytes_left):
            return False
        self._left -= 1
        self._bytes_left -= size
        self.events.append(event)
        return True


def window(
    call: ReadCall, group: Group, request: Mapping[str, Any], *, is_end_inclusive: bool
) -> tuple[Position, Position]:
    """The places between which events are asked for; what retention has ended lies outside."""
    low_ms = max(request.get("startTime") or 0, group.horizon_ms(call.now_ms))
    end_ms = request.get("endTime")
    high_ms = _END_MS if end_ms is None else min(end_ms + is_end_inclusive, _END_MS)
    return (low_ms, 0), (high_ms, 0)


def cut(streams: Sequence[Stream], request: Mapping[str, Any]) -> tuple[Sequence[Stream], str]:
    """A page of streams, and the token of the next one or an empty string."""
    after = parse_name_token(request.get("nextToken"))
    names = [stream.name for stream in streams]
    start = names.index(after) + 1 if after in names else 0
    found = streams[start : start + (request.get("limit") or LIMITS.describe_page)]
    is_more = start + len(found) < len(streams)
    return found, page_token(found[-1].name) if is_more else ""
