"""What differs between two resolved templates. Whether a change replaces is the rooms' to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pileus.languages.cfn.environment import ResourceValues
from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.resolution import ResolvedTemplate

Action = Literal["Add", "Modify", "Remove"]
_MISSING = object()


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that differs.

    Attributes:
        path: from the resource's properties: ``("Environment", "Variables", "STAGE")``; list
            members by index.
        before, after: the values; None where there is none.
    """

    path: tuple[str | int, ...]
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The property at the top, by which resource types decide about replacement."""
        return str(self.path[0])


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource to add, modify or remove.

    Attributes:
        properties: changed properties; empty for Add and Remove.
        scopes: further members that changed: ``Metadata``, ``DeletionPolicy``,
            ``UpdateReplacePolicy``, ``CreationPolicy``, ``UpdatePolicy``; and ``Properties``.
    """

    action: Action
    logical_id: str
    type: str
    properties: tuple[PropertyChange, ...] = ()
    scopes: tuple[str, ...] = ()


def difference(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> list[PropertyChange]:
    """Where two values differ, as deep as both are mappings or lists of one length."""
    if isinstance(before, dict) and isinstance(after, dict):
        result = []
        for key in dict.fromkeys([*before, *after]):
            result += _member(before.get(key, _MISSING), after.get(key, _MISSING), (*path, key))
        return result
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        result = []
        for index, (left, right) in enumerate(zip(before, after, strict=True)):
            result += difference(left, right, (*path, index))
        return result
    same = type(before) is type(after) and before == after
    return [] if same else [PropertyChange(path, before, after)]


def _member(left: Any, right: Any, path: tuple[str | int, ...]) -> list[PropertyChange]:
    if left is _MISSING:
        return [PropertyChange(path, None, right)]
    if right is _MISSING:
        return [PropertyChange(path, left, None)]
    return difference(left, right, path)


def compare_templates(
    before: ResolvedTemplate | None,
    after: ResolvedTemplate,
    values: ResourceValues,
    deployed: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[ResourceChange]:
    """The changes that lead from one template to another, in the order to carry them out.

    Args:
        before: None for a stack that does not exist yet.
        values: what is known of the resources that exist; KNOWN_AFTER_APPLY for the others.
        deployed: the properties each resource was last given, where they are on record; those of
            ``before`` are evaluated otherwise.

    Raises:
        TemplateError: a resource changed its type, or a value cannot be had.
    """
    old = before.resources if before else {}
    _refuse_other_types(before, after)
    changes: list[ResourceChange] = []
    for logical_id in (name for level in after.levels for name in level):
        resource = after.resources[logical_id]
        if before is None or logical_id not in old:
            changes.append(ResourceChange("Add", logical_id, resource.type))
            continue
        known = (deployed or {}).get(logical_id)
        left = dict(known) if known is not None else before.properties(logical_id, values)
        found = difference(left, after.properties(logical_id, values))
        scopes = (["Properties"] if found else []) + _changed_members(logical_id, before, after)
        if scopes:
            changes.append(
                ResourceChange("Modify", logical_id, resource.type, tuple(found), tuple(scopes))
            )
    if before is not None:
        for logical_id in (name for level in reversed(before.levels) for name in reversed(level)):
            if logical_id not in after.resources:
                changes.append(ResourceChange("Remove", logical_id, old[logical_id].type))
    return changes


def _refuse_other_types(before: ResolvedTemplate | None, after: ResolvedTemplate) -> None:
    changed = [
        name
        for name, resource in (before.resources if before else {}).items()
        if name in after.resources and after.resources[name].type != resource.type
    ]
    if changed:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of "
            f"the following resources: [{', '.join(changed)}]"
        )


_MEMBERS = {
    "Metadata": "metadata",
    "CreationPolicy": "creation_policy",
    "UpdatePolicy": "update_policy",
    "DeletionPolicy": "deletion_policy",
    "UpdateReplacePolicy": "update_replace_policy",
}


def _changed_members(
    logical_id: str, before: ResolvedTemplate, after: ResolvedTemplate
) -> list[str]:
    old, new = before.resources[logical_id], after.resources[logical_id]
    return [
        name
        for name, attribute in _MEMBERS.items()
        if getattr(old, attribute) != getattr(new, attribute)
    ]
