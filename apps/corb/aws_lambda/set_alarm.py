"""AlarmSetter: remembers who wants to be told when a room is too full."""

from __future__ import annotations

from typing import Any

from aws_lambda import clients, sms, table


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer ``set_alarm`` and ``clear_alarm``."""
    return sms.answer(event, context, carry_out)


def carry_out(command: dict[str, Any]) -> str:
    """Change the room's alarm, which doing twice does not change further; the text to answer."""
    room, number = command["room"], command["reply_to"]
    if command["command_type"] == "clear_alarm":
        _update(room, "DELETE #numbers :number", {":number": {"SS": [number]}})
        return f"You will no longer be told when {room} is too full."
    limit = command["persons"]
    _update(
        room,
        "SET #limit = :limit ADD #numbers :number",
        {":limit": table.number(limit), ":number": {"SS": [number]}},
    )
    known = {one.name for one in table.all_rooms()}
    unseen = "" if room in known else f" No camera has reported from {room} yet."
    return f"You will be told when {room} holds more than {sms.people(limit)}.{unseen}"


def _update(room: str, expression: str, values: dict[str, Any]) -> None:
    names = {"#numbers": "numbers", "#limit": "persons_limit"}
    clients.dynamodb().update_item(
        TableName=table.name(),
        Key=table.key(table.room_owner(room), "alarm"),
        UpdateExpression=expression,
        ExpressionAttributeNames={name: to for name, to in names.items() if name in expression},
        ExpressionAttributeValues=values,
    )
