"""What is known of a shard, on disk and in memory."""

from __future__ import annotations

from typing import Any

import msgspec

TRIM_HORIZON, LATEST, AT_TIMESTAMP = "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"


class Progress(msgspec.Struct, kw_only=True):
    """How far a mapping has come in a shard; a record on disk.

    Attributes:
        parents: shards whose records come first.
        start: where to begin as long as nothing was dealt with; ``LATEST`` and ``AT_TIMESTAMP``
            with ``start_ms``.
        last: sequence number up to which all is dealt with, or empty.
        lanes: how many parallel lanes ``ahead`` speaks about.
        ahead: by lane, up to where its records are dealt with, where that is behind ``last``.
        is_done: the shard is closed, and all of it dealt with.
        window_ms: start of the tumbling window that ``state`` belongs to; -1 for none.
        state: what the function returned for that window, as JSON.
        is_state_full: the state grew too large, so the window ends early.
    """

    shard: str
    parents: list[str] = []
    start: str = TRIM_HORIZON
    start_ms: int = 0
    last: str = ""
    lanes: int = 1
    ahead: dict[int, str] = {}
    is_done: bool = False
    window_ms: int = -1
    state: bytes = b"{}"
    is_state_full: bool = False


class Shard(msgspec.Struct, frozen=True):
    """A shard as its stream tells it."""

    id: str
    parents: list[str]
    is_open: bool


class Record(msgspec.Struct, frozen=True):
    """One record of a shard.

    Attributes:
        key: records of one key stay in order.
        event: as the function sees it.
        filtered: what filter patterns are matched with; None where the data cannot be.
        size_bytes: of the event as JSON.
    """

    sequence: str
    key: str
    at_ms: int
    event: dict[str, Any]
    filtered: dict[str, Any]
    size_bytes: int

    @property
    def number(self) -> int:
        return int(self.sequence)


class Batch(msgspec.Struct, frozen=True):
    """Records that go to the function together.

    Attributes:
        attempts: failures that count towards MaximumRetryAttempts.
        invocations: how often the function ran on a batch with these records.
        failures: in a row, throttles included; what the pause before the next attempt goes by.
    """

    records: list[Record]
    attempts: int = 0
    invocations: int = 0
    failures: int = 0


class Letter(msgspec.Struct, frozen=True):
    """Records that are given up, for the on-failure destination."""

    records: list[Record]
    condition: str
    invocations: int
    request_id: str
    version: str = ""
    function_error: str = ""


EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
