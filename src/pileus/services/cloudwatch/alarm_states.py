"""Alarms change their states: by evaluation, by hand, and composite ones by their children."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import TIMER_AT, ReadCall, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.languages.alarm_rule import AlarmRule, InvalidAlarmRule
from pileus.services.cloudwatch import (
    actions,
    data_queries,
    errors,
    evaluation,
    reasons,
    statistics,
    store,
)
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import ALARM, INSUFFICIENT, OK, Alarm, HistoryItem
from pileus.values.errors import ServiceError

_FINE_S = 10
_MINUTE_S = 60
_LAG_MS = {_FINE_S: 2000, _MINUTE_S: 5000}
"""Evaluated so long after a period's end: numbers take a moment to arrive."""
_HISTORY_PER_STEP = 500


# ---------------------------------------------------------------- history


def note(call: WriteCall, alarm: Alarm, kind: str, summary: str, data: Mapping[str, Any]) -> None:
    """Keep an item of the alarm's history for thirty days."""
    item = HistoryItem(
        alarm=alarm.name,
        is_composite=alarm.is_composite,
        at_ms=call.now_ms,
        kind=kind,
        summary=summary,
        data=json.dumps(data, separators=(",", ":")),
    )
    key = ("history", alarm.name, call.sequence())
    call.state.put(key, store.HISTORY.encode(item))
    # Sequences are at least the time in microseconds.
    horizon = (call.now_ms - LIMITS.history_keep_ms) * 1000
    within = ("history", alarm.name)
    for old, _ in call.state.range(within, stop=(*within, horizon), limit=_HISTORY_PER_STEP):
        call.state.delete(old)


# ---------------------------------------------------------------- changes


def set_state(call: WriteCall, alarm: Alarm, state: str, reason: str, reason_data: str) -> None:
    """Write a new state with all that follows from it: actions, event, history, parents."""
    old = actions.Change(
        alarm, alarm.state, alarm.reason, alarm.reason_data, alarm.updated_ms or call.now_ms
    )
    is_change = state != alarm.state
    alarm.state, alarm.reason, alarm.reason_data = state, reason, reason_data
    alarm.updated_ms = call.now_ms
    if is_change:
        alarm.transitioned_ms = call.now_ms
    store.put_alarm(call.state, alarm)
    if not is_change:
        return
    summary = f"Alarm updated from {old.old_state} to {state}"
    note(call, alarm, "StateUpdate", summary, _change_data(old))
    for arn in actions.follow(call, old):
        data = {"actionState": "Succeeded", "notificationResource": arn,
                "stateUpdateTimestamp": alarm.updated_ms}  # fmt: skip
        note(call, alarm, "Action", f"Successfully executed action {arn}", data)
    _update_parents(call, alarm.name)


def _change_data(change: actions.Change) -> dict[str, Any]:
    alarm = change.alarm
    kind = "CompositeAlarm" if alarm.is_composite else "MetricAlarm"
    return {
        "version": "1.0",
        "type": kind,
        "oldState": _told_state(change.old_state, change.old_reason, change.old_reason_data),
        "newState": _told_state(alarm.state, alarm.reason, alarm.reason_data),
    }


def _told_state(state: str, reason: str, data: str) -> dict[str, Any]:
    told: dict[str, Any] = {"stateValue": state, "stateReason": reason}
    if data:
        told["stateReasonData"] = json.loads(data)
    return told


# ---------------------------------------------------------------- composite alarms


def read_rule(text: str) -> AlarmRule:
    """A composite alarm's rule; raises ValidationException."""
    try:
        return AlarmRule(text)
    except InvalidAlarmRule as error:
        raise errors.validation(f"AlarmRule is not valid: {error}") from error


def parents_of(call: ReadCall, name: str) -> list[Alarm]:
    """Composite alarms whose rule looks at an alarm."""
    return [
        alarm
        for alarm in store.alarms(call.state)
        if alarm.is_composite and name in read_rule(alarm.definition["AlarmRule"]).names
    ]


def update_composite(call: WriteCall, alarm: Alarm) -> None:
    """Bring a composite alarm to the state that its rule gives now."""
    rule = read_rule(alarm.definition["AlarmRule"])
    found = {name: store.find_alarm(call.state, name) for name in sorted(rule.names)}
    states = {name: child.state for name, child in found.items() if child is not None}
    state = ALARM if rule.holds(states) else OK
    if state == alarm.state:
        return
    children = [child for child in found.values() if child is not None]
    told = [
        f"{actions.alarm_arn(call, child.name)} is in state {child.state}" for child in children
    ]
    reason = f"{actions.alarm_arn(call, alarm.name)} transitioned to {state}: " + "; ".join(told)
    data = {
        "triggeringAlarms": [
            {
                "arn": actions.alarm_arn(call, child.name),
                "state": {"value": child.state, "timestamp": reasons.stamp(child.updated_ms)},
            }
            for child in children
        ]
    }
    set_state(call, alarm, state, reason, json.dumps(data, separators=(",", ":")))


