"""HelpSender: tells what can be asked, on request or when a message was not understood."""

from __future__ import annotations

from typing import Any

from aws_lambda import sms

COMMANDS = (
    "status - how many people are in each room\n"
    "clean ROOM - ask for a room to be cleaned\n"
    "alarm ROOM N - be told when more than N people are in a room\n"
    "alarm ROOM off - no longer be told\n"
    "help - this list"
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer ``send_help`` and ``not_understood``."""
    return sms.answer(event, context, compose)


def compose(command: dict[str, Any]) -> str:
    """The list of commands, after an apology where one is due."""
    if command["command_type"] == "not_understood":
        said = command["text"].strip()[:40]
        return f'Sorry, I do not understand "{said}". You can say:\n{COMMANDS}'
    return f"You can say:\n{COMMANDS}"
