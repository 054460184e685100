"""Events of an execution's history, with AWS's types and detail fields.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

Details = Mapping[str, Any]
WHOLE: Final[Details] = {"truncated": False}
"""Beside every input and output: nothing was cut off."""

_SHARED: Final = {
    **{
        f"{kind}StateEntered": "stateEnteredEventDetails"
        for kind in ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
    },
    **{
        f"{kind}StateExited": "stateExitedEventDetails"
        for kind in ("Pass", "Task", "Choice", "Wait", "Succeed", "Parallel", "Map")
    },
}


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One event.

    Attributes:
        id: counted from 1 without a gap.
        previous_id: of the event before it on its own branch; 0 at the beginning.
        at_ms: when, milliseconds since 1970.
        details: the members of its details in AWS's names, None where the type has none.
    """

    id: int
    previous_id: int
    type: str
    at_ms: int
    details: Details | None = None


def detail_member(kind: str) -> str:
    """The member of HistoryEvent that holds the details of a type."""
    return _SHARED.get(kind) or f"{kind[0].lower()}{kind[1:]}EventDetails"


def wire_event(event: Event) -> dict[str, Any]:
    """The event as GetExecutionHistory gives it."""
    found: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(event.at_ms / 1000, UTC),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_id,
    }
    if event.details is not None:
        found[detail_member(event.type)] = dict(event.details)
    return found
