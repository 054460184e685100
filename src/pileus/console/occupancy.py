"""Occupancy read from the app's table, by public DynamoDB operations.

A stack names the table by its output ``OccupancyTable``. Its items are keyed ``source`` (S) and
``at`` (S): the item ``now`` holds ``people``, ``peak``, ``peak_at_ms``, ``updated_at_ms``, and
``too_full`` (BOOL) with ``limit`` where an alarm is set; items ``minute#<UTC minute>`` hold that
minute's ``peak``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.console.asking import Asker

TABLE_OUTPUT = "OccupancyTable"
MINUTES_SHOWN = 120
_NOW = "now"
_MINUTE = "minute#"


async def read_occupancy(asker: Asker, table: str, source: str) -> dict[str, Any] | None:
    """The ``occupancy`` message of one source; None while the table has nothing of it."""
    output = await asker.ask(
        "dynamodb", "GetItem", TableName=table, Key={"source": {"S": source}, "at": {"S": _NOW}}
    )
    item = output.get("Item")
    if not item:
        return None
    minutes = await asker.ask(
        "dynamodb",
        "Query",
        TableName=table,
        KeyConditionExpression="#source = :source AND begins_with(#at, :minute)",
        ExpressionAttributeNames={"#source": "source", "#at": "at"},
        ExpressionAttributeValues={":source": {"S": source}, ":minute": {"S": _MINUTE}},
        ScanIndexForward=False,
        Limit=MINUTES_SHOWN,
    )
    rows = [
        {"minute": _plain(row["at"]).removeprefix(_MINUTE), "peak": _plain(row.get("peak"))}
        for row in reversed(minutes.get("Items") or [])
    ]
    return {
        "source": source,
        "people": _plain(item.get("people")) or 0,
        "peak": _plain(item.get("peak")) or 0,
        "peak_at_ms": _plain(item.get("peak_at_ms")),
        "updated_at_ms": _plain(item.get("updated_at_ms")),
        "limit": _plain(item.get("limit")),
        "too_full": bool(_plain(item.get("too_full"))),
        "minutes": rows,
    }


def _plain(value: Mapping[str, Any] | None) -> Any:
    """A DynamoDB attribute value of the kinds this table has, as a plain one."""
    if not value:
        return None
    kind, inner = next(iter(value.items()))
    if kind == "N":
        number = float(inner)
        return int(number) if number.is_integer() else number
    return None if kind == "NULL" else inner
