"""Events of the bus and the clock: ``eventBridge``, ``schedule``, ``cloudwatchEvent``."""

from __future__ import annotations

import json
import re
from typing import Any

from pileus.languages.serverless.build import Build, custom_role
from pileus.languages.serverless.names import (
    ACCOUNT,
    PARTITION,
    REGION,
    alphanumeric,
    function_id,
    rule_name,
)
from pileus.languages.serverless.reading import Reading, is_function

_RATE = re.compile(r"(rate\(\s*\d+\s+\w+\s*\)|cron\(.+\)|at\(.+\))\Z")
_PRINCIPAL = "events.amazonaws.com"


def add_event_bridge(build: Build, name: str, event: Reading, index: int) -> None:
    """One ``eventBridge`` event, a rule of its own; ``index`` counts all events from one.

    Raises:
        ServiceFileError: neither pattern nor schedule, or more than one kind of input.
    """
    event.check_keys("pattern", "schedule", "eventBus", "input", "inputPath", "inputTransformer",
                     "retryPolicy", "deadLetterQueueArn", "enabled", "name", "description")  # fmt: skip
    if not event["pattern"] and not event["schedule"]:
        raise event.expected("pattern or schedule")
    stem = f"{build.service}-{build.stage}-{name}"
    default = rule_name(stem, index)
    called = event["name"].text() if event["name"] else default
    bus, depends = _bus(build, event["eventBus"])
    properties: dict[str, Any] = {}
    if event["description"]:
        properties["Description"] = event["description"].text()
    if bus is not None:
        properties["EventBusName"] = bus
    if event["pattern"]:
        properties["EventPattern"] = _pattern(event["pattern"])
    properties["Name"] = called
    if event["schedule"]:
        properties["ScheduleExpression"] = _expression(event["schedule"])
    properties["State"] = "ENABLED" if event["enabled"].boolean(True) else "DISABLED"
    target: dict[str, Any] = {"Arn": build.target(name), "Id": f"{called}-target"}
    properties["Targets"] = [{**target, **_delivery(event), **_input(event)}]
    rule_id = f"{alphanumeric(f'{stem}-rule-{index}')}EventBridgeRule"
    needs = depends + build.alias_dependency(name)
    others = {"DependsOn": needs if len(needs) > 1 else needs[0]} if needs else {}
    build.add(rule_id, "AWS::Events::Rule", properties, **others)
    path = ["rule", called] if bus is None else ["rule", bus, called]
    source = {"Fn::Join": [":", ["arn", PARTITION, "events", REGION, ACCOUNT,
                                 {"Fn::Join": ["/", path]}]]}  # fmt: skip
    build.permit(f"{function_id(name)}EventBridgeLambdaPermission{index}", name, _PRINCIPAL, source)


def _bus(build: Build, place: Reading) -> tuple[Any, list[str]]:
    """The rule's bus (None for the default one) and the resource that makes it."""
    if not place:
        return None, []
    if is_function(place.value):
        return place.value, []
    text = place.text()
    if text.startswith("arn:"):
        called = text.split("event-bus/", 1)[-1]
        return (None if called == "default" else called), []
    if text == "default":
        return None, []
    logical_id = f"{function_id(text)}EventBridgeEventBus"
    build.add(logical_id, "AWS::Events::EventBus", {"Name": text})
    return text, [logical_id]


def _pattern(place: Reading) -> dict[str, Any]:
    pattern = place.mapping()
    if not pattern:
        raise place.expected("a pattern with at least one field")
    return pattern


def _delivery(event: Reading) -> dict[str, Any]:
    result: dict[str, Any] = {}
    policy = event["retryPolicy"]
    if policy:
        policy.check_keys("maximumEventAge", "maximumRetryAttempts")
        found: dict[str, Any] = {}
        if policy["maximumEventAge"]:
            found["MaximumEventAgeInSeconds"] = policy["maximumEventAge"].integer(60, 86_400)
        if policy["maximumRetryAttempts"]:
            found["MaximumRetryAttempts"] = policy["maximumRetryAttempts"].integer(0, 185)
        result["RetryPolicy"] = found
    if event["deadLetterQueueArn"]:
        result["DeadLetterConfig"] = {"Arn": event["deadLetterQueueArn"].text_or_function()}
    return result


def _input(event: Reading) -> dict[str, Any]:
    given = [key for key in ("input", "inputPath", "inputTransformer") if event[key]]
    if len(given) > 1:
        raise event.error(f"only one of {', '.join(given)} can be used")
    if event["input"]:
        value = event["input"].value
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        return {"Input": text}
    if event["inputPath"]:
        return {"InputPath": event["inputPath"].text()}
    if event["inputTransformer"]:
        place = event["inputTransformer"]
        place.check_keys("inputPathsMap", "inputTemplate")
        found: dict[str, Any] = {}
        if place["inputPathsMap"]:
            found["InputPathsMap"] = place["inputPathsMap"].mapping()
        found["InputTemplate"] = place["inputTemplate"].text()
        return {"InputTransformer": found}
    return {}


