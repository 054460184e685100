"""MessageIngress: an SMS comes in, a command goes to the event bus.

AWS's two-way SMS publishes each incoming message to an SNS topic as JSON
(https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html). What this function
returns goes to the bus by its destination; rules hand it to whoever carries out the command.
"""

from __future__ import annotations

import json
import re
from typing import Any

_WORD = r"[a-z0-9][a-z0-9_.-]{0,63}"
_COMMANDS = [
    (re.compile(r"help|\?"), "send_help"),
    (re.compile(rf"status(?: (?P<room>{_WORD}))?"), "report_status"),
    (re.compile(rf"clean (?P<room>{_WORD})"), "request_cleaning"),
    (re.compile(rf"alarm (?P<room>{_WORD}) (?P<persons>[1-9]\d{{0,3}})"), "set_alarm"),
    (re.compile(rf"alarm (?P<room>{_WORD}) off"), "clear_alarm"),
]


class UnreadableMessage(ValueError):
    """What SNS delivered is not an incoming SMS."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Turn the one message of an SNS event into a command."""
    if len(event["Records"]) != 1:
        raise UnreadableMessage(f"SNS delivers one message at a time, not {len(event['Records'])}.")
    try:
        message = json.loads(event["Records"][0]["Sns"]["Message"])
        text, number = str(message["messageBody"]), message["originationNumber"]
        message_id = message["inboundMessageId"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableMessage(
            "The message is not AWS's two-way SMS JSON with originationNumber, messageBody and "
            f"inboundMessageId: {error!r}"
        ) from error
    return parse(text) | {"reply_to": number, "message_id": message_id}


def parse(text: str) -> dict[str, Any]:
    """The command in a message; ``not_understood`` with the text where there is none."""
    words = " ".join(text.lower().split()).rstrip(".!")
    for pattern, command_type in _COMMANDS:
        match = pattern.fullmatch(words)
        if match:
            found = {name: value for name, value in match.groupdict().items() if value}
            if "persons" in found:
                return {"command_type": command_type, **found, "persons": int(found["persons"])}
            return {"command_type": command_type, **found}
    return {"command_type": "not_understood", "text": text[:160]}
