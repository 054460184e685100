"""Occupancy read from the app's table, by public DynamoDB operations.

A stack names the table by its output ``OccupancyTableName``. The layout is Edifice Corb's
(``apps/corb/aws_lambda/table.py``): a room's record under ``rooms``, its alarm and its minutes under
``room#NAME``. A room is called as the source that watches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.console.asking import Asker

TABLE_OUTPUT = "OccupancyTableName"
MINUTES_SHOWN = 180
_MINUTE = "minute#"

Item = Mapping[str, Mapping[str, Any]]


async def read_occupancy(asker: Asker, table: str, room: str) -> dict[str, Any] | None:
    """The ``occupancy`` message of one room; None while nothing was counted in it."""
    found = await _get(asker, table, "rooms", room)
    if not found:
        return None
    alarm = await _get(asker, table, f"room#{room}", "alarm")
    minutes = await asker.ask(
        "dynamodb",
        "Query",
        TableName=table,
        KeyConditionExpression="#owner = :owner AND begins_with(#record, :minute)",
        ExpressionAttributeNames={"#owner": "owner", "#record": "record"},
        ExpressionAttributeValues={":owner": {"S": f"room#{room}"}, ":minute": {"S": _MINUTE}},
        ScanIndexForward=False,
        Limit=MINUTES_SHOWN,
    )
    rows = [_minute(item) for item in reversed(minutes.get("Items") or [])]
    return {
        "source": room,
        "people": _number(found, "persons") or 0,
        "as_of_ms": _number(found, "as_of_ms"),
        "peak": _number(found, "peak") or 0,
        "peak_at_ms": _number(found, "peak_at_ms"),
        "limit": _number(alarm, "persons_limit"),
        "too_full": "episode" in found,
        "minutes": rows,
    }


async def _get(asker: Asker, table: str, owner: str, record: str) -> Item:
    key = {"owner": {"S": owner}, "record": {"S": record}}
    output = await asker.ask("dynamodb", "GetItem", TableName=table, Key=key)
    return output.get("Item") or {}


def _minute(item: Item) -> dict[str, Any]:
    segments = _number(item, "segments") or 0
    return {
        "at_ms": int(item["record"]["S"].removeprefix(_MINUTE)),
        "peak": _number(item, "persons_max") or 0,
        "average": round((_number(item, "persons_sum") or 0) / segments, 2) if segments else 0,
    }


def _number(item: Item, field: str) -> int | None:
    value = item.get(field)
    return int(value["N"]) if value else None
