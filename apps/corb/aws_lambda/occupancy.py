"""OccupancyKeeper: keeps now, peak and per-minute occupancy from what VideoIngress and the live engines report.

Events come at least once, and a segment may be analysed twice; each segment counts once. All writes
of an observation are one transaction, conditional on the segment's mark (which names the event that
counted it) being absent and on the room not having changed meanwhile.
"""

from __future__ import annotations

import os
from typing import Any

from aws_lambda import clients, table
from aws_lambda.rooms import Observation, Room, minute_of, observe

ATTEMPTS_MAX = 20


class RoomBusy(Exception):
    """Other writers kept changing the room; the invocation is to be retried."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count the segments of one event: a ``Lambda Function Invocation Result - Success``, or ``Persons Seen``
    of the live engines, whose segments are moments.
    """
    detail = event["detail"]
    outcomes = [
        record(
            Observation(
                segment["source"], segment["segment"], segment["captured_at_ms"], segment["persons"]
            ),
            event["id"],
            context.aws_request_id,
        )
        for segment in detail.get("responsePayload", detail)["segments"]
    ]
    begun = [outcome for outcome in outcomes if outcome["episode"]]
    answer: dict[str, Any] = {"result_type": "occupancy", "rooms": outcomes}
    if begun:
        answer |= {"command_type": "announce_too_full", "too_full": begun}
    return answer


def record(seen: Observation, event_id: str, request_id: str) -> dict[str, Any]:
    """Count one observation, or find that it was counted.

    When this very invocation is retried after its writes but before its end, it tells the same
    outcome again, so that an alarm is not lost; any other repetition tells nothing new.
    """
    owner = table.room_owner(seen.room)
    keys = {
        "mark": table.key(owner, f"segment#{seen.segment}"),
        "minute": table.key(owner, table.minute_record(minute_of(seen.at_ms))),
        "alarm": table.key(owner, "alarm"),
        "room": table.key("rooms", seen.room),
    }
    for _ in range(ATTEMPTS_MAX):
        found = table.get_many(list(keys.values()))
        items = {
            what: found.get((at["owner"]["S"], at["record"]["S"])) for what, at in keys.items()
        }
        if items["mark"] is not None:
            return _counted_before(seen, items["mark"], request_id)
        limit = table.integer(items["alarm"] or {}, "persons_limit", _default_limit())
        before = table.room_from(items["room"]) if items["room"] else Room(seen.room)
        after, episode = observe(before, seen, limit)
        minute = table.minute_from(items["minute"] or {}).with_segment(seen.persons)
        mark = keys["mark"] | {
            "event_id": {"S": event_id},
            "request_id": {"S": request_id},
            "expires_at": table.number(seen.at_ms // 1000 + table.KEPT_S),
        }
        if episode:
            mark["episode"] = {"S": episode}
        minute_item = table.minute_item(owner, keys["minute"]["record"]["S"], minute)
        if _write(mark, after, minute_item):
            return _outcome(seen, after, episode)
    raise RoomBusy(f"{seen.room} changed {ATTEMPTS_MAX} times while a segment was counted.")


def _write(mark: table.Item, room: Room, minute: table.Item) -> bool:
    """The transaction; False when the segment was counted or the room changed meanwhile."""
    unchanged = {
        "ConditionExpression": "attribute_not_exists(#version) OR #version = :before",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":before": table.number(room.version - 1)},
    }
    absent = {
        "ConditionExpression": "attribute_not_exists(#record)",
        "ExpressionAttributeNames": {"#record": "record"},
    }
    puts = [(mark, absent), (table.room_item(room), unchanged), (minute, {})]
    client = clients.dynamodb()
    try:
        client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table.name(), "Item": item, **condition}}
                for item, condition in puts
            ]
        )
    except client.exceptions.TransactionCanceledException as error:
        codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
        if codes - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        return False
    return True


def _counted_before(seen: Observation, mark: table.Item, request_id: str) -> dict[str, Any]:
    room = table.get_many([table.key("rooms", seen.room)])[("rooms", seen.room)]
    is_retry = mark["request_id"]["S"] == request_id
    episode = mark["episode"]["S"] if is_retry and "episode" in mark else None
    return _outcome(seen, table.room_from(room), episode) | {"counted_before": True}


def _outcome(seen: Observation, room: Room, episode: str | None) -> dict[str, Any]:
    return {
        "room": seen.room,
        "persons": seen.persons,
        "peak": room.peak,
        "as_of_ms": room.as_of_ms,
        "episode": episode,
        "counted_before": False,
    }


def _default_limit() -> int:
    return int(os.environ["TOO_FULL_PERSONS"])
