"""StatusReporter: how many people are where."""

from __future__ import annotations

from typing import Any

from aws_lambda import sms, table
from aws_lambda.rooms import Room


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer ``report_status``, for one room or for all."""
    return sms.answer(event, context, lambda command: compose(table.all_rooms(), command))


def compose(rooms: list[Room], command: dict[str, Any]) -> str:
    """A line a room."""
    if not rooms:
        return "No camera has reported yet."
    wanted = command.get("room")
    chosen = [room for room in rooms if wanted in (None, room.name)]
    if not chosen:
        return f"I know no room {wanted}. Rooms: {', '.join(room.name for room in rooms)}."
    return "\n".join(
        f"{room.name}: {sms.people(room.persons)} at {sms.clock(room.as_of_ms)}, most "
        f"{room.peak} at {sms.clock(room.peak_at_ms)}" + (", too full" if room.episode else "")
        for room in chosen
    )
