"""What follows a delivery that was given up."""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.services.sns import publishing, store


def delivery_failed(call: WriteCall, payload: dict[str, Any]) -> None:
    """Put a message into the subscription's dead-letter queue, if it has one.

    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """
    raw = call.state.get(("subscription", payload["topic"], payload["subscription"]))
    if raw is None:
        return
    redrive = store.SUBSCRIPTIONS.decode(raw).attributes.get("RedrivePolicy")
    if not redrive:
        return
    facts = {
        "ErrorCode": payload["error_code"],
        "ErrorMessage": payload["error_message"],
    }
    attributes = {n: {"DataType": "String", "StringValue": v} for n, v in facts.items() if v}
    service, operation, given = call_for(
        orjson.loads(redrive)["deadLetterTargetArn"],
        payload["body"],
        MessageAttributes=attributes,
    )
    call.emit(
        Delivery(
            service=service,
            operation=operation,
            input=given,
            principal=publishing.PRINCIPAL,
        )
    )
