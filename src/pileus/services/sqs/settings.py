"""Queue attributes: checked when set, computed when read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.services.sqs import errors, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import (
    COUNTS,
    DEFAULTS,
    FIFO_ONLY,
    NUMBER_RANGES,
    READABLE,
    SETTABLE,
    Queue,
)
from pileus.values.arns import is_arn


def checked(call: WriteCall, name: str, given: Mapping[str, str]) -> dict[str, str]:
    """Attributes as they are kept; raises InvalidAttributeName and InvalidAttributeValue."""
    is_fifo = name.endswith(".fifo")
    kept: dict[str, str] = {}
    for attribute, value in given.items():
        if attribute not in SETTABLE or (attribute in FIFO_ONLY and not is_fifo):
            raise errors.invalid_attribute_name(attribute)
        kept[attribute] = _checked_value(attribute, value)
    if is_fifo and kept.get("FifoQueue", "true") != "true":
        raise errors.invalid_attribute_value("FifoQueue")
    if kept.get("KmsMasterKeyId"):
        if kept.get("SqsManagedSseEnabled") == "true":
            raise errors.two_encryptions()
        kept["SqsManagedSseEnabled"] = "false"
    elif kept.get("SqsManagedSseEnabled") == "true":
        kept["KmsMasterKeyId"] = ""
    if kept.get("RedrivePolicy"):
        _check_target(call, name, kept["RedrivePolicy"])
    return kept


def _checked_value(attribute: str, value: str) -> str:
    if attribute in NUMBER_RANGES:
        low, high = NUMBER_RANGES[attribute]
        if not value.isdigit() or not low <= int(value) <= high:
            raise errors.invalid_attribute_value(attribute)
        return str(int(value))
    if attribute in ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"):
        if value.lower() not in ("true", "false"):
            raise errors.invalid_attribute_value(attribute)
        return value.lower()
    if attribute == "DeduplicationScope" and value not in ("queue", "messageGroup"):
        raise errors.invalid_attribute_value(attribute)
    if attribute == "FifoThroughputLimit" and value not in ("perQueue", "perMessageGroupId"):
        raise errors.invalid_attribute_value(attribute)
    if value and attribute in ("Policy", "RedrivePolicy", "RedriveAllowPolicy"):
        _checked_json(attribute, value)
    return value


def _checked_json(attribute: str, value: str) -> None:
    try:
        policy = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise errors.invalid_attribute_value(attribute) from None
    if not isinstance(policy, dict):
        raise errors.invalid_attribute_value(attribute)
    if attribute == "RedrivePolicy":
        _check_redrive(value, policy)
    if attribute == "RedriveAllowPolicy":
        _check_allow(value, policy)


def _check_redrive(value: str, policy: dict[str, Any]) -> None:
    def wrong(reason: str) -> Exception:
        return errors.invalid_value(value, "RedrivePolicy", reason)

    target, count = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount")
    if target is None or count is None:
        raise wrong("Redrive policy does not contain mandatory attribute: "
                    + ("deadLetterTargetArn." if target is None else "maxReceiveCount."))  # fmt: skip
    if not str(count).isdigit() or not 1 <= int(count) <= 1000:
        raise wrong("Invalid value for maxReceiveCount: " f"{count}, valid values are from 1 to 1000 both inclusive.")  # fmt: skip
    if not is_arn(str(target)):
        raise wrong("Invalid value for deadLetterTargetArn.")


def _check_target(call: WriteCall, name: str, value: str) -> None:
    """Check that the dead-letter queue is there, of the same type, and lets this queue use it."""
    target = orjson.loads(value)["deadLetterTargetArn"]
    raw = call.state.get(("queue", target.rpartition(":")[2]))
    if raw is None:
        raise errors.invalid_value(value, "RedrivePolicy", "Dead letter target does not exist.")
    letters = store.QUEUES.decode(raw)
    if letters.is_fifo != name.endswith(".fifo"):
        raise errors.invalid_value(
            value,
            "RedrivePolicy",
            "Dead-letter queue must be same type of queue as the source.",
        )
    allowed = orjson.loads(letters.attributes.get("RedriveAllowPolicy") or "{}")
    permission = allowed.get("redrivePermission", "allowAll")
    sources = allowed.get("sourceQueueArns") or ()
    if permission == "denyAll" or (permission == "byQueue" and call.arn(name) not in sources):
        raise errors.invalid_value(
            value,
            "RedrivePolicy",
            "Dead letter target's RedriveAllowPolicy does not allow this queue as a source.",
        )


def _check_allow(value: str, policy: dict[str, Any]) -> None:
    def wrong(reason: str) -> Exception:
        return errors.invalid_value(value, "RedriveAllowPolicy", reason)

    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise wrong("Amazon SQS can't create the redrive allow policy. Invalid redrivePermission.")
    if (permission == "byQueue") != bool(sources):
        raise wrong(
            "Amazon SQS can't create the redrive allow policy. sourceQueueArns must be given when, "
            "and only when, redrivePermission is byQueue."
        )
    if sources and len(sources) > LIMITS.allowed_sources_max:
        raise wrong(
            "Amazon SQS can't create the redrive allow policy. At most "
            f"{LIMITS.allowed_sources_max} source queues can be named."
        )


def differing(queue: Queue, wanted: Mapping[str, str]) -> str:
    """The first attribute in ``wanted`` that the queue has otherwise, or an empty string."""
    for name, value in wanted.items():
        current = queue.attributes.get(name, DEFAULTS.get(name, ""))
        if value != current and not (name == "FifoQueue" and queue.is_fifo):
            return name
    return ""


def shown(call: ReadCall, queue: Queue, names: Iterable[str]) -> dict[str, str]:
    """Attributes by name, ``All`` for every one; raises InvalidAttributeName."""
    wanted = set(names)
    for name in wanted:
        if name != "All" and name not in READABLE:
            raise errors.invalid_attribute_name(name)
    values = {
        "QueueArn": call.arn(queue.name),
        "CreatedTimestamp": str(queue.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_ms // 1000),
        **{
            name: value
            for name, value in DEFAULTS.items()
            if (queue.is_fifo or name not in FIFO_ONLY) and not name.startswith("Kms")
        },
        **{name: value for name, value in queue.attributes.items() if value},
    }
    if queue.is_fifo:
        values["FifoQueue"] = "true"
    if queue.attributes.get("KmsMasterKeyId"):
        values.setdefault("KmsDataKeyReusePeriodSeconds", DEFAULTS["KmsDataKeyReusePeriodSeconds"])
    if "All" in wanted or wanted & set(COUNTS):
        values.update(zip(COUNTS, map(str, counts(call, queue)), strict=True))
    return values if "All" in wanted else {n: v for n, v in values.items() if n in wanted}


def counts(call: ReadCall, queue: Queue) -> tuple[int, int, int]:
    """Messages that can be received, are in flight, and are delayed.

    Standard queues keep every message in the ``ready`` index; in a FIFO queue the messages behind
    the first of a group are counted through ``flight``.
    """
    name = queue.name
    total = store.count(call.state, name)
    waiting = ("ready", name, call.now_ms + 1)
    if queue.is_fifo:
        hidden = [store.FLIGHTS.decode(raw) for _, raw in call.state.range(("flight", name))]
        hidden = [flight for flight in hidden if flight.visible_ms > call.now_ms]
        delayed = sum(1 for flight in hidden if flight.count == 0)
        in_flight = len(hidden) - delayed
    else:
        invisible = call.state.range(("ready", name), start=waiting)
        delayed = sum(1 for _, unreceived in invisible if unreceived)
        in_flight = len(invisible) - delayed
    return total - in_flight - delayed, in_flight, delayed
