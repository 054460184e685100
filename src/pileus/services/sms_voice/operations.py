"""The operations of this room. https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.ports.sms import Sms, SmsProvider, SmsRefused, SmsUnavailable
from pileus.services.sms_voice.model import PhoneNumber, find_number, numbers, put_number
from pileus.services.sms_voice.texts import is_kept, keep
from pileus.values.body import Body
from pileus.values.errors import ServiceError
from pileus.values.times import utc

_NUMBER = re.compile(r"\+?[1-9][0-9]{3,14}")
_TEXT_LENGTH_MAX = 1600


@stream
async def send_text_message(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Send one text through the provider. A redelivery hands it over once, under the same id."""
    target, text = request["DestinationPhoneNumber"], request.get("MessageBody") or ""
    if not _NUMBER.fullmatch(target):
        raise _invalid("INVALID_PARAMETER", f"{target} is not a phone number")
    if not 0 < len(text) <= _TEXT_LENGTH_MAX:
        raise _invalid("INVALID_PARAMETER", "MessageBody must have 1 to 1600 characters")
    given = request.get("OriginationIdentity")
    found = call.read(
        lambda view: [find_number(view.state, given)] if given else numbers(view.state)
    )
    sms = Sms(
        id=call.context.delivery_id or call.new_id(),
        account=call.account,
        origin=found[0].number if found else "",
        target=target,
        text=text,
        at_ms=call.now_ms,
    )
    if request.get("DryRun") or is_kept(call, sms.id):
        return {"MessageId": sms.id}
    try:
        message_id = await call.part(SmsProvider).send(sms)  # type: ignore[type-abstract]
    except SmsRefused as error:
        raise _invalid("DESTINATION_PHONE_NUMBER_BLOCKED", str(error)) from error
    except SmsUnavailable as error:
        raise ServiceError("ThrottlingException", str(error), status=429) from error
    await keep(call, "out", target, text, sms.id)
    return {"MessageId": message_id}


def _invalid(reason: str, message: str) -> ServiceError:
    return ServiceError("ValidationException", message, fields={"Reason": reason})


@write
def request_phone_number(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the account a number: the next of the fictional +1 555 01xx range."""
    taken = {number.number for number in numbers(call.state)}
    free = (f"+1555010{index:04d}" for index in range(10_000))
    number = PhoneNumber(
        id=f"phone-{call.random_bytes(16).hex()}",
        number=next(candidate for candidate in free if candidate not in taken),
        country=request["IsoCountryCode"],
        message_type=request["MessageType"],
        capabilities=list(request["NumberCapabilities"]),
        number_type=request["NumberType"],
        created_ms=call.now_ms,
        tags={tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()},
    )
    put_number(call.state, number)
    return _shown(call, number)


@write
def update_phone_number(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change where inbound texts of a number go."""
    number = find_number(call.state, request["PhoneNumberId"])
    number.is_two_way = request.get("TwoWayEnabled", number.is_two_way)
    number.channel_arn = request.get("TwoWayChannelArn", number.channel_arn)
    number.channel_role = request.get("TwoWayChannelRole", number.channel_role)
    if number.is_two_way and not number.channel_arn:
        raise _invalid("TWO_WAY_CHANNEL_NOT_PRESENT", "TwoWayChannelArn must be given")
    put_number(call.state, number)
    return _shown(call, number)


@write
def release_phone_number(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give a number back."""
    number = find_number(call.state, request["PhoneNumberId"])
    call.state.delete(("number", number.id))
    return {**_shown(call, number), "Status": "DELETED"}


@read
def describe_phone_numbers(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The account's numbers, or those asked for."""
    wanted = request.get("PhoneNumberIds")
    found = [find_number(call.state, w) for w in wanted] if wanted else numbers(call.state)
    return {"PhoneNumbers": [_shown(call, number) for number in found]}


def _shown(call: Call, number: PhoneNumber) -> dict[str, Any]:
    where = f"arn:aws:sms-voice:{call.region}:{call.account}:phone-number/{number.id}"
    shown: dict[str, Any] = {
        "PhoneNumberArn": where,
        "PhoneNumberId": number.id,
        "PhoneNumber": number.number,
        "Status": "ACTIVE",
        "IsoCountryCode": number.country,
        "MessageType": number.message_type,
        "NumberCapabilities": number.capabilities,
        "NumberType": number.number_type,
        "MonthlyLeasingPrice": "0.00",
        "TwoWayEnabled": number.is_two_way,
        "SelfManagedOptOutsEnabled": False,
        "OptOutListName": "Default",
        "InternationalSendingEnabled": False,
        "DeletionProtectionEnabled": False,
        "CreatedTimestamp": utc(number.created_ms),
    }
    if number.channel_arn:
        shown["TwoWayChannelArn"] = number.channel_arn
    if number.channel_role:
        shown["TwoWayChannelRole"] = number.channel_role
    return shown
