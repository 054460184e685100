"""Alarms. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.cloudwatch import alarm_states, definitions, errors, shapes, store, tagging
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import Alarm, dimensions_of
from pileus.values.page_tokens import page_token
from pileus.values.times import epoch_ms


@write
def put_metric_alarm(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Make or change an alarm on a metric or an expression; a changed one keeps its state."""
    definition = definitions.metric_alarm(request)
    _put(call, definition, request, is_composite=False)
    alarm_states.arm(call, alarm_states.cadence_s(definition))


@write
def put_composite_alarm(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Make or change an alarm on the states of others."""
    definition = definitions.composite_alarm(request)
    rule = alarm_states.read_rule(definition["AlarmRule"])
    for name in sorted(rule.names):
        if name != request["AlarmName"]:
            store.alarm(call.state, name)
    _check_no_cycle(call, request["AlarmName"], rule.names)
    alarm = _put(call, definition, request, is_composite=True)
    alarm_states.update_composite(call, alarm)


def _check_no_cycle(call: WriteCall, name: str, children: set[str]) -> None:
    seen: set[str] = set()
    ahead = set(children)
    while ahead:
        child = ahead.pop()
        if child == name:
            raise errors.validation(f"AlarmRule contains a cycle: {name} depends on itself.")
        seen.add(child)
        found = store.find_alarm(call.state, child)
        if found is not None and found.is_composite:
            ahead |= alarm_states.read_rule(found.definition["AlarmRule"]).names - seen


def _put(
    call: WriteCall, definition: dict[str, Any], request: Mapping[str, Any], *, is_composite: bool
) -> Alarm:
    name = request["AlarmName"]
    known = store.find_alarm(call.state, name)
    if known is not None and known.is_composite != is_composite:
        raise errors.validation(f"An alarm of another type has the name {name}.")
    if known is None:
        tags = tagging.merged({}, request.get("Tags") or ())
        alarm = Alarm(
            name=name,
            definition=definition,
            is_composite=is_composite,
            configured_ms=call.now_ms,
            updated_ms=call.now_ms,
            transitioned_ms=call.now_ms,
            tags=tags,
        )
        verb = "created"
    else:
        alarm, verb = known, "updated"
        alarm.definition, alarm.configured_ms = definition, call.now_ms
    store.put_alarm(call.state, alarm)
    _note_configuration(call, alarm, verb)
    return alarm


def _note_configuration(call: WriteCall, alarm: Alarm, verb: str) -> None:
    kind = {"created": "Create", "updated": "Update", "deleted": "Delete"}[verb]
    data = {"version": "1.0", "type": kind, f"{kind.lower()}dAlarm": alarm.definition}
    alarm_states.note(call, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {verb}', data)


@write
def delete_alarms(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete alarms; what is not there is left out. Children of composite alarms stay."""
    names = request["AlarmNames"]
    found = [store.find_alarm(call.state, name) for name in names]
    gone = [alarm for alarm in found if alarm is not None]
    if len(names) > 1 and any(alarm.is_composite for alarm in gone):
        raise errors.validation("Composite alarms are deleted one at a time.")
    for alarm in gone:
        parents = [each.name for each in alarm_states.parents_of(call, alarm.name)]
        if parents:
            raise errors.alarm_needed_by(alarm.name, parents)
    for alarm in gone:
        call.state.delete(("alarm", alarm.name))
        _note_configuration(call, alarm, "deleted")


@read
def describe_alarms(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms by name, prefix, state, type, action or kinship, in order of name."""
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix")
    if names and prefix:
        raise errors.exclusive("AlarmNames", "AlarmNamePrefix")
    holds = _wanted(call, request)
    found = [alarm for alarm in store.alarms(call.state) if holds(alarm)]
    start = store.position(request.get("NextToken"))
    stop = start + (request.get("MaxRecords") or LIMITS.alarms_page)
    page = found[start:stop]
    output: dict[str, Any] = {
        "MetricAlarms": [shapes.wire_alarm(call, each) for each in page if not each.is_composite],
        "CompositeAlarms": [shapes.wire_alarm(call, each) for each in page if each.is_composite],
    }
    if stop < len(found):
        output["NextToken"] = page_token(stop)
    return output


def _wanted(call: ReadCall, request: Mapping[str, Any]) -> Callable[[Alarm], bool]:
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix") or ""
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    family = _family(call, request)
    if family is not None and not request.get("AlarmTypes"):
        kinds = ["MetricAlarm", "CompositeAlarm"]
    state, action = request.get("StateValue"), request.get("ActionPrefix")

    def holds(alarm: Alarm) -> bool:
        kind = "CompositeAlarm" if alarm.is_composite else "MetricAlarm"
        every = [arn for each in _ACTION_LISTS for arn in alarm.definition.get(each) or ()]
        return (
            kind in kinds
            and (not names or alarm.name in names)
            and alarm.name.startswith(prefix)
            and (family is None or alarm.name in family)
            and (not state or alarm.state == state)
            and (not action or any(arn.startswith(action) for arn in every))
        )

    return holds


_ACTION_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def _family(call: ReadCall, request: Mapping[str, Any]) -> set[str] | None:
    if parent := request.get("ChildrenOfAlarmName"):
        found = store.alarm(call.state, parent)
        if not found.is_composite:
            return set()
        return alarm_states.read_rule(found.definition["AlarmRule"]).names
    if child := request.get("ParentsOfAlarmName"):
        return {alarm.name for alarm in alarm_states.parents_of(call, child)}
    return None


@read
def describe_alarms_for_metric(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms on exactly that metric; further members narrow the choice."""
    dimensions = dimensions_of(request.get("Dimensions"))
    exact = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
    found = [
        alarm
        for alarm in store.alarms(call.state)
        if not alarm.is_composite
        and all(
            alarm.definition.get(name) == request[name]
            for name in exact
            if request.get(name) is not None
        )
        and dimensions_of(alarm.definition.get("Dimensions")) == dimensions
    ]
    return {"MetricAlarms": [shapes.wire_alarm(call, alarm) for alarm in found]}


@read
def describe_alarm_history(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """What happened to alarms, the newest first."""
    name, kind = request.get("AlarmName"), request.get("HistoryItemType")
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    if name and not request.get("AlarmTypes"):
        kinds = ["MetricAlarm", "CompositeAlarm"]
    within = ("history", name) if name else ("history",)
    start, end = request.get("StartDate"), request.get("EndDate")
    least_ms = epoch_ms(start) if start else 0
    most_ms = epoch_ms(end) if end else call.now_ms
    items = [(key[2], store.HISTORY.decode(raw)) for key, raw in call.state.range(within)]
    items.sort(key=lambda pair: pair[0], reverse=request.get("ScanBy") != "TimestampAscending")
    found = [
        item
        for _, item in items
        if least_ms <= item.at_ms <= most_ms
        and (not kind or item.kind == kind)
        and ("CompositeAlarm" if item.is_composite else "MetricAlarm") in kinds
    ]
    first = store.position(request.get("NextToken"))
    stop = first + (request.get("MaxRecords") or LIMITS.history_page)
    output: dict[str, Any] = {
        "AlarmHistoryItems": [shapes.wire_history(item) for item in found[first:stop]]
    }
    if stop < len(found):
        output["NextToken"] = page_token(stop)
    return output


@write
def set_alarm_state(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Set a state by hand, for a test; the next evaluation sets it right."""
    alarm = store.alarm(call.state, request["AlarmName"])
    data = request.get("StateReasonData") or ""
    if data:
        try:
            json.loads(data)
        except ValueError:
            raise errors.invalid_state_data() from None
    alarm_states.set_state(call, alarm, request["StateValue"], request["StateReason"], data)


@write
def enable_alarm_actions(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Let actions follow changes of state."""
    _set_enabled(call, request, is_enabled=True)


@write
def disable_alarm_actions(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Change states without actions."""
    _set_enabled(call, request, is_enabled=False)


def _set_enabled(call: WriteCall, request: Mapping[str, Any], *, is_enabled: bool) -> None:
    for name in request["AlarmNames"]:
        alarm = store.find_alarm(call.state, name)
        if alarm is not None and alarm.are_actions_enabled != is_enabled:
            alarm.definition["ActionsEnabled"] = is_enabled
            alarm.configured_ms = call.now_ms
            store.put_alarm(call.state, alarm)
            _note_configuration(call, alarm, "updated")
