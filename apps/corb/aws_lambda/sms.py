"""Text messages out, and what every answering function does around one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda import clients
from aws_lambda.claims import claim

SMS_CHARACTERS_MAX = 1600
"""SNS takes no longer message."""


def send(number: str, text: str) -> None:
    """Hand a message to SNS; ``number`` in E.164 form (``+31612345678``)."""
    clients.sns().publish(PhoneNumber=number, Message=text[:SMS_CHARACTERS_MAX])


def answer(
    event: dict[str, Any], context: Any, compose: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """Answer the command that MessageIngress put on the bus, once; ``compose`` writes the text.

    Returns:
        What was answered, without a ``command_type``: the answer is no command.
    """
    command = event["detail"]["responsePayload"]
    if not claim(command["message_id"], context.aws_request_id):
        return {"answered": command["command_type"], "answered_before": True}
    text = compose(command)
    send(command["reply_to"], text)
    return {"answered": command["command_type"], "to": command["reply_to"], "text": text}


def clock(at_ms: int) -> str:
    """``10:15 UTC``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M UTC")


def people(count: int) -> str:
    """``1 person``, ``3 people``."""
    return "1 person" if count == 1 else f"{count} people"
