"""The occupancy table: its keys and how the records of ``rooms.py`` lie in it.

| owner           | record                  | holds                                              |
|-----------------|-------------------------|----------------------------------------------------|
| ``rooms``       | name of the room        | :class:`~aws_lambda.rooms.Room`                    |
| ``room#NAME``   | ``minute#EPOCH_MS``     | :class:`~aws_lambda.rooms.Minute`                  |
| ``room#NAME``   | ``segment#NAME``        | a segment already counted (kept 24 hours)          |
| ``room#NAME``   | ``alarm``               | the limit and the numbers to be told               |
| ``room#NAME``   | ``cleaning#EPOCH_MS``   | a cleaning that was asked for                      |
| ``messages``    | id of a message         | a message already answered (kept 24 hours)         |
"""

from __future__ import annotations

import os
from typing import Any

from aws_lambda import clients
from aws_lambda.rooms import Minute, Room

KEPT_S = 24 * 3600
Item = dict[str, dict[str, Any]]


def name() -> str:
    """The table's name, from the environment."""
    return os.environ["OCCUPANCY_TABLE"]


def key(owner: str, record: str) -> Item:
    """A primary key."""
    return {"owner": {"S": owner}, "record": {"S": record}}


def room_owner(room: str) -> str:
    """The partition of a room's records."""
    return f"room#{room}"


def minute_record(at_ms: int) -> str:
    """Sorts by time until the year 2286."""
    return f"minute#{at_ms:013d}"


def number(value: int) -> dict[str, str]:
    """A DynamoDB number."""
    return {"N": str(value)}


def integer(item: Item, field: str, absent: int = 0) -> int:
    """A whole number out of an item."""
    return int(item[field]["N"]) if field in item else absent


def room_item(room: Room) -> Item:
    """A room as stored."""
    item = key("rooms", room.name) | {
        field: number(getattr(room, field))
        for field in ("persons", "as_of_ms", "peak", "peak_at_ms", "version")
    }
    return item | ({"episode": {"S": room.episode}} if room.episode else {})


def room_from(item: Item) -> Room:
    """The inverse of :func:`room_item`."""
    return Room(
        name=item["record"]["S"],
        persons=integer(item, "persons"),
        as_of_ms=integer(item, "as_of_ms"),
        peak=integer(item, "peak"),
        peak_at_ms=integer(item, "peak_at_ms"),
        episode=item["episode"]["S"] if "episode" in item else None,
        version=integer(item, "version"),
    )


def minute_item(owner: str, record: str, minute: Minute) -> Item:
    """A minute as stored."""
    return key(owner, record) | {
        "segments": number(minute.segments),
        "persons_sum": number(minute.persons_sum),
        "persons_max": number(minute.persons_max),
    }


def minute_from(item: Item) -> Minute:
    """The inverse of :func:`minute_item`."""
    return Minute(
        integer(item, "segments"), integer(item, "persons_sum"), integer(item, "persons_max")
    )


def get_many(keys: list[Item]) -> dict[tuple[str, str], Item]:
    """Items by (owner, record), as of now; absent ones are left out."""
    asked: dict[str, Any] = {name(): {"Keys": keys, "ConsistentRead": True}}
    found: dict[tuple[str, str], Item] = {}
    while asked:
        answer = clients.dynamodb().batch_get_item(RequestItems=asked)
        for item in answer["Responses"].get(name(), []):
            found[(item["owner"]["S"], item["record"]["S"])] = item
        asked = answer.get("UnprocessedKeys") or {}
    return found


def query(owner: str, first: str = "", last: str = "") -> list[Item]:
    """Items of an owner in order, all of them or those with ``first <= record <= last``."""
    request: dict[str, Any] = {
        "TableName": name(),
        "ConsistentRead": True,
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": {"S": owner}},
    }
    if first:
        request["KeyConditionExpression"] += " AND #record BETWEEN :first AND :last"
        request["ExpressionAttributeNames"]["#record"] = "record"
        request["ExpressionAttributeValues"] |= {":first": {"S": first}, ":last": {"S": last}}
    items: list[Item] = []
    while True:
        answer = clients.dynamodb().query(**request)
        items += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return items
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def all_rooms() -> list[Room]:
    """Every room a source has reported from, by name."""
    return [room_from(item) for item in query("rooms")]
