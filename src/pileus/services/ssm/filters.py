"""``ParameterFilters``, checked and compiled to one predicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pileus.services.ssm import errors
from pileus.services.ssm.model import Parameter, Version, check_path, is_below

Predicate = Callable[[Parameter, Version], bool]
_DESCRIBE_KEYS = ("Path", "Name", "Type", "KeyId", "Tier", "DataType")
_BY_PATH_KEYS = ("Type", "KeyId", "Label")
_TYPES = ("String", "StringList", "SecureString")
_TIERS = ("Standard", "Advanced", "Intelligent-Tiering")


def compiled(filters: Sequence[Mapping[str, Any]], *, is_by_path: bool = False) -> Predicate:
    """One predicate that holds where every filter does.

    Raises InvalidFilterKey, InvalidFilterOption, InvalidFilterValue, ValidationException.
    """
    seen: set[str] = set()
    predicates: list[Predicate] = []
    for each in filters:
        key = each["Key"]
        valid = _BY_PATH_KEYS if is_by_path else _DESCRIBE_KEYS
        if key not in valid and not (key.startswith("tag:") and not is_by_path):
            raise errors.invalid_filter_key(key, valid)
        if key in seen:
            raise errors.duplicate_filter(key)
        seen.add(key)
        predicates.append(_predicate(key, each.get("Option"), list(each.get("Values") or ())))
    return lambda found, version: all(holds(found, version) for holds in predicates)


def _predicate(key: str, option: str | None, values: list[str]) -> Predicate:
    if key == "Path":
        return _path(option or "OneLevel", values)
    if key.startswith("tag:"):
        tag = key[4:]
        _check_option(option or "Equals", ("Equals",))
        return lambda found, _: tag in found.tags and (not values or found.tags[tag] in values)
    if not values:
        raise errors.missing_filter_values(key)
    options = {
        "Name": ("BeginsWith", "Contains", "Equals"),
        "KeyId": ("BeginsWith", "Equals"),
        "Type": ("BeginsWith", "Equals"),
    }.get(key, ("Equals",))
    _check_option(option or "Equals", options)
    for known, allowed in (("Type", _TYPES), ("Tier", _TIERS)):
        if key == known:
            for value in values:
                if value not in allowed:
                    raise errors.invalid_filter_value(value, allowed)
    if key == "Label":
        return lambda _, version: any(value in version.labels for value in values)
    if key == "Name":
        return _text(lambda found, _: found.name, option or "Equals", values)
    attribute = {"Type": "type", "KeyId": "key_id", "Tier": "tier", "DataType": "data_type"}[key]
    return _text(lambda _, version: getattr(version, attribute), option or "Equals", values)


def _check_option(option: str, valid: Iterable[str]) -> None:
    if option not in valid:
        raise errors.invalid_filter_option(option, valid)


def _text(look: Callable[[Parameter, Version], str], option: str, values: list[str]) -> Predicate:
    # A leading slash does not tell names apart here: the console and the CLI leave it out.
    bare = [value.removeprefix("/") for value in values]

    def holds(found: Parameter, version: Version) -> bool:
        text = look(found, version).removeprefix("/")
        if option == "BeginsWith":
            return any(text.startswith(value) for value in bare)
        if option == "Contains":
            return any(value in text for value in bare)
        return text in bare

    return holds


def _path(option: str, values: list[str]) -> Predicate:
    _check_option(option, ("Recursive", "OneLevel"))
    if not values:
        raise errors.missing_filter_values("Path")
    for value in values:
        check_path(value)
    is_recursive = option == "Recursive"
    return lambda found, _: any(
        is_below(found.name, value, is_recursive=is_recursive) for value in values
    )
