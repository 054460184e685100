"""TooFullAnnouncer: tells those who asked that a room is too full, once an episode."""

from __future__ import annotations

from typing import Any

from aws_lambda import sms, table
from aws_lambda.claims import claim


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Announce each episode that OccupancyKeeper saw begin."""
    told: dict[str, list[str]] = {}
    for begun in event["detail"]["responsePayload"]["too_full"]:
        if claim(f"episode#{begun['episode']}", context.aws_request_id):
            told[begun["room"]] = announce(begun)
    return {"announced": told}


def announce(begun: dict[str, Any]) -> list[str]:
    """Send the message; the numbers it went to."""
    owner = table.room_owner(begun["room"])
    alarm = table.get_many([table.key(owner, "alarm")]).get((owner, "alarm"), {})
    numbers = sorted(alarm["numbers"]["SS"]) if "numbers" in alarm else []
    text = (
        f"{begun['room']} is too full: {sms.people(begun['persons'])} at "
        f"{sms.clock(begun['as_of_ms'])}."
    )
    for number in numbers:
        sms.send(number, text)
    return numbers
