"""From the ARN of a target to the call that delivers a payload there.

What notifications, rules, subscriptions and destinations have in common: S3, SNS, EventBridge and
Lambda all end in "give this text to that ARN".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.values.arns import Arn
from pileus.values.errors import ServiceError

Call = tuple[str, str, dict[str, Any]]
"""Service, operation and input, as a Delivery takes them."""


def _queue(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    url = f"http://sqs.{arn.region}.amazonaws.com/{arn.account}/{arn.resource}"
    return "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": text, **options}


def _function(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    given = {"FunctionName": str(arn), "InvocationType": "Event", "Payload": text.encode()}
    return "lambda", "Invoke", {**given, **options}


def _topic(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    return "sns", "Publish", {"TopicArn": str(arn), "Message": text, **options}


def _machine(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    return (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": str(arn), "input": text, **options},
    )


def _stream(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    given = {"StreamARN": str(arn), "Data": text.encode(), "PartitionKey": "event"}
    return "kinesis", "PutRecord", {**given, **options}


def _cluster(arn: Arn, text: str, options: Mapping[str, Any]) -> Call:
    return "ecs", "RunTask", {"cluster": str(arn), **options}


_BY_SERVICE: dict[str, Callable[[Arn, str, Mapping[str, Any]], Call]] = {
    "sqs": _queue,
    "lambda": _function,
    "sns": _topic,
    "states": _machine,
    "kinesis": _stream,
    "ecs": _cluster,
}
_WIRE_IDS = {"states": "stepfunctions"}
"""Where a service's name in ARNs is not its wire id."""


def service_of(arn: str) -> str | None:
    """The wire id of the service that :func:`call_for` would call; None where it knows none.

    Whether the house has that service is another question (``Call.serves``).
    """
    service = Arn.parse(arn).service
    return _WIRE_IDS.get(service, service) if service in _BY_SERVICE else None


def call_for(arn: str, text: str, **options: Any) -> Call:
    """The call that gives ``text`` to the target; ``options`` are further input members.

    Raises:
        ServiceError: InvalidParameterValue naming a service that nothing can be delivered to.
    """
    target = Arn.parse(arn)
    build = _BY_SERVICE.get(target.service)
    if build is None:
        raise ServiceError(
            "InvalidParameterValue", f"Pileus cannot deliver to {target.service} targets yet: {arn}"
        )
    return build(target, text, options)
