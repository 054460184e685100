"""Whether a resource's properties are ones that its type has. Pure.

Only the names of a type's own properties are looked at, not what lies within them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.resources import ResourceType
from pileus.values.errors import PileusError, ServiceError


class PropertiesInvalid(PileusError):
    """In the words of CloudFormation itself, which looks before it asks a type's handler."""


def objection(
    handler: ResourceType, type_name: str, logical_id: str, properties: Mapping[str, Any]
) -> PileusError | None:
    """What stands against making the resource: a property that does not exist, or not here."""
    known = handler.properties
    if known is None:
        return None
    if unknown := known.unknown(properties):
        told = "\n".join(f"#: extraneous key [{name}] is not permitted" for name in unknown)
        return PropertiesInvalid(
            f"Properties validation failed for resource {logical_id} with message:\n{told}"
        )
    refused = [name for name in properties if name in known.refused]
    if refused:
        return ServiceError(
            "NotImplemented",
            f"Pileus does not implement the property {refused[0]} of {type_name} yet.",
            status=501,
        )
    return None


def remark(handler: ResourceType, type_name: str, properties: Mapping[str, Any]) -> str:
    """What an event says of properties that are taken without effect; empty without such."""
    known = handler.properties
    ignored = [name for name in properties if name in known.ignored] if known is not None else []
    if not ignored:
        return ""
    return f"Pileus gives no effect to {', '.join(ignored)} of {type_name}."
