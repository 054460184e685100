"""A text that somebody sent to one of our numbers.

The carrier's side of AWS has no API; providers (the page's handset, Twilio's webhook) call this.
https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
"""

from __future__ import annotations

import orjson

from pileus.kernel.calls import StreamCall
from pileus.services.sms_voice.model import numbers
from pileus.services.sms_voice.texts import keep
from pileus.values.context import Principal
from pileus.values.errors import ServiceError


async def receive_text(call: StreamCall, sender: str, target: str, text: str) -> str:
    """Publish a text to the two-way channel of the number it was sent to; the message's id.

    Args:
        call: of this room, in the account whose number it is.
        target: our number; empty for the account's first two-way number.
    Raises:
        ServiceError: ResourceNotFoundException when no two-way number is meant.
    """
    found = [
        number
        for number in call.read(lambda view: numbers(view.state))
        if number.is_two_way and target in ("", number.number)
    ]
    if not found:
        raise ServiceError(
            "ResourceNotFoundException",
            f"No two-way phone number {target or 'at all'} in account {call.account}.",
            status=404,
        )
    number, message_id = found[0], call.new_id()
    words = text.split()
    payload = {
        "originationNumber": sender,
        "destinationNumber": number.number,
        "messageKeyword": f"KEYWORD_{words[0].upper()}" if words else "",
        "messageBody": text,
        "previousPublishedMessageId": "",
        "inboundMessageId": message_id,
    }
    principal = Principal.service("sms-voice.amazonaws.com", call.account)
    given = {"TopicArn": number.channel_arn, "Message": orjson.dumps(payload).decode()}
    await call.invoke("sns", "Publish", given, principal=principal)
    await keep(call, "in", sender, text, message_id)
    return message_id
