"""Rules and their targets. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.kernel.targets import service_of
from pileus.languages.input_transform import (
    compile_input_path,
    compile_input_transformer,
    compile_path,
)
from pileus.languages.schedule import parse_schedule
from pileus.services.events import errors, paging, routing, schedules, store
from pileus.services.events.limits import LIMITS
from pileus.services.events.model import Rule, rule_arn
from pileus.values.arns import Arn, is_arn


@write
def put_rule(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a rule, or change one: its targets stay, all else is as given now."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    name, pattern = request["Name"], request.get("EventPattern") or ""
    schedule = request.get("ScheduleExpression") or ""
    if not pattern and not schedule:
        raise errors.validation(
            "Parameter(s) EventPattern or ScheduleExpression must be specified."
        )
    if pattern:
        routing.matcher(pattern)
    if schedule:
        if bus != "default":
            raise errors.validation(
                "ScheduleExpression is supported only on the default event bus."
            )
        if not schedule.startswith(("rate(", "cron(")):
            raise errors.validation("Parameter ScheduleExpression is not valid.")
        parse_schedule(schedule)
    raw = call.state.get(("rule", bus, name))
    old = store.RULES.decode(raw) if raw else None
    if old is None and call.state.count(("rule", bus)) >= LIMITS.rules_per_bus_max:
        raise errors.limit_exceeded("rules")
    rule = Rule(
        name=name,
        bus=bus,
        created_ms=old.created_ms if old and old.schedule == schedule else call.now_ms,
        pattern=pattern,
        schedule=schedule,
        state=request.get("State") or "ENABLED",
        description=request.get("Description") or "",
        role=request.get("RoleArn") or "",
        targets=old.targets if old else [],
        tags=old.tags if old else {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()},
    )
    store.put_rule(call.state, rule)
    if old is None or (old.schedule, old.state) != (rule.schedule, rule.state):
        schedules.rearm(call, rule)
    return {"RuleArn": rule_arn(call.region, call.account, rule)}


@write
def delete_rule(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a rule that has no targets; one that is not there is no error."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    raw = call.state.get(("rule", bus, request["Name"]))
    if raw is None:
        return
    if store.RULES.decode(raw).targets and not request.get("Force"):
        raise errors.validation("Rule can't be deleted since it has targets.")
    call.state.delete(("rule", bus, request["Name"]))
    call.cancel_timer(schedules.TIMER, f"{bus}/{request['Name']}")


@read
def describe_rule(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One rule."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    rule = store.find_rule(call.state, bus, request["Name"])
    return {**_shown(call, rule), "CreatedBy": call.account}


def _shown(call: Call, rule: Rule) -> dict[str, Any]:
    shown = {
        "Name": rule.name,
        "Arn": rule_arn(call.region, call.account, rule),
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": rule.state,
        "Description": rule.description,
        "RoleArn": rule.role,
        "ManagedBy": rule.managed_by,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in shown.items() if value}


@read
def list_rules(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of a bus by name prefix."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    prefix = request.get("NamePrefix") or ""
    rules = [rule for rule in store.rules(call.state, bus) if rule.name.startswith(prefix)]
    return paging.page("Rules", [_shown(call, rule) for rule in rules], request)


@read
def list_rule_names_by_target(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Names of the rules that have a target."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    wanted = request["TargetArn"]
    names = [
        rule.name
        for rule in store.rules(call.state, bus)
        if any(target["Arn"] == wanted for target in rule.targets)
    ]
    return paging.page("RuleNames", names, request)


def _set_state(call: WriteCall, request: Mapping[str, Any], state: str) -> None:
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    rule = store.find_rule(call.state, bus, request["Name"])
    rule.state = state
    store.put_rule(call.state, rule)
    schedules.rearm(call, rule)


@write
def enable_rule(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Let a rule match again."""
    _set_state(call, request, "ENABLED")


@write
def disable_rule(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep a rule, but let it match nothing."""
    _set_state(call, request, "DISABLED")


@write
def put_targets(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add targets to a rule, or replace those with the same ids."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    rule = store.find_rule(call.state, bus, request["Rule"])
    targets = {target["Id"]: target for target in rule.targets}
    for target in request["Targets"]:
        _check_target(call, target)
        targets[target["Id"]] = dict(target)
    if len(targets) > LIMITS.targets_per_rule_max:
        raise errors.limit_exceeded("targets per rule")
    rule.targets = list(targets.values())
    store.put_rule(call.state, rule)
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _check_target(call: Call, target: Mapping[str, Any]) -> None:
    if not is_arn(target["Arn"]):
        raise errors.invalid_parameter(target["Arn"], "Provided Arn is not in correct format.")
    if sum(1 for name in ("Input", "InputPath", "InputTransformer") if target.get(name)) > 1:
        raise errors.validation(
            "Only one of Input, InputPath, or InputTransformer must be provided for target "
            f"{target['Id']}."
        )
    if target.get("Input"):
        try:
            orjson.loads(target["Input"])
        except orjson.JSONDecodeError:
            raise errors.validation(
                f"JSON syntax error in input for target {target['Id']}."
            ) from None
    if target.get("InputPath"):
        compile_input_path(target["InputPath"])
    if transformer := target.get("InputTransformer"):
        paths = transformer.get("InputPathsMap") or {}
        compile_input_transformer(paths, transformer["InputTemplate"])
    if path := (target.get("KinesisParameters") or {}).get("PartitionKeyPath"):
        compile_path(path)
    _check_service(call, target["Arn"])
    if Arn.parse(target["Arn"]).service == "ecs" and not target.get("EcsParameters"):
        raise errors.validation(
            f"Parameter(s) EcsParameters must be specified for target: {target['Id']}."
        )
    if target["Arn"].endswith(".fifo") and not (target.get("SqsParameters") or {}).get(
        "MessageGroupId"
    ):
        raise errors.validation(
            f"Parameter(s) SqsParameters must be specified for target: {target['Id']}."
        )


def _check_service(call: Call, arn: str) -> None:
    named = Arn.parse(arn).service
    service = "events" if named == "events" else service_of(arn)
    if service is None or not call.serves(service):
        raise errors.validation(f"Pileus cannot deliver to {named} targets yet: {arn}")


@write
def remove_targets(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove targets by id; ids that are not there are no error."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    rule = store.find_rule(call.state, bus, request["Rule"])
    rule.targets = [target for target in rule.targets if target["Id"] not in request["Ids"]]
    store.put_rule(call.state, rule)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@read
def list_targets_by_rule(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's targets."""
    bus = store.find_bus(call.state, request.get("EventBusName")).name
    rule = store.find_rule(call.state, bus, request["Rule"])
    return paging.page("Targets", rule.targets, request)


@read
def test_event_pattern(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether an event matches a pattern."""
    event = paging.parse_event(request["Event"])
    return {"Result": routing.matcher(request["EventPattern"])(event)}
