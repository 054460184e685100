"""How fragments are put together: ``resources`` lists, template additions, ``extensions``."""

from __future__ import annotations

from typing import Any

from pileus.languages.serverless.reading import Reading

_EXTENDABLE = frozenset(
    [
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "UpdatePolicy",
        "UpdateReplacePolicy",
        "Condition",
    ]
)


def merged(base: Any, extra: Any) -> Any:
    """``extra`` laid over ``base``: mappings member by member, lists item by item."""
    if isinstance(base, dict) and isinstance(extra, dict):
        result = dict(base)
        for key, value in extra.items():
            result[key] = merged(base[key], value) if key in base else value
        return result
    if isinstance(base, list) and isinstance(extra, list):
        shared = [merged(left, right) for left, right in zip(base, extra, strict=False)]
        longer = base if len(base) > len(extra) else extra
        return shared + longer[len(shared) :]
    return base if extra is None else extra


def merge_resources(template: dict[str, Any], resources: Reading) -> dict[str, Any]:
    """Lay the user's ``resources`` (a mapping or a list of them) over a template.

    Raises:
        ServiceFileError: not a mapping, or an extension of a resource that is not there.
    """
    parts = resources.entries() if isinstance(resources.value, list) else [resources]
    extensions: list[Reading] = []
    for part in parts:
        body = dict(part.mapping())
        if body.pop("extensions", None) is not None:
            extensions.append(part["extensions"])
        for name, resource in part["Resources"].items():
            if not resource["Type"] and name not in template["Resources"]:
                raise resource.error("expected a resource with a Type")
        template = merged(template, body)
    for extension in extensions:
        for logical_id, members in extension.items():
            template = _extended(template, logical_id, members)
    return template


def _extended(template: dict[str, Any], logical_id: str, extension: Reading) -> dict[str, Any]:
    current = template["Resources"].get(logical_id)
    if current is None:
        raise extension.error(f"there is no resource {logical_id} to extend")
    result = dict(current)
    for member, value in extension.mapping().items():
        if member not in _EXTENDABLE:
            raise extension[member].error(
                f"cannot be extended; expected one of {', '.join(sorted(_EXTENDABLE))}"
            )
        if member == "DependsOn":
            result[member] = list(dict.fromkeys(_as_list(current.get(member)) + _as_list(value)))
        elif member in ("Properties", "Metadata", "CreationPolicy", "UpdatePolicy"):
            result[member] = merged(current.get(member, {}), value)
        else:
            result[member] = value
    return {**template, "Resources": {**template["Resources"], logical_id: result}}


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
