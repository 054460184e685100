"""CleaningReportGenerator: asks for a room to be cleaned and reports how much it was used."""

from __future__ import annotations

import os
import time
from typing import Any

from aws_lambda import clients, sms, table
from aws_lambda.claims import claim
from aws_lambda.rooms import Minute, Room

_LAST = "9" * 13


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer ``request_cleaning``: note it, tell the crew, tell who asked.

    What it returns goes to the bus in turn; it holds no ``command_type``, which would ask for the
    next cleaning.
    """
    command = event["detail"]["responsePayload"]
    room_name = command["room"]
    if not claim(command["message_id"], context.aws_request_id):
        return {"report_type": "cleaning", "room": room_name, "answered_before": True}
    rooms = {room.name: room for room in table.all_rooms()}
    if room_name not in rooms:
        known = ", ".join(rooms) or "none yet"
        sms.send(command["reply_to"], f"I know no room {room_name}. Rooms: {known}.")
        return {"report_type": "cleaning", "room": room_name, "is_known": False}
    now_ms = round(time.time() * 1000)
    use = use_since_last_cleaning(room_name)
    text = compose(rooms[room_name], use)
    _note(room_name, now_ms, command)
    sms.send(command["reply_to"], text)
    crew = os.environ.get("CLEANING_CREW_NUMBER", "")
    if crew and crew != command["reply_to"]:
        sms.send(crew, f"Please clean {room_name}. {text}")
    return {"report_type": "cleaning", "room": room_name, "is_known": True, "text": text}


def use_since_last_cleaning(room: str) -> list[Minute]:
    """The minutes in which the room was watched since a cleaning was last asked for."""
    owner = table.room_owner(room)
    cleanings = table.query(owner, "cleaning#", f"cleaning#{_LAST}")
    since_ms = table.integer(cleanings[-1], "at_ms") if cleanings else 0
    minutes = table.query(owner, table.minute_record(since_ms), table.minute_record(int(_LAST)))
    return [table.minute_from(item) for item in minutes]


def compose(room: Room, use: list[Minute]) -> str:
    """The report, as sent by SMS."""
    if not use:
        return f"Cleaning of {room.name} is asked for, less than a minute after the last one."
    person_minutes = sum(minute.persons_sum / minute.segments for minute in use)
    most = max(minute.persons_max for minute in use)
    return (
        f"Cleaning of {room.name} is asked for. Since the last one: {len(use)} min watched, "
        f"{person_minutes:.0f} person-minutes, most {most} at once. Now {sms.people(room.persons)}."
    )


def _note(room: str, at_ms: int, command: dict[str, Any]) -> None:
    clients.dynamodb().put_item(
        TableName=table.name(),
        Item=table.key(table.room_owner(room), f"cleaning#{at_ms:013d}")
        | {
            "at_ms": table.number(at_ms),
            "asked_by": {"S": command["reply_to"]},
            "message_id": {"S": command["message_id"]},
        },
    )