def _expression(place: Reading) -> Any:
    if is_function(place.value):
        return place.value
    text = place.text()
    if not _RATE.match(text):
        raise place.expected("rate(…), cron(…) or at(…)")
    return text


def add_schedule(build: Build, name: str, event: Reading, count: int) -> int:
    """One ``schedule`` event, a rule for each of its rates; returns the next number.

    Raises:
        ServiceFileError: no rate, a rate that is none, a name for several rates.
    """
    settings = event if isinstance(event.value, dict) and not is_function(event.value) else None
    rate = settings["rate"] if settings else event
    rates = rate.entries() if isinstance(rate.value, list) else [rate]
    if settings:
        settings.check_keys("rate", "enabled", "name", "description", "input", "inputPath",
                            "inputTransformer", "method", "timezone")  # fmt: skip
        if len(rates) > 1 and settings["name"]:
            raise settings["name"].error("cannot be given for more than one rate expression")
    for place in rates:
        expression = _expression(place)
        if settings and settings["method"] and settings["method"].one_of(
            "eventBus", "scheduler"
        ) == "scheduler":  # fmt: skip
            _add_scheduler(build, name, settings, expression, count)
        else:
            _add_rule(build, name, settings, expression, count)
        count += 1
    return count


def _state_and_texts(settings: Reading | None) -> dict[str, Any]:
    result: dict[str, Any] = {"State": "ENABLED"}
    if settings:
        result["State"] = "ENABLED" if settings["enabled"].boolean(True) else "DISABLED"
        for key, target in (("name", "Name"), ("description", "Description")):
            if settings[key]:
                result[target] = settings[key].text()
    return result


def _add_rule(
    build: Build, name: str, settings: Reading | None, expression: Any, number: int
) -> None:
    properties: dict[str, Any] = {"ScheduleExpression": expression, **_state_and_texts(settings)}
    target: dict[str, Any] = {"Arn": build.target(name), "Id": f"{name}Schedule"}
    properties["Targets"] = [{**(_input(settings) if settings else {}), **target}]
    if settings and settings["timezone"]:
        settings["timezone"].warn("counts only with method: scheduler; ignored")
    _rule_with_permission(build, name, f"EventsRuleSchedule{number}", properties)


def _rule_with_permission(build: Build, name: str, tail: str, properties: dict[str, Any]) -> None:
    stem = function_id(name)
    needs = build.alias_dependency(name)
    others = {"DependsOn": needs} if needs else {}
    build.add(f"{stem}{tail}", "AWS::Events::Rule", properties, **others)
    source = {"Fn::GetAtt": [f"{stem}{tail}", "Arn"]}
    build.permit(f"{stem}LambdaPermission{tail}", name, _PRINCIPAL, source)


def _add_scheduler(
    build: Build, name: str, settings: Reading, expression: Any, number: int
) -> None:
    properties: dict[str, Any] = {"ScheduleExpression": expression, **_state_and_texts(settings)}
    if settings["inputPath"] or settings["inputTransformer"]:
        raise settings.error("method: scheduler knows input only")
    role = custom_role(build, name)
    role_arn = role.value if role else {"Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"]}
    properties["Target"] = {"Arn": build.target(name), "RoleArn": role_arn, **_input(settings)}
    properties["FlexibleTimeWindow"] = {"Mode": "OFF"}
    if settings["timezone"]:
        properties["ScheduleExpressionTimezone"] = settings["timezone"].text()
    build.add(
        f"{function_id(name)}SchedulerSchedule{number}", "AWS::Scheduler::Schedule", properties
    )
    arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
    deployed = build.function_name(name)
    statement = {
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": [{"Fn::Sub": f"{arn}{deployed}"}, {"Fn::Sub": f"{arn}{deployed}:*"}],
    }
    if statement not in build.statements:
        build.statements.append(statement)


def add_cloudwatch_event(build: Build, name: str, event: Reading, number: int) -> None:
    """One ``cloudwatchEvent``: a rule on the default bus.

    Raises:
        ServiceFileError: no event pattern.
    """
    event.check_keys("event", "enabled", "name", "description", "input", "inputPath",
                     "inputTransformer")  # fmt: skip
    properties = {"EventPattern": _pattern(event["event"]), **_state_and_texts(event)}
    target = {"Arn": build.target(name), "Id": f"{name}CloudWatchEvent"}
    properties["Targets"] = [{**_input(event), **target}]
    _rule_with_permission(build, name, f"EventsRuleCloudWatchEvent{number}", properties)