def _update_parents(call: WriteCall, name: str) -> None:
    for parent in parents_of(call, name):
        # Read again: a nearer parent may have changed it meanwhile.
        update_composite(call, store.alarm(call.state, parent.name))


# ---------------------------------------------------------------- evaluation


def queries_of(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An alarm on one metric as the metric data query that it stands for."""
    if definition.get("Metrics"):
        return list(definition["Metrics"])
    metric = {
        "Namespace": definition["Namespace"],
        "MetricName": definition["MetricName"],
        "Dimensions": definition.get("Dimensions") or [],
    }
    stat = definition.get("Statistic") or definition.get("ExtendedStatistic")
    wanted = {"Metric": metric, "Period": definition["Period"], "Stat": stat}
    if definition.get("Unit"):
        wanted["Unit"] = definition["Unit"]
    return [{"Id": "m1", "MetricStat": wanted, "ReturnData": True}]


def cadence_s(definition: Mapping[str, Any]) -> int:
    """How often an alarm is evaluated: every minute, every ten seconds for shorter periods."""
    period_s = data_queries.period_of(queries_of(definition))
    return _MINUTE_S if period_s % _MINUTE_S == 0 else _FINE_S


def arm(call: WriteCall, every_s: int) -> None:
    """See to it that alarms of a cadence are evaluated after the next period's end."""
    key = str(every_s)
    if call.state.get((TIMER_AT, "evaluate_alarms", key)) is None:
        lag_ms, step_ms = _LAG_MS[every_s], every_s * 1000
        at_ms = ((call.now_ms - lag_ms) // step_ms + 1) * step_ms + lag_ms
        call.set_timer(Timer(name="evaluate_alarms", key=key, at_ms=at_ms, payload={"s": every_s}))


def evaluate_all(call: WriteCall, every_s: int) -> None:
    """Evaluate the alarms of a cadence and wait for the next time, if there are any."""
    mine = [
        alarm
        for alarm in store.alarms(call.state)
        if not alarm.is_composite and cadence_s(alarm.definition) == every_s
    ]
    end_ms = (call.now_ms - _LAG_MS[every_s]) // (every_s * 1000) * every_s * 1000
    for each in mine:
        alarm = store.alarm(call.state, each.name)
        try:
            evaluate(call, alarm, end_ms)
        except ServiceError as error:
            # An expression that gives no series: its alarm says so, and the others go on.
            if alarm.state != INSUFFICIENT:
                set_state(call, alarm, INSUFFICIENT, error.message, "")
            else:
                alarm.reason = error.message
                store.put_alarm(call.state, alarm)
    if mine:
        arm(call, every_s)


def evaluate(call: WriteCall, alarm: Alarm, end_ms: int) -> None:
    """Judge the periods that ended at ``end_ms`` and before."""
    definition = alarm.definition
    queries = queries_of(definition)
    period_s = data_queries.period_of(queries)
    step_ms = period_s * 1000
    count = definition["EvaluationPeriods"] + evaluation.RANGE_EXTRA
    moments = [end_ms - number * step_ms for number in range(1, count + 1)]
    answers = data_queries.Answers(call, queries, (moments[-1], end_ms), end_ms)
    asked = next(query for query in queries if query.get("ReturnData", True))
    found = answers.series(asked["Id"])
    points = dict(found[0].points) if found else {}
    if _is_too_few(definition, answers, asked):
        return
    judged = evaluation.outcome(definition, [(at, points.get(at)) for at in moments])
    if judged.state is None or judged.state == alarm.state:
        return
    reason = reasons.sentence(definition, judged)
    data = reasons.data(definition, judged, call.now_ms, period_s)
    set_state(call, alarm, judged.state, reason, data)


def _is_too_few(
    definition: Mapping[str, Any], answers: data_queries.Answers, asked: Mapping[str, Any]
) -> bool:
    """True when a percentile of few numbers is to be ignored.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
    """
    share = statistics.percentile_of(definition.get("ExtendedStatistic") or "")
    if share is None or definition.get("EvaluateLowSampleCountPercentile") != "ignore":
        return False
    part = share / 100
    least = 10 / (1 - part) if part >= 0.5 else 10 / part
    numbers = answers.numbers(asked["MetricStat"])
    newest = max(numbers, default=None)
    return newest is not None and numbers[newest].count < least
