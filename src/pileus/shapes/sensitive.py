"""Inputs as they may be shown: without what the models call sensitive."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pileus.shapes.catalog import service
from pileus.shapes.model import UnknownOperation, UnknownService

HIDDEN = "***"


@cache
def _sensitive_members(service_name: str, operation: str) -> frozenset[str]:
    try:
        shape = service(service_name).operation(operation).input
    except (UnknownOperation, UnknownService):
        return frozenset()
    if shape is None:
        return frozenset()
    return frozenset(name for name, member in shape.members.items() if member.shape.is_sensitive)


def shown_input(service_name: str, operation: str, input: Mapping[str, Any]) -> Mapping[str, Any]:
    """``input`` with ``***`` in place of sensitive members at its top (secrets, payloads)."""
    hidden = _sensitive_members(service_name, operation)
    if hidden.isdisjoint(input):
        return input
    return {name: HIDDEN if name in hidden else value for name, value in input.items()}
