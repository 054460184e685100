"""Alarms in wire names."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call
from pileus.services.cloudwatch import actions
from pileus.services.cloudwatch.model import Alarm, HistoryItem
from pileus.values.times import utc

_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def wire_alarm(call: Call, alarm: Alarm) -> dict[str, Any]:
    """A ``MetricAlarm`` or ``CompositeAlarm``."""
    output: dict[str, Any] = {
        **alarm.definition,
        "AlarmArn": actions.alarm_arn(call, alarm.name),
        "AlarmConfigurationUpdatedTimestamp": utc(alarm.configured_ms),
        "ActionsEnabled": alarm.are_actions_enabled,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": utc(alarm.updated_ms),
        "StateTransitionedTimestamp": utc(alarm.transitioned_ms),
        **{name: list(alarm.definition.get(name) or ()) for name in _LISTS},
    }
    if alarm.reason_data:
        output["StateReasonData"] = alarm.reason_data
    if not alarm.is_composite:
        output["Dimensions"] = list(alarm.definition.get("Dimensions") or ())
    return output


def wire_history(item: HistoryItem) -> dict[str, Any]:
    """An ``AlarmHistoryItem``."""
    return {
        "AlarmName": item.alarm,
        "AlarmType": "CompositeAlarm" if item.is_composite else "MetricAlarm",
        "Timestamp": utc(item.at_ms),
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }
