"""What ``Ref`` and ``Fn::GetAtt`` yield for a stack's resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.languages.cfn import KNOWN_AFTER_APPLY, TemplateError
from pileus.services.cloudformation.model import StackResource


class KnownResources:
    """The values of resources that exist.

    Args:
        unknown: logical ids whose values are not known until the change is carried out.
        tells_unknown: False while steps run: everything asked for must exist then.
    """

    def __init__(
        self,
        resources: Mapping[str, StackResource],
        unknown: frozenset[str] = frozenset(),
        *,
        tells_unknown: bool = False,
    ) -> None:
        self._resources = resources
        self._unknown = unknown
        self._tells_unknown = tells_unknown

    def _found(self, logical_id: str) -> StackResource | None:
        found = self._resources.get(logical_id)
        is_known = found is not None and found.physical_id and logical_id not in self._unknown
        if is_known:
            return found
        if self._tells_unknown:
            return None
        raise TemplateError(f"Resource {logical_id} does not exist yet.")

    def ref(self, logical_id: str) -> Any:
        """The physical id."""
        found = self._found(logical_id)
        return KNOWN_AFTER_APPLY if found is None else found.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """An attribute of the type; TemplateError where it lacks it."""
        found = self._found(logical_id)
        if found is None:
            return KNOWN_AFTER_APPLY
        if name not in found.attributes:
            raise TemplateError(
                f"Template error: resource {logical_id} does not support attribute type {name} in "
                "Fn::GetAtt"
            )
        return found.attributes[name]


def with_tags(
    properties: Mapping[str, Any], tags: Mapping[str, str], member: str
) -> dict[str, Any]:
    """Properties with the stack's tags added where the type takes tags; its own tags win."""
    if not member or not tags:
        return dict(properties)
    own = properties.get(member) or []
    mine = {tag["Key"] for tag in own}
    added = [{"Key": key, "Value": value} for key, value in tags.items() if key not in mine]
    return {**properties, member: [*own, *added]}
