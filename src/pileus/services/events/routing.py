"""An event meets the rules of a bus; what matches goes to its targets through the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery, Hook
from pileus.kernel.targets import call_for
from pileus.languages.event_pattern import compile_pattern
from pileus.languages.input_transform import (
    MISSING,
    compile_input_path,
    compile_input_transformer,
    compile_path,
    to_json,
)
from pileus.languages.input_transform import (
    Delivery as Told,
)
from pileus.services.events import store
from pileus.services.events.limits import LIMITS
from pileus.services.events.model import Rule, rule_arn
from pileus.values.arns import Arn

Event = dict[str, Any]
Matcher = Callable[[Event], bool]


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> Matcher:
    """The compiled pattern, once per text."""
    return compile_pattern(pattern)


def route(call: WriteCall, bus: str, event: Event, only: list[str] | None = None) -> int:
    """Keep ``event`` in matching archives and emit it to the targets of matching rules.

    ``only`` names the rules that a replay is for; a replay is not archived again. Returns the
    number of rules that matched.
    """
    matched = 0
    for rule in store.rules(call.state, bus):
        if not (rule.pattern and rule.is_enabled):
            continue
        if only is not None and rule.name not in only:
            continue
        if matcher(rule.pattern)(event):
            matched += 1
            send_to_targets(call, rule, event)
    if "replay-name" not in event:
        _archive(call, bus, event)
    return matched


def _archive(call: WriteCall, bus: str, event: Event) -> None:
    for _, raw in call.state.range(("archive",)):
        archive = store.ARCHIVES.decode(raw)
        if archive.bus != bus or (archive.pattern and not matcher(archive.pattern)(event)):
            continue
        text = orjson.dumps(event)
        call.state.put(("archived", archive.name, call.sequence()), text)
        archive.count += 1
        archive.size_bytes += len(text)
        store.put_archive(call.state, archive)


def send_to_targets(call: WriteCall, rule: Rule, event: Event) -> None:
    """Emit ``event`` to every target of ``rule``, shaped as the target asks."""
    for target in rule.targets:
        call.emit(_delivery(call, rule, target, event))


def _delivery(call: WriteCall, rule: Rule, target: Mapping[str, Any], event: Event) -> Delivery:
    arn = Arn.parse(target["Arn"])
    told = rule_arn(call.region, call.account, rule)
    text = _input(call, target, event, Told(told, rule.name, call.now_ms))
    if arn.service == "events":
        service, operation, given = "events", "PutEvents", _forwarded(str(arn), event)
    else:
        options = _options(arn, target, event)
        if arn.service == "ecs":
            options |= _task(target, text)
        service, operation, given = call_for(str(arn), text, **options)
    retry = target.get("RetryPolicy") or {}
    letter = (target.get("DeadLetterConfig") or {}).get("Arn")
    attempts_max = retry.get("MaximumRetryAttempts", LIMITS.retry_attempts_max) + 1
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=target.get("RoleArn") or rule.role or "service:events.amazonaws.com",
        attempts_max=attempts_max,
        age_max_s=retry.get("MaximumEventAgeInSeconds", LIMITS.retry_age_s_max),
        account=arn.account,
        region=arn.region,
        on_failure=Hook(
            service="events",
            name="target_failed",
            payload={
                "queue": letter or "",
                "body": text,
                "rule": told,
                "target": str(arn),
                "attempts_max": attempts_max,
            },
        ),
    )


def _options(arn: Arn, target: Mapping[str, Any], event: Event) -> dict[str, Any]:
    if arn.service == "sqs":
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        return {"MessageGroupId": group} if group else {}
    if arn.service == "kinesis":
        return {"PartitionKey": _partition_key(target, event)}
    return {}


def _task(target: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Members of RunTask; an input of the target's own is the task's overrides.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
    """
    parameters = target["EcsParameters"]
    given = {
        member: parameters[name] for name, member in _TASK_MEMBERS.items() if name in parameters
    }
    if network := (parameters.get("NetworkConfiguration") or {}).get("awsvpcConfiguration"):
        members = ("Subnets", "SecurityGroups", "AssignPublicIp")
        chosen = {name[:1].lower() + name[1:]: network[name] for name in members if name in network}
        given["networkConfiguration"] = {"awsvpcConfiguration": chosen}
    if tags := parameters.get("Tags"):
        given["tags"] = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]
    if any(target.get(name) for name in ("Input", "InputPath", "InputTransformer")):
        overrides = orjson.loads(text)
        given["overrides"] = overrides if isinstance(overrides, dict) else {}
    return given


_TASK_MEMBERS = {
    "TaskDefinitionArn": "taskDefinition",
    "TaskCount": "count",
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "CapacityProviderStrategy": "capacityProviderStrategy",
    "EnableECSManagedTags": "enableECSManagedTags",
    "PropagateTags": "propagateTags",
}


def _partition_key(target: Mapping[str, Any], event: Event) -> str:
    """What the target's path finds in the event; the event's id without a path or a find.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html
    """
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    found = _reader(path)(event) if path else MISSING
    if found is MISSING or found is None or found == "":
        return str(event["id"])
    text = found if isinstance(found, str) else to_json(found)
    return text[: LIMITS.partition_key_length_max]


def forwarding(bus: Arn, event: Event) -> Delivery:
    """The delivery of ``event`` to a bus of another account or region."""
    return Delivery(
        service="events",
        operation="PutEvents",
        input=_forwarded(str(bus), event),
        principal="service:events.amazonaws.com",
        age_max_s=LIMITS.retry_age_s_max,
        account=bus.account,
        region=bus.region,
    )


def _forwarded(bus_arn: str, event: Event) -> dict[str, Any]:
    """The same event for another bus, as an entry of PutEvents."""
    return {
        "Entries": [
            {
                "EventBusName": bus_arn,
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": to_json(event["detail"]),
                "Resources": event["resources"],
                "Time": datetime.fromisoformat(event["time"]).timestamp(),
            }
        ]
    }


_reader = lru_cache(maxsize=1024)(compile_path)


@lru_cache(maxsize=1024)
def _path(path: str) -> Callable[[Mapping[str, Any]], str]:
    return compile_input_path(path)


@lru_cache(maxsize=1024)
def _transformer(paths: tuple[tuple[str, str], ...], template: str) -> Any:
    return compile_input_transformer(dict(paths), template)


def _input(call: WriteCall, target: Mapping[str, Any], event: Event, told: Told) -> str:
    if "Input" in target:
        return str(target["Input"])
    if target.get("InputPath"):
        return _path(target["InputPath"])(event)
    if transformer := target.get("InputTransformer"):
        paths = tuple(sorted((transformer.get("InputPathsMap") or {}).items()))
        return str(_transformer(paths, transformer["InputTemplate"])(event, told))
    return to_json(event)
