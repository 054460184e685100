"""Publish and PublishBatch. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.operations import write
from pileus.services.sns import errors, publishing, store
from pileus.services.sns.limits import LIMITS
from pileus.values.errors import ServiceError

_NUMBER = re.compile(r"\+?[1-9][0-9]{3,14}")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


@write
def publish(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Publish to a topic, or send one SMS."""
    places = ("TopicArn", "TargetArn", "PhoneNumber")
    given = [name for name in places if request.get(name) is not None]
    if len(given) != 1:
        raise errors.invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if "PhoneNumber" in given:
        return _send_sms(call, request)
    if ":endpoint/" in request[given[0]]:
        raise errors.invalid("TargetArn Reason: No endpoint found for the target arn specified")
    topic = store.topic_at(call.state, request[given[0]])
    return publishing.publish(call, topic, request)


def _send_sms(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    number = request["PhoneNumber"].replace(" ", "").replace("-", "")
    if not _NUMBER.fullmatch(number):
        raise errors.invalid(
            f"PhoneNumber Reason: {request['PhoneNumber']} is not valid to publish to"
        )
    publishing.checked(request)
    message_id = call.emit(
        Delivery(
            service="pinpoint-sms-voice-v2",
            operation="SendTextMessage",
            input=publishing.sms_input(number, request["Message"]),
            principal=publishing.PRINCIPAL,
        )
    )
    return {"MessageId": message_id}


@write
def publish_batch(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Publish up to ten messages; each succeeds or fails by itself."""
    topic = store.topic_at(call.state, request["TopicArn"])
    entries = request["PublishBatchRequestEntries"]
    if not entries:
        raise errors.batch("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > LIMITS.batch_entries_max:
        raise errors.batch(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        )
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise errors.batch(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        )
    if not all(_ENTRY_ID.fullmatch(entry_id) for entry_id in ids):
        raise errors.batch(
            "InvalidBatchEntryId",
            "The Id of a batch entry in a batch request doesn't abide by the specification.",
        )
    if sum(map(publishing.size_bytes, entries)) > LIMITS.message_bytes_max:
        raise errors.batch(
            "BatchRequestTooLong",
            "The length of all the batch messages put together is more than the limit.",
        )
    for entry in entries:
        publishing.check_ids(topic, entry)
        publishing.checked(entry)
    output: dict[str, Any] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            result = publishing.publish(call, topic, entry)
        except ServiceError as error:
            failure = {"Code": error.code, "Message": error.message}
            output["Failed"].append({"Id": entry["Id"], "SenderFault": True, **failure})
        else:
            output["Successful"].append({"Id": entry["Id"], **result})
    return output
