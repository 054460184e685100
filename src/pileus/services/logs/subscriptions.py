"""Delivery of what a group receives to those who subscribed to it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from typing import Any

import orjson

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.languages.log_pattern import LogPattern, compile_pattern
from pileus.languages.log_pattern_values import InvalidLogPattern
from pileus.services.logs import errors
from pileus.services.logs.model import Event, Group, Subscription
from pileus.values.arns import Arn

_PRINCIPAL = "service:logs.amazonaws.com"
_DESTINATIONS = ("lambda", "kinesis")


def pattern(text: str) -> LogPattern:
    """The compiled pattern; raises InvalidParameterException."""
    try:
        return compile_pattern(text)
    except InvalidLogPattern as error:
        raise errors.invalid_pattern(str(error)) from None


def check_destination(call: Call, arn: str) -> None:
    """Raise InvalidParameterException unless events can be delivered there."""
    try:
        service = Arn.parse(arn).service
    except ValueError:
        raise errors.invalid(f"Invalid destination ARN: {arn}") from None
    if service not in _DESTINATIONS or not call.serves(service):
        raise errors.unsupported_destination(arn)


def deliver(call: WriteCall, group: Group, stream: str, events: Sequence[Event]) -> None:
    """Emit a delivery for every subscription that some of the events are for."""
    for subscription in group.subscriptions:
        matches = pattern(subscription.pattern).matches
        chosen = [event for event in events if matches(event.message)]
        if chosen:
            data = _data(call.account, group.name, stream, subscription.name, chosen)
            call.emit(_delivery(subscription, stream, data))


def _data(
    account: str, group: str, stream: str, subscription: str, events: Sequence[Event]
) -> bytes:
    record = {
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [subscription],
        "logEvents": [
            {"id": event.id, "timestamp": event.at_ms, "message": event.message} for event in events
        ],
    }
    return gzip.compress(orjson.dumps(record), compresslevel=1, mtime=0)


def _delivery(subscription: Subscription, stream: str, data: bytes) -> Delivery:
    arn = subscription.destination
    given: dict[str, Any]
    if Arn.parse(arn).service == "lambda":
        payload = orjson.dumps({"awslogs": {"data": base64.b64encode(data).decode()}})
        given = {"FunctionName": arn, "InvocationType": "Event", "Payload": payload}
        return Delivery(service="lambda", operation="Invoke", input=given, principal=_PRINCIPAL)
    given = {"StreamARN": arn, "Data": data, "PartitionKey": stream}
    return Delivery(
        service="kinesis",
        operation="PutRecord",
        input=given,
        principal=subscription.role or _PRINCIPAL,
    )
