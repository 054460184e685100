"""Metrics, alarms and dashboards as records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
Dimensions = tuple[tuple[str, str], ...]
"""Names and values, in order of name."""


class Metric(msgspec.Struct, kw_only=True):
    """A metric that has points. ``last_ms`` is the newest point's time, to the minute."""

    namespace: str
    name: str
    dimensions: list[tuple[str, str]]
    last_ms: int = 0


class Alarm(msgspec.Struct, kw_only=True):
    """An alarm: what was asked for in wire names, and its state. Times in epoch milliseconds."""

    name: str
    definition: dict[str, Any]
    is_composite: bool
    configured_ms: int
    state: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated_ms: int = 0
    transitioned_ms: int = 0
    tags: dict[str, str] = {}

    @property
    def are_actions_enabled(self) -> bool:
        return bool(self.definition.get("ActionsEnabled", True))


class Dashboard(msgspec.Struct, kw_only=True):
    """A dashboard's body as it was given."""

    name: str
    body: str
    modified_ms: int
    tags: dict[str, str] = {}


class HistoryItem(msgspec.Struct, kw_only=True):
    """Something that happened to an alarm."""

    alarm: str
    is_composite: bool
    at_ms: int
    kind: str
    summary: str
    data: str


def dimensions_of(given: Iterable[Mapping[str, Any]] | None) -> Dimensions:
    """Wire dimensions in the one order that identifies a metric."""
    return tuple(sorted((each["Name"], each["Value"]) for each in given or ()))


def wire_dimensions(dimensions: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Dimensions in wire names."""
    return [{"Name": name, "Value": value} for name, value in dimensions]
