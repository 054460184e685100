"""Tumbling windows: what a shard's batches add up to, handed from one invocation to the next.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.services.lambda_.streams.answers import state_of
from pileus.services.lambda_.streams.model import Progress, Record
from pileus.values.times import iso8601

_STATE_BYTES_MAX = 1024 * 1024
_GRACE_MS = 1000
"""Records that came at the very end of a window are read before it is closed."""


class Window:
    """The window that a shard is in; without a length there are none."""

    def __init__(self, progress: Progress, length_s: int, source: str) -> None:
        self._progress = progress
        self._source = source
        self.length_ms = length_s * 1000
        if not length_s:
            self._leave()

    @property
    def is_open(self) -> bool:
        """Records of it were read, and its final invocation is still to come."""
        return self._progress.window_ms >= 0

    @property
    def is_full(self) -> bool:
        """The state has outgrown its limit, so the window ends early."""
        return self.is_open and self._progress.is_state_full

    @property
    def end_ms(self) -> int:
        """When it is over."""
        return self._progress.window_ms + self.length_ms

    @property
    def close_ms(self) -> int:
        """When its final invocation is due."""
        return self.end_ms + _GRACE_MS

    def holds(self, record: Record) -> bool:
        """Whether the record belongs to the open window."""
        return self._progress.window_ms == self._start_ms(record)

    def enter(self, record: Record) -> None:
        """Open the window of a record, with an empty state, unless it is open."""
        if not self.holds(record):
            self._leave()
            self._progress.window_ms = self._start_ms(record)

    def keep(self, payload: bytes, *, is_final: bool) -> None:
        """Take over the state from a function's answer; the final invocation ends the window."""
        if not self.length_ms:
            return
        if is_final:
            self._leave()
            return
        state = state_of(payload)
        self._progress.state = state
        self._progress.is_state_full = len(state) > _STATE_BYTES_MAX

    def event(self, records: list[Record], *, is_final: bool, now_ms: int) -> dict[str, Any]:
        """What the function gets."""
        event: dict[str, Any] = {"Records": [record.event for record in records]}
        if not self.length_ms:
            return event
        bounds = (self._progress.window_ms, self.end_ms)
        start, end = (iso8601(at_ms, millis=False) for at_ms in bounds)
        return {
            **event,
            "window": {"start": start, "end": end},
            "state": orjson.loads(self._progress.state),
            "shardId": self._progress.shard,
            "eventSourceARN": self._source,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": is_final and now_ms < self.end_ms,
        }

    def _start_ms(self, record: Record) -> int:
        return record.at_ms // self.length_ms * self.length_ms

    def _leave(self) -> None:
        progress = self._progress
        progress.window_ms, progress.state, progress.is_state_full = -1, b"{}", False
