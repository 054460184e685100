"""Buses, rules, archives and replays as records."""

from __future__ import annotations

from typing import Any

import msgspec


class Bus(msgspec.Struct, kw_only=True):
    """An event bus; ``policy`` is its resource policy as JSON text."""

    name: str
    created_ms: int
    modified_ms: int
    description: str = ""
    policy: str = ""
    dead_letter: dict[str, str] = {}
    tags: dict[str, str] = {}


class Rule(msgspec.Struct, kw_only=True):
    """A rule with its targets, which are kept in wire form."""

    name: str
    bus: str
    created_ms: int
    pattern: str = ""
    schedule: str = ""
    state: str = "ENABLED"
    description: str = ""
    role: str = ""
    managed_by: str = ""
    targets: list[dict[str, Any]] = []
    tags: dict[str, str] = {}

    @property
    def is_enabled(self) -> bool:
        return self.state != "DISABLED"


class Archive(msgspec.Struct, kw_only=True):
    """An archive; a ``retention_days`` of 0 keeps for ever."""

    name: str
    bus: str
    created_ms: int
    pattern: str = ""
    description: str = ""
    retention_days: int = 0
    count: int = 0
    size_bytes: int = 0


class Replay(msgspec.Struct, kw_only=True):
    """A replay and how far it has come: ``cursor`` is the sequence of the last event sent."""

    name: str
    archive: str
    bus: str
    start_ms: int
    end_ms: int
    started_ms: int
    rules: list[str] = []
    description: str = ""
    state: str = "STARTING"
    cursor: int = 0
    last_ms: int = 0
    ended_ms: int = 0


def rule_arn(region: str, account: str, rule: Rule) -> str:
    """A rule's ARN; rules of the default bus do not name it."""
    where = rule.name if rule.bus == "default" else f"{rule.bus}/{rule.name}"
    return f"arn:aws:events:{region}:{account}:rule/{where}"
