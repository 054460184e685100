"""The intrinsic functions, evaluated over plain values.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.languages.cfn.dynamic import Lookups, resolve_dynamic
from pileus.languages.cfn.environment import NO_VALUE, Environment, ResourceValues
from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.model import text_of
from pileus.languages.cfn.parameters import ParameterValue
from pileus.languages.cfn.substitution import split_attribute, substitute


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything a function may read.

    Attributes:
        is_condition: tells a condition's value by name.
    """

    environment: Environment
    parameters: Mapping[str, ParameterValue]
    mappings: Mapping[str, Mapping[str, Mapping[str, Any]]]
    resources: ResourceValues
    lookups: Lookups
    is_condition: Callable[[str], bool]
    pseudo: Mapping[str, Any]


def evaluate(value: Any, scope: Scope) -> Any:
    """``value`` with every function and dynamic reference replaced by what it yields.

    Members that become ``AWS::NoValue`` are left out.

    Raises:
        TemplateError: a malformed call, an unknown name, a missing value.
    """
    if isinstance(value, str):
        return resolve_dynamic(value, scope.lookups)
    if isinstance(value, list):
        items = (evaluate(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or name.startswith("Fn::"):
            return call(name, argument, scope)
    members = ((key, evaluate(item, scope)) for key, item in value.items())
    return {key: item for key, item in members if item is not NO_VALUE}


def call(name: str, argument: Any, scope: Scope) -> Any:
    """One function call.

    Raises:
        TemplateError: no such function, or a malformed argument.
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        raise TemplateError(f"Template error: unsupported intrinsic function {name}")
    return function(argument, scope)


def reference(name: str, scope: Scope) -> Any:
    """What ``Ref`` yields for a parameter, a pseudo-parameter or a resource."""
    if name in scope.pseudo:
        return scope.pseudo[name]
    if name in scope.parameters:
        return scope.parameters[name].value
    return scope.resources.ref(name)


def _ref(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise TemplateError(
            "Template format error: Every Ref object must have a single String value."
        )
    return reference(argument, scope)


def _get_att(argument: Any, scope: Scope) -> Any:
    logical_id, attribute = split_attribute(argument)
    return scope.resources.attribute(logical_id, _text(evaluate(attribute, scope), "Fn::GetAtt"))


def _text(value: Any, function: str) -> str:
    if isinstance(value, (dict, list)) or value is None or value is NO_VALUE:
        raise TemplateError(f"Template error: {function} needs a string, not {value!r}")
    return text_of(value)


_JOIN = (
    "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and "
    "(2) a list of strings to be joined or a function that returns a list of strings (such as "
    "Fn::GetAZs) to be joined."
)


def _join(argument: Any, scope: Scope) -> str:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise TemplateError(_JOIN)
    items = evaluate(argument[1], scope)
    if not isinstance(items, list) or any(isinstance(item, (dict, list)) for item in items):
        if isinstance(items, str) and items.startswith("{{changeSet:"):
            return items
        raise TemplateError(_JOIN)
    return argument[0].join(text_of(item) for item in items)


def _sub(argument: Any, scope: Scope) -> str:
    local: dict[str, Any] = {}
    template = argument
    if isinstance(argument, list):
        if len(argument) != 2 or not isinstance(argument[1], dict):
            raise TemplateError(_SUB)
        template = argument[0]
        local = {key: evaluate(value, scope) for key, value in argument[1].items()}
    if not isinstance(template, str):
        raise TemplateError(_SUB)

    def value_of(name: str) -> str:
        if name in local:
            return _text(local[name], "Fn::Sub")
        if "." in name:
            logical_id, attribute = name.split(".", 1)
            return _text(scope.resources.attribute(logical_id, attribute), "Fn::Sub")
        return _text(reference(name, scope), "Fn::Sub")

    return resolve_dynamic(substitute(template, value_of), scope.lookups)


_SUB = (
    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. "
    "Specify a string as first argument, and an optional second argument to specify a mapping of "
    "values to replace in the string"
)


def _if(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise TemplateError("Template error: Fn::If requires a list argument with three parameters")
    return evaluate(argument[1 if scope.is_condition(argument[0]) else 2], scope)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise TemplateError(
            "Template error: every Fn::FindInMap object requires three parameters, the map name, "
            "map key and the attribute for return value"
        )
    name, top, second = (_text(evaluate(part, scope), "Fn::FindInMap") for part in argument[:3])
    found = scope.mappings.get(name, {}).get(top, {}).get(second)
    if found is not None:
        return found
    if len(argument) == 4:
        if not isinstance(argument[3], dict) or set(argument[3]) != {"DefaultValue"}:
            raise TemplateError("Template error: Fn::FindInMap takes DefaultValue as fourth")
        return evaluate(argument[3]["DefaultValue"], scope)
    if name not in scope.mappings:
        raise no_such_mapping(name)
    raise TemplateError(f"Template error: Unable to get mapping for {name}::{top}::{second}")


def no_such_mapping(name: str) -> TemplateError:
    """A map that a template does not have."""
    return TemplateError(
        f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of "
        "template."
    )


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise TemplateError(
            "Template error: every Fn::Select object requires two parameters, the index and the "
            "list of objects"
        )
    index_text = _text(evaluate(argument[0], scope), "Fn::Select")
    items = evaluate(argument[1], scope)
    if isinstance(items, str) and items.startswith("{{changeSet:"):
        return items
    if not isinstance(items, list) or not index_text.isdecimal():
        raise TemplateError(
            "Template error: Fn::Select requires a list argument with a valid index value"
        )
    index = int(index_text)
    if index >= len(items):
        raise TemplateError(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        )
    return items[index]


def _split(argument: Any, scope: Scope) -> list[str]:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise TemplateError(
            "Template error: every Fn::Split object requires two parameters, (1) a string "
            "delimiter and (2) a string to be split or a function that returns a string to be "
            "split."
        )
    if not argument[0]:
        raise TemplateError("Template error: Fn::Split delimiter must not be empty")
    return _text(evaluate(argument[1], scope), "Fn::Split").split(argument[0])


def _import_value(argument: Any, scope: Scope) -> str:
    name = _text(evaluate(argument, scope), "Fn::ImportValue")
    value = scope.lookups.export(name)
    if value is None:
        raise TemplateError(f"No export named {name} found.")
    return value


def _base64(argument: Any, scope: Scope) -> str:
    value = evaluate(argument, scope)
    if isinstance(value, (dict, list)):
        raise TemplateError(
            "Template error: every Fn::Base64 object must have a String-typed value."
        )
    return base64.b64encode(text_of(value).encode()).decode()


_CIDR = (
    "Template error: every Fn::Cidr object requires two parameters, (1) an ipBlock and (2) a "
    "count, and optionally (3) cidrBits"
)


def _cidr(argument: Any, scope: Scope) -> list[str]:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise TemplateError(_CIDR)
    parts = [_text(evaluate(part, scope), "Fn::Cidr") for part in argument]
    try:
        network = ipaddress.ip_network(parts[0])
        count = int(parts[1])
        bits = int(parts[2]) if len(parts) == 3 else 8
        prefix = network.max_prefixlen - bits
        if not 1 <= count <= 256 or prefix < network.prefixlen:
            raise ValueError("count or cidrBits out of range")
        if 2 ** (prefix - network.prefixlen) < count:
            raise ValueError(f"{parts[0]} does not hold {count} blocks")
    except ValueError as error:
        raise TemplateError(f"{_CIDR}: {error}") from error
    first, step = int(network.network_address), 2**bits
    address = type(network.network_address)
    return [f"{address(first + index * step)}/{prefix}" for index in range(count)]


def _get_azs(argument: Any, scope: Scope) -> list[str]:
    region = _text(evaluate(argument, scope), "Fn::GetAZs")
    return scope.environment.zones(region or scope.environment.region)


def _transform(argument: Any, scope: Scope) -> Any:
    del scope
    name = argument.get("Name") if isinstance(argument, dict) else argument
    raise TemplateError(f"Transform {name} is not supported here; expand it before resolving.")


def _to_json_string(argument: Any, scope: Scope) -> str:
    if not isinstance(argument, (dict, list)):
        raise TemplateError("Template error: Fn::ToJsonString needs an object or an array")
    return json.dumps(evaluate(argument, scope), separators=(",", ":"))


def _length(argument: Any, scope: Scope) -> int:
    items = evaluate(argument, scope)
    if not isinstance(items, list):
        raise TemplateError("Template error: Fn::Length needs an array")
    return len(items)


def _equals(argument: Any, scope: Scope) -> bool:
    if not isinstance(argument, list) or len(argument) != 2:
        raise TemplateError(
            "Template error: every Fn::Equals object requires a list of 2 string parameters."
        )
    left, right = (_comparable(evaluate(part, scope)) for part in argument)
    return bool(left == right)


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    return text_of(value)


def truth(value: Any, scope: Scope) -> bool:
    """What a condition expression yields: ``Fn::And``, ``Condition: Name`` and their like.

    Raises:
        TemplateError: the expression is no condition.
    """
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Condition":
            if not isinstance(argument, str):
                raise TemplateError("Template error: every Condition member must be a string.")
            return scope.is_condition(argument)
        if name in CONDITION_FUNCTIONS:
            return bool(call(name, argument, scope))
        value = evaluate(value, scope)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise TemplateError(
        "Template format error: Conditions can only be boolean operations on parameters and other "
        "conditions"
    )


def _all_of(argument: Any, scope: Scope) -> bool:
    return all(truth(part, scope) for part in _operands(argument, "And"))


def _any_of(argument: Any, scope: Scope) -> bool:
    return any(truth(part, scope) for part in _operands(argument, "Or"))


def _operands(argument: Any, name: str) -> list[Any]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise TemplateError(
            f"Template error: every Fn::{name} object requires a list of at least 2 and at most 10 "
            "boolean parameters."
        )
    return argument


def _negation(argument: Any, scope: Scope) -> bool:
    if not isinstance(argument, list) or len(argument) != 1:
        raise TemplateError(
            "Template error: every Fn::Not object requires a list of one boolean parameter."
        )
    return not truth(argument[0], scope)


CONDITION_FUNCTIONS = frozenset(("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"))

_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Fn::And": _all_of,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Not": _negation,
    "Fn::Or": _any_of,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
    "Fn::Transform": _transform,
}

FUNCTION_NAMES = frozenset(_FUNCTIONS)
