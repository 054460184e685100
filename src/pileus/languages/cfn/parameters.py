"""Values for declared parameters: defaults, types and constraints.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pileus.languages.cfn.dynamic import Lookups
from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.model import Parameter

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>\Z")
_AWS_TYPE = re.compile(r"AWS::[A-Za-z0-9]+(::[A-Za-z0-9]+)+\Z")


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """What a parameter stands for in this run.

    Attributes:
        given: the text the caller gave, or the default.
        value: what ``Ref`` yields: text, or a list of texts for the list types.
        is_stored: the value was fetched from the parameter store under the name ``given``.
        shown: ``given``, or asterisks for NoEcho.
    """

    given: str
    value: str | list[str]
    is_stored: bool = False
    no_echo: bool = False

    @property
    def shown(self) -> str:
        return "****" if self.no_echo else self.given


def resolve_parameters(
    declared: Mapping[str, Parameter], given: Mapping[str, str], lookups: Lookups
) -> dict[str, ParameterValue]:
    """Check what was given against what is declared.

    Raises:
        TemplateError: an unknown parameter, a missing one, a constraint not met.
    """
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for parameter in declared.values():
        _check_type(parameter.type)
    missing = [
        name
        for name, parameter in declared.items()
        if parameter.default is None and name not in given
    ]
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _resolve(parameter, given.get(name, parameter.default or ""), lookups)
        for name, parameter in declared.items()
    }


def _check_type(kind: str) -> None:
    inner = kind[5:-1] if kind.startswith("List<") and kind.endswith(">") else kind
    is_known = inner in ("String", "Number", "CommaDelimitedList")
    if not is_known and not _SSM_VALUE.match(kind) and not _AWS_TYPE.match(inner):
        raise TemplateError(f"Template format error: Unrecognized parameter type: {kind}")


def _resolve(parameter: Parameter, given: str, lookups: Lookups) -> ParameterValue:
    stored = _SSM_VALUE.match(parameter.type)
    if not stored:
        _check(parameter, given)
        return ParameterValue(
            given, _typed(parameter.type, given, parameter.name), no_echo=parameter.no_echo
        )
    _check(parameter, given)
    fetched = lookups.parameter(given, None)
    if fetched is None:
        raise TemplateError(
            f"Unable to fetch parameters [{given}] from parameter store for this account."
        )
    value = _typed(stored[1], fetched, parameter.name)
    return ParameterValue(given, value, is_stored=True, no_echo=parameter.no_echo)


def _typed(kind: str, text: str, name: str) -> str | list[str]:
    if kind == "String" or kind == "Number":
        if kind == "Number":
            _check_number(name, text)
        return text
    if kind == "CommaDelimitedList":
        return _items(text)
    if kind.startswith("List<") and kind.endswith(">"):
        inner = kind[5:-1]
        items = _items(text)
        for item in items:
            _typed(inner, item, name)
        return items
    if _AWS_TYPE.match(kind):
        return text
    raise TemplateError(f"Template format error: Unrecognized parameter type: {kind}")


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _check_number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise TemplateError(f"Parameter '{name}' must be a number.") from error


def _check(parameter: Parameter, text: str) -> None:
    problem = _problem(parameter, text)
    if problem is None:
        return
    if parameter.constraint_description:
        raise TemplateError(
            f"Parameter {parameter.name} failed to satisfy constraint: "
            f"{parameter.constraint_description}"
        )
    raise TemplateError(f"Parameter '{parameter.name}' {problem}")


def _problem(parameter: Parameter, text: str) -> str | None:
    is_list = parameter.type == "CommaDelimitedList" or parameter.type.startswith("List<")
    values = _items(text) if is_list else [text]
    if parameter.allowed_values and any(v not in parameter.allowed_values for v in values):
        return "must be one of AllowedValues"
    if parameter.allowed_pattern is not None:
        try:
            pattern = re.compile(parameter.allowed_pattern)
        except re.error as error:
            raise TemplateError(
                f"Template format error: Parameter {parameter.name} AllowedPattern is not a "
                f"regular expression: {error}"
            ) from error
        if not all(pattern.fullmatch(value) for value in values):
            return f"must match pattern {parameter.allowed_pattern}"
    if parameter.length_min is not None and len(text) < parameter.length_min:
        return f"must contain at least {parameter.length_min} characters"
    if parameter.length_max is not None and len(text) > parameter.length_max:
        return f"must contain at most {parameter.length_max} characters"
    return _range_problem(parameter, text)


def _range_problem(parameter: Parameter, text: str) -> str | None:
    if parameter.value_min is None and parameter.value_max is None:
        return None
    number = _check_number(parameter.name, text)
    if parameter.value_min is not None and number < parameter.value_min:
        return f"must be a number not less than {parameter.value_min:g}"
    if parameter.value_max is not None and number > parameter.value_max:
        return f"must be a number not greater than {parameter.value_max:g}"
    return None
