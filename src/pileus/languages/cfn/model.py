"""What a template says, checked for shape but not yet given values.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.parsing import CLOUDFORMATION, parse_text

RESOURCES_MAX = 500
PARAMETERS_MAX = 200
OUTPUTS_MAX = 200
MAPPINGS_MAX = 200

_TOP_LEVEL = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Resources",
        "Outputs",
        "Hooks",
        "Globals",
    ]
)
_RESOURCE_MEMBERS = frozenset(
    [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "Metadata",
        "CreationPolicy",
        "UpdatePolicy",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Version",
        "Description",
    ]
)
_DELETION_POLICIES = ("Delete", "Retain", "Snapshot", "RetainExceptOnCreate")
_REPLACE_POLICIES = ("Delete", "Retain", "Snapshot")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter; ``default`` is None where a value must be given."""

    name: str
    type: str
    default: str | None = None
    allowed_values: tuple[str, ...] = ()
    allowed_pattern: str | None = None
    length_min: int | None = None
    length_max: int | None = None
    value_min: float | None = None
    value_max: float | None = None
    no_echo: bool = False
    description: str = ""
    constraint_description: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A declared resource; properties still hold their intrinsic functions."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    metadata: Any = None
    creation_policy: Any = None
    update_policy: Any = None
    deletion_policy: Any = None
    update_replace_policy: Any = None


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    """A declared output; ``value`` and ``export_name`` still hold their functions."""

    name: str
    value: Any
    description: str = ""
    export_name: Any = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A well-formed template.

    Attributes:
        transforms: macro names of the top-level ``Transform``; whoever resolves the template
            must have expanded those it knows before.
        document: the whole template as plain values, short forms written out.
    """

    parameters: Mapping[str, Parameter]
    mappings: Mapping[str, Mapping[str, Mapping[str, Any]]]
    conditions: Mapping[str, Any]
    rules: Mapping[str, Any]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, OutputDefinition]
    description: str = ""
    metadata: Any = None
    transforms: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


def parse_template(text: str) -> Template:
    """Read a template from JSON or YAML text.

    Raises:
        TemplateError: not well-formed, or not shaped as a template.
    """
    return template_of(parse_text(text, CLOUDFORMATION))


def template_of(document: Any) -> Template:
    """A template from plain values (an expanded macro, a generated template).

    Raises:
        TemplateError: not shaped as a template.
    """
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    _check_top_level(document)
    return Template(
        parameters={
            name: _parameter(name, body)
            for name, body in _section(document, "Parameters", PARAMETERS_MAX).items()
        },
        mappings=_mappings(_section(document, "Mappings", MAPPINGS_MAX)),
        conditions=_section(document, "Conditions"),
        rules=_section(document, "Rules"),
        resources=_resources(document),
        outputs={
            name: _output(name, body)
            for name, body in _section(document, "Outputs", OUTPUTS_MAX).items()
        },
        description=document.get("Description") or "",
        metadata=document.get("Metadata"),
        transforms=_transforms(document.get("Transform")),
        document=document,
    )


def _check_top_level(document: dict[str, Any]) -> None:
    unknown = [name for name in document if name not in _TOP_LEVEL]
    if unknown:
        raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
    version = document.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        raise TemplateError(
            f"Template format error: {version} is not a supported value for "
            "AWSTemplateFormatVersion."
        )
    if not isinstance(document.get("Description", ""), str):
        raise TemplateError("Template format error: Description must be a string.")


def _section(document: dict[str, Any], name: str, count_max: int | None = None) -> dict[str, Any]:
    body = document.get(name, {})
    if not isinstance(body, dict):
        if body is None:
            raise TemplateError(
                f"Template format error: [/{name}] 'null' values are not allowed in templates"
            )
        raise TemplateError(f"Template format error: {name} must be an object.")
    if count_max is not None and len(body) > count_max:
        raise TemplateError(
            f"Template format error: Number of {name.lower()}, {len(body)}, is greater than "
            f"maximum allowed, {count_max}"
        )
    return body


def _resources(document: dict[str, Any]) -> dict[str, Resource]:
    if not document.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    body = _section(document, "Resources", RESOURCES_MAX)
    return {name: _resource(name, entry) for name, entry in body.items()}


def _resource(name: str, body: Any) -> Resource:
    if not _ALPHANUMERIC.match(name):
        raise TemplateError(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(body, dict):
        raise TemplateError("Template format error: Any Resources member must be an object.")
    for member in body:
        if member not in _RESOURCE_MEMBERS:
            raise TemplateError(f"Invalid template resource property '{member}'")
    kind = body.get("Type")
    if not isinstance(kind, str):
        raise TemplateError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a "
            "Type member."
        )
    for member, value in body.items():
        _refuse_nulls(value, f"/Resources/{name}/{member}")
    properties = body.get("Properties", {})
    if not isinstance(properties, dict):
        raise TemplateError(
            f"Template format error: [/Resources/{name}/Properties] Properties must be an object."
        )
    _check_policy(name, "DeletionPolicy", body, _DELETION_POLICIES)
    _check_policy(name, "UpdateReplacePolicy", body, _REPLACE_POLICIES)
    return Resource(
        logical_id=name,
        type=kind,
        properties=properties,
        depends_on=_depends_on(name, body.get("DependsOn", [])),
        condition=_condition_name(body.get("Condition"), f"/Resources/{name}/Condition"),
        metadata=body.get("Metadata"),
        creation_policy=body.get("CreationPolicy"),
        update_policy=body.get("UpdatePolicy"),
        deletion_policy=body.get("DeletionPolicy"),
        update_replace_policy=body.get("UpdateReplacePolicy"),
    )


def _check_policy(name: str, member: str, body: dict[str, Any], allowed: tuple[str, ...]) -> None:
    value = body.get(member)
    if isinstance(value, str) and value not in allowed:
        raise TemplateError(
            f"Template format error: Unrecognized {member} {value} for resource {name}"
        )


def _depends_on(name: str, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise TemplateError(
            f"Template format error: [/Resources/{name}/DependsOn] DependsOn must be a string or "
            "a list of strings."
        )
    return tuple(dict.fromkeys(names))


def _condition_name(value: Any, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TemplateError(f"Template format error: [{path}] Condition must be a string.")


def _refuse_nulls(value: Any, path: str) -> None:
    if value is None:
        raise TemplateError(
            f"Template format error: [{path}] 'null' values are not allowed in templates"
        )
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_nulls(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nulls(item, f"{path}/{index}")


def _output(name: str, body: Any) -> OutputDefinition:
    if not _ALPHANUMERIC.match(name):
        raise TemplateError(f"Template format error: Outputs name '{name}' is non alphanumeric.")
    if not isinstance(body, dict) or body.get("Value") is None:
        raise TemplateError(
            "Template format error: Every Outputs member must contain a Value object."
        )
    _refuse_nulls(body, f"/Outputs/{name}")
    export = body.get("Export")
    if export is not None and (not isinstance(export, dict) or "Name" not in export):
        raise TemplateError(
            f"Template format error: Output {name} is malformed. The Export field must have a Name."
        )
    return OutputDefinition(
        name=name,
        value=body["Value"],
        description=body.get("Description", ""),
        export_name=export["Name"] if export else None,
        condition=_condition_name(body.get("Condition"), f"/Outputs/{name}/Condition"),
    )


def _parameter(name: str, body: Any) -> Parameter:
    if not _ALPHANUMERIC.match(name):
        raise TemplateError(f"Template format error: Parameter name {name} is non alphanumeric.")
    if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
        raise TemplateError(
            "Template format error: Every Parameters object must contain a Type member."
        )
    default = body.get("Default")
    return Parameter(
        name=name,
        type=body["Type"],
        default=None if default is None else text_of(default),
        allowed_values=tuple(text_of(value) for value in body.get("AllowedValues", [])),
        allowed_pattern=body.get("AllowedPattern"),
        length_min=_number(name, body, "MinLength", int),
        length_max=_number(name, body, "MaxLength", int),
        value_min=_number(name, body, "MinValue", float),
        value_max=_number(name, body, "MaxValue", float),
        no_echo=text_of(body.get("NoEcho", False)) == "true",
        description=body.get("Description", ""),
        constraint_description=body.get("ConstraintDescription", ""),
    )


def _number(name: str, body: dict[str, Any], member: str, kind: type) -> Any:
    value = body.get(member)
    if value is None:
        return None
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise TemplateError(
            f"Template format error: Parameter {name} {member} must be a number."
        ) from error


def _mappings(body: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    for name, table in body.items():
        if not isinstance(table, dict) or not all(isinstance(row, dict) for row in table.values()):
            raise TemplateError(
                f"Template format error: Every Mappings attribute must be a String or a List. "
                f"[/Mappings/{name}]"
            )
    return body


def _transforms(value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else [] if value is None else [value]
    names = []
    for entry in entries:
        name = entry.get("Name") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise TemplateError("Template format error: Transform must name its macros.")
        names.append(name)
    return tuple(names)


def text_of(value: Any) -> str:
    """A scalar as CloudFormation writes it: ``true``, ``1``, ``1.5``; text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}" if abs(value) < 1e16 else repr(value)
    return str(value)
