"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    number = str(input.get("PhoneNumberId") or input.get("OriginationIdentity") or "*")
    number = number.rpartition("/")[2]
    return f"arn:aws:sms-voice:{context.region}:{context.account}:phone-number/{number}"


ROOM = Room(
    package="pileus.services.sms_voice",
    services=("pinpoint-sms-voice-v2",),
    uses=("sns",),
    resource_types=("AWS::SMSVOICE::PhoneNumber",),
    resource_arn=_resource_arn,
    has_background=True,
)
