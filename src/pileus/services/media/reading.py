"""Results out of the Log: by offset, and by the time of their pieces."""

from __future__ import annotations

import msgspec

from pileus.ports.log import Log, Record
from pileus.services.media.limits import LIMITS

_READ_AT_ONCE = 500


class _Chunk(msgspec.Struct):
    start_ms: int


class _Document(msgspec.Struct):
    chunk: _Chunk


_DOCUMENTS = msgspec.json.Decoder(_Document)


class Wanted(msgspec.Struct, frozen=True):
    """Which results.

    Attributes:
        offset: the first that is looked at.
        from_ms, to_ms: only pieces that begin in this part of the source's clock, its end left out.
        is_rising: no piece begins before the one ahead of it, so that what lies behind ``to_ms`` is not
            looked at. It holds for live sources; a file begins at 0 whenever it is read again.
    """

    offset: int
    limit: int
    from_ms: int | None = None
    to_ms: int | None = None
    is_rising: bool = False


class Page(msgspec.Struct, frozen=True):
    """Results in order; ``last`` is the last offset looked at, ``is_past``: the rest lies behind ``to_ms``."""

    records: list[Record]
    last: int
    is_past: bool


def start_ms(record: Record) -> int:
    """When the record's piece begins, on the source's clock."""
    return _DOCUMENTS.decode(record.value).chunk.start_ms


async def first_from(log: Log, topic: str, low: int, end: int, from_ms: int) -> int:
    """The first offset of ``low`` to ``end`` whose piece begins at ``from_ms`` or later, where they rise."""
    while low < end:
        middle = (low + end) // 2
        (record,) = await log.read(topic, 0, middle, limit=1)
        if start_ms(record) < from_ms:
            low = middle + 1
        else:
            end = middle
    return low


async def first_since(log: Log, topic: str, low: int, end: int, horizon_ms: int) -> int:
    """The first offset of ``low`` to ``end`` that was written at that moment or later."""
    while low < end:
        middle = (low + end) // 2
        (record,) = await log.read(topic, 0, middle, limit=1)
        if record.at_ms < horizon_ms:
            low = middle + 1
        else:
            end = middle
    return low


async def page(log: Log, topic: str, wanted: Wanted) -> Page:
    """Results from an offset on: as many as asked for, or as fit, or as a bounded look finds.

    Raises:
        OffsetOutOfRange: it was forgotten, or lies beyond the end.
    """
    records: list[Record] = []
    offset, room_bytes = wanted.offset, LIMITS.results_bytes_max
    while offset - wanted.offset < LIMITS.results_looked_max and room_bytes > 0:
        at_once = min(_READ_AT_ONCE, wanted.limit - len(records))
        found = await log.read(topic, 0, offset, at_once, room_bytes)
        for each in found:
            is_in, is_past = _place(wanted, each)
            if is_past:
                return Page(records, offset - 1, True)
            offset = each.offset + 1
            if is_in:
                records.append(each)
                room_bytes -= len(each.value)
        if not found or len(records) >= wanted.limit:
            break
    return Page(records, offset - 1, False)


def _place(wanted: Wanted, record: Record) -> tuple[bool, bool]:
    """Whether a record is wanted, and whether it and all that follow lie behind what is wanted."""
    if wanted.from_ms is None and wanted.to_ms is None:
        return True, False
    begins_ms = start_ms(record)
    is_behind = wanted.to_ms is not None and begins_ms >= wanted.to_ms
    is_before = wanted.from_ms is not None and begins_ms < wanted.from_ms
    return not (is_behind or is_before), is_behind and wanted.is_rising
