"""Checks a message and puts it into its queue; shared by send, batches, dead letters and moves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import errors, fifo, standard
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import Message, Queue, Sent, attributes_md5, md5, size_bytes

_INVALID_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_\-.]{1,256}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ID_128 = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def checked(queue: Queue, entry: Mapping[str, Any]) -> int:
    """Check what was asked to be sent; its size in bytes. Raises as SendMessage does."""
    body = entry.get("MessageBody")
    if not body:
        raise errors.missing_parameter("MessageBody")
    attributes = entry.get("MessageAttributes") or {}
    size, size_max = size_bytes(body, attributes), queue.number("MaximumMessageSize")
    if size > size_max:
        raise errors.message_too_long(size_max)
    # Printable ASCII is what nearly everyone sends, and the quickest to tell.
    if not (body.isascii() and body.isprintable()) and _INVALID_CHARACTERS.search(body):
        raise errors.invalid_characters()
    if attributes:
        _check_attributes(attributes)
    for name, value in (entry.get("MessageSystemAttributes") or {}).items():
        _check_system_attribute(name, value)
    return size


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    for value in attributes.values():
        if _INVALID_CHARACTERS.search(value.get("StringValue") or ""):
            raise errors.invalid_characters()
    if len(attributes) > LIMITS.attributes_max:
        raise errors.invalid_parameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10]."
        )
    for name, value in attributes.items():
        _check_attribute(name, value)


def _check_attribute(name: str, value: Mapping[str, Any]) -> None:
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise errors.invalid_parameter(
            f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, "
            "0-9, underscore (_), hyphen (-), and period (.) characters."
        )
    data_type = str(value.get("DataType") or "")
    if not data_type:
        raise errors.invalid_parameter(
            f"The message attribute '{name}' must contain non-empty message attribute type."
        )
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise errors.unsupported(
            "Message attribute list values in SendMessage operation are not supported."
        )
    kind = data_type.partition(".")[0]
    if kind not in ("String", "Number", "Binary"):
        raise errors.invalid_parameter(
            f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    content = value.get("BinaryValue" if kind == "Binary" else "StringValue")
    if not content:
        raise errors.invalid_parameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )
    if kind == "Number" and not _NUMBER.fullmatch(content):
        raise errors.invalid_parameter(
            f"Can't cast the value of message (user) attribute '{name}' to a number."
        )


def _check_system_attribute(name: str, value: Mapping[str, Any]) -> None:
    if name != "AWSTraceHeader":
        raise errors.invalid_parameter(
            f"Message system attribute name '{name}' is invalid. Only AWSTraceHeader is supported."
        )
    if value.get("DataType") != "String" or not value.get("StringValue"):
        raise errors.invalid_parameter(
            f"The message system attribute '{name}' must contain a non-empty value of type 'String'."
        )


def send(call: WriteCall, queue: Queue, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Put a checked entry into ``queue``; the members of SendMessageResult."""
    attributes = entry.get("MessageAttributes") or {}
    message = Message(
        id=call.new_id(),
        body=entry["MessageBody"],
        sent_ms=call.now_ms,
        sequence=call.sequence(),
        sender=call.context.principal.user_id or call.context.principal.arn,
        attributes=attributes,
        system_attributes=entry.get("MessageSystemAttributes") or {},
    )
    earlier = _place(call, queue, message, entry)
    output: dict[str, Any] = {
        "MessageId": earlier.message_id if earlier else message.id,
        "MD5OfMessageBody": md5(message.body),
    }
    if attributes:
        output["MD5OfMessageAttributes"] = attributes_md5(attributes)
    if message.system_attributes:
        output["MD5OfMessageSystemAttributes"] = attributes_md5(message.system_attributes)
    if queue.is_fifo:
        output["SequenceNumber"] = f"{earlier.sequence if earlier else message.sequence:020d}"
    return output


def _place(
    call: WriteCall, queue: Queue, message: Message, entry: Mapping[str, Any]
) -> Sent | None:
    """Put the message in; the earlier one instead where it repeats one."""
    delay_s = entry.get("DelaySeconds")
    if not queue.is_fifo:
        if entry.get("MessageDeduplicationId"):
            raise errors.invalid_value(
                entry["MessageDeduplicationId"],
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        if entry.get("MessageGroupId"):
            message.group = checked_id(entry["MessageGroupId"], "MessageGroupId")
        delay_s = queue.number("DelaySeconds") if delay_s is None else _checked_delay(delay_s)
        standard.add(call, queue, message, call.now_ms + delay_s * 1000)
        return None
    if delay_s:
        raise errors.invalid_value(
            delay_s,
            "DelaySeconds",
            "The request include parameter that is not valid for this queue type.",
        )
    message.group = checked_id(entry.get("MessageGroupId"), "MessageGroupId")
    message.deduplication_id = _deduplication_id(queue, entry)
    earlier = fifo.find_sent(call, queue, message.group, message.deduplication_id)
    if earlier is None:
        fifo.put_sent(call, queue, message, LIMITS.deduplication_s * 1000)
        fifo.add(call, queue, message, call.now_ms + queue.number("DelaySeconds") * 1000)
    return earlier


def _checked_delay(delay_s: int) -> int:
    if not 0 <= delay_s <= LIMITS.delay_s_max:
        raise errors.invalid_value(delay_s, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    return delay_s


def checked_id(value: str | None, name: str) -> str:
    """``value`` if it is an id as SQS takes them; raises MissingParameter, InvalidParameterValue."""
    if not value:
        raise errors.missing_parameter(name)
    if not _ID_128.fullmatch(value):
        raise errors.invalid_value(
            value,
            name,
            f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )
    return value


def _deduplication_id(queue: Queue, entry: Mapping[str, Any]) -> str:
    given = entry.get("MessageDeduplicationId")
    if given is None:
        if queue.attribute("ContentBasedDeduplication") == "true":
            return hashlib.sha256(entry["MessageBody"].encode()).hexdigest()
        raise errors.invalid_parameter(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return checked_id(given, "MessageDeduplicationId")


def check_batch(queue: Queue, entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise what a FIFO queue says of a whole batch when an entry lacks its group or its id."""
    for entry in entries:
        if not entry.get("MessageGroupId"):
            raise errors.invalid_parameter("The request must contain the parameter MessageGroupId.")
        _deduplication_id(queue, entry)


def put_back(call: WriteCall, queue: Queue, message: Message, source: str) -> None:
    """Put a message that was in another queue into ``queue``, keeping its identity."""
    message.sequence = call.sequence()
    message.dead_letter_source = source
    if queue.is_fifo:
        fifo.add(call, queue, message, call.now_ms)
    else:
        standard.add(call, queue, message, call.now_ms)
