"""From a Task's resource and arguments to a call through the door.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html and, for ``aws-sdk``,
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.states import Resource
from pileus.services.stepfunctions.integrations import members
from pileus.shapes import UnknownOperation, UnknownService, known_services, service
from pileus.shapes.model import Operation
from pileus.values.body import Body, BytesBody

_OPTIMISED: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "lambda": ("lambda", "Lambda", ("Invoke",)),
    "sqs": ("sqs", "SQS", ("SendMessage",)),
    "sns": ("sns", "SNS", ("Publish",)),
    "dynamodb": ("dynamodb", "DynamoDB", ("GetItem", "PutItem", "UpdateItem", "DeleteItem")),
    "events": ("events", "EventBridge", ("PutEvents",)),
    "states": ("stepfunctions", "StepFunctions", ("StartExecution",)),
}
"""Service in ARNs → wire id, name in errors, operations that AWS has optimised."""
_SDK: Final = "aws-sdk:"
_PATTERNS: Final = ("", "waitForTaskToken")
_AWAITED: Final = ("states",)
"""Services whose ``.sync`` and ``.sync:2`` there are."""
_JSON_TEXTS: Final = {("sqs", "MessageBody"), ("sns", "Message"), ("events", "Detail")}
"""Texts for which an optimised integration takes any JSON."""


class Unfit(Exception):
    """A task asks for what cannot be asked: the error and the cause it fails with."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Request(msgspec.Struct, frozen=True):
    """A call through the door.

    Attributes:
        told: how errors name the service (``DynamoDB``, ``DynamoDb`` of the SDK).
        is_sdk: whether answers are given as the SDK gives them.
    """

    operation: Operation
    input: Mapping[str, Any]
    told: str
    is_sdk: bool = False
    body: Body | None = None


def lack(resource: Resource, kind: str) -> str:
    """What Pileus does not have of a resource; empty where it can be called."""
    if resource.kind != "integration":
        return ""
    if resource.pattern not in _PATTERNS and resource.service not in _AWAITED:
        return f"the integration pattern .{resource.pattern} of {resource.service}"
    if resource.service.startswith(_SDK):
        return "" if _operation(resource) is not None else f"the integration {resource.arn}"
    known = _OPTIMISED.get(resource.service)
    if known is None or _operation(resource) is None:
        return f"the integration {resource.arn}"
    return ""


def build(resource: Resource, arguments: str) -> Request:
    """The call that a task asks for.

    Raises:
        Unfit: its arguments are not those of the operation.
    """
    if resource.kind == "lambda":
        given = {"FunctionName": resource.arn, "Payload": arguments.encode()}
        return Request(service("lambda").operation("Invoke"), given, "Lambda")
    operation = _operation(resource)
    if operation is None:
        raise Unfit("States.Runtime", f"Pileus does not have the integration {resource.arn}.")
    parameters = decode(arguments)
    if not isinstance(parameters, dict):
        raise Unfit("States.Runtime", "The parameters of a service integration are an object.")
    is_sdk = resource.service.startswith(_SDK)
    if not is_sdk:
        parameters = _with_texts(resource.service, parameters)
    told = _sdk_told(operation.service) if is_sdk else _OPTIMISED[resource.service][1]
    try:
        wire = members.to_wire(operation.input, parameters)
    except members.UnknownMember as unknown:
        raise Unfit(
            "States.Runtime",
            f"The field '{unknown.name}' is not supported by the integration {resource.arn}.",
        ) from None
    stream = operation.input.streaming_member if operation.input is not None else None
    if operation.service == "lambda" or stream is None or stream.name not in wire:
        return Request(operation, wire, told, is_sdk)
    body = BytesBody(wire.pop(stream.name))
    return Request(operation, wire, told, is_sdk, body)


def _with_texts(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    found = dict(parameters)
    if name == "events":
        found["Entries"] = [
            _with_text(name, each) if isinstance(each, dict) else each
            for each in parameters.get("Entries") or ()
        ]
        return found
    if name == "lambda" and "Payload" in found:
        found["Payload"] = encode(found["Payload"])
    if name == "states":
        # AWS begins an execution without an input with an empty object.
        found["Input"] = encode(found.get("Input", {}))
    return _with_text(name, found)


def _with_text(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {
        key: encode(value) if (name, key) in _JSON_TEXTS and not isinstance(value, str) else value
        for key, value in given.items()
    }


def _operation(resource: Resource) -> Operation | None:
    action = resource.action.partition(".")[0]
    name = action[:1].upper() + action[1:]
    if resource.service.startswith(_SDK):
        wire_id = _wire_ids().get(resource.service.removeprefix(_SDK).lower(), "")
    else:
        known = _OPTIMISED.get(resource.service)
        if known is None or name not in known[2]:
            return None
        wire_id = known[0]
    try:
        return service(wire_id).operation(name) if wire_id else None
    except (UnknownOperation, UnknownService):
        return None


@cache
def _wire_ids() -> Mapping[str, str]:
    """The SDK's name of each service → its wire id."""
    found: dict[str, str] = {}
    for name, facts in known_services().items():
        found[str(facts.get("serviceId", name)).replace(" ", "").replace("-", "").lower()] = name
    return found


@cache
def _sdk_told(wire_id: str) -> str:
    return members.class_name(service(wire_id).service_id)
