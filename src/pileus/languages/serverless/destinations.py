"""Where asynchronous results go: destinations, retry limits, dead letters' permissions."""

from __future__ import annotations

import re
from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.functions import same_service_arn
from pileus.languages.serverless.names import function_id, lambda_id
from pileus.languages.serverless.reading import Reading, is_function

_BARE_BUS = re.compile(r"arn:(aws[a-z-]*):events:([a-z0-9-]*):(\d*):event-bus/(.+)\Z")
_ACTIONS = {
    "lambda": ("function", "lambda:InvokeFunction"),
    "sqs": ("sqs", "sqs:SendMessage"),
    "sns": ("sns", "sns:Publish"),
    "events": ("eventBus", "events:PutEvents"),
}
_BY_TYPE = dict(_ACTIONS.values())


def add_invoke_config(build: Build, name: str) -> None:
    """``destinations``, ``maximumRetryAttempts`` and ``maximumEventAge`` of a function.

    Raises:
        ServiceFileError: a destination that is neither a function of the service nor an ARN.
    """
    function = build.functions[name]
    destinations = function["destinations"]
    destinations.check_keys("onSuccess", "onFailure")
    config: dict[str, Any] = {}
    for key in ("onSuccess", "onFailure"):
        if destinations[key]:
            config[key[0].upper() + key[1:]] = {"Destination": _target(build, destinations[key])}
    properties: dict[str, Any] = {"FunctionName": {"Ref": lambda_id(name)}}
    if config:
        properties["DestinationConfig"] = config
    alias = build.alias(name)
    properties["Qualifier"] = alias[0] if alias else "$LATEST"
    if function["maximumEventAge"]:
        age_s = function["maximumEventAge"].integer(60, 21_600)
        properties["MaximumEventAgeInSeconds"] = age_s
    if function["maximumRetryAttempts"]:
        properties["MaximumRetryAttempts"] = function["maximumRetryAttempts"].integer(0, 2)
    if len(properties) == 2:
        return
    others: dict[str, Any] = {"DependsOn": alias[1]} if alias else {}
    condition = function["condition"].optional_text()
    if condition:
        others["Condition"] = condition
    build.add(
        f"{function_id(name)}LambdaEvConf", "AWS::Lambda::EventInvokeConfig", properties, **others
    )


def _target(build: Build, place: Reading) -> Any:
    """The destination's ARN; asks for the permission on the way."""
    if isinstance(place.value, dict) and not is_function(place.value):
        kind = place["type"].one_of(*_BY_TYPE)
        target = mended_bus_arn(place["arn"], place["arn"].text_or_function("an ARN"))
        _allow(build, _BY_TYPE[kind], target)
        return target
    value = place.text_or_function("a function of this service or an ARN")
    if isinstance(value, str) and not value.startswith("arn:"):
        own = same_service_arn(build, value)
        if own is None:
            raise place.expected("a function of this service or an ARN")
        deployed = build.function_name(value)
        _allow(
            build,
            "lambda:InvokeFunction",
            {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
             + deployed},
        )  # fmt: skip
        return own
    if not isinstance(value, str):
        raise place.error("a destination given as a function needs its type: {type, arn}")
    service = value.split(":")[2]
    if service not in _ACTIONS:
        raise place.expected("an ARN of lambda, sqs, sns or events")
    target = mended_bus_arn(place, value)
    _allow(build, _ACTIONS[service][1], target)
    return target


def mended_bus_arn(place: Reading, value: Any) -> Any:
    """An event bus's ARN that lacks region or account gets the stack's own, with a warning."""
    match = _BARE_BUS.match(value) if isinstance(value, str) else None
    if match is None or (match[2] and match[3]):
        return value
    region = match[2] or "${AWS::Region}"
    account = match[3] or "${AWS::AccountId}"
    place.warn(f"{value} lacks region or account; taken as this stack's own")
    return {"Fn::Sub": f"arn:{match[1]}:events:{region}:{account}:event-bus/{match[4]}"}


def _allow(build: Build, action: str, resource: Any) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    if statement not in build.statements:
        build.statements.append(statement)
