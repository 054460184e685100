"""Why an alarm is in its state, in CloudWatch's sentences and as data. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pileus.services.cloudwatch.evaluation import Outcome
from pileus.services.cloudwatch.model import ALARM, INSUFFICIENT
from pileus.values.times import iso8601, utc

_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}


def stamp(at_ms: int) -> str:
    """``2026-11-21T10:00:00.000+0000``."""
    return iso8601(at_ms).removesuffix("Z") + "+0000"


def sentence(definition: Mapping[str, Any], outcome: Outcome) -> str:
    """StateReason."""
    count, there = definition["EvaluationPeriods"], len(outcome.deciding)
    plural, were = ("", "was") if outcome.filled == 1 else ("s", "were")
    if outcome.state == INSUFFICIENT:
        return f"Insufficient Data: {outcome.filled} datapoint{plural} {were} unknown."
    treated = _TREATED.get(definition.get("TreatMissingData") or "")
    if not there:
        periods = f"{count} period{'' if count == 1 else 's'}"
        missing = f"{outcome.filled} missing datapoint{plural} {were} treated as [{treated}]"
        return f"Threshold Crossed: no datapoints were received for {periods} and {missing}."
    wanted = definition.get("DatapointsToAlarm") or count
    was = "was" if there == 1 else "were"
    is_alarm = outcome.state == ALARM
    told = ", ".join(f"{value} ({utc(at):%d/%m/%y %H:%M:%S})" for at, value in outcome.deciding)
    words = ("" if is_alarm else "not ") + _WORDS[definition["ComparisonOperator"]]
    # As many points that do not breach end an alarm as leave too few of the others.
    least = wanted if is_alarm else count - wanted + 1
    change = "OK -> ALARM" if is_alarm else "ALARM -> OK"
    return (
        f"Threshold Crossed: {there} out of the last {count} datapoints [{told}] {was} {words} "
        f"the threshold ({definition['Threshold']}) (minimum {least} "
        f"datapoint{'' if least == 1 else 's'} for {change} transition)."
    )


def data(definition: Mapping[str, Any], outcome: Outcome, now_ms: int, period_s: int) -> str:
    """StateReasonData, JSON."""
    document: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now_ms)}
    if outcome.deciding:
        document["startDate"] = stamp(min(at for at, _ in outcome.deciding))
    for member, name in (("statistic", "Statistic"), ("extendedStatistic", "ExtendedStatistic")):
        if definition.get(name):
            document[member] = definition[name]
    document |= {
        "period": period_s,
        "recentDatapoints": [value for _, value in reversed(outcome.deciding)],
        "threshold": definition.get("Threshold"),
        "evaluatedDatapoints": [
            {"timestamp": stamp(at), "value": value} for at, value in outcome.deciding
        ],
    }
    return json.dumps(document, separators=(",", ":"))
