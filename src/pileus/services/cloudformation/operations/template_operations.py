"""Templates, read and told.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import read
from pileus.languages.cfn import Parameter, Template
from pileus.services.cloudformation import errors, store, templates


async def _given_text(call: StreamCall, request: Mapping[str, Any]) -> str | None:
    return await templates.text_of(call, request)


@read
def get_template(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The text of a stack's or a change set's template."""
    name, set_name = request.get("StackName"), request.get("ChangeSetName")
    if set_name:
        change_set = store.look_up_change_set(call.state, set_name, name)
        if change_set is None:
            raise errors.change_set_not_found(set_name)
        uuid, digest = change_set.stack_uuid, change_set.wanted.template
    else:
        stack = store.find(call.state, name or "")
        uuid, digest = stack.uuid, stack.wanted.template
        if stack.status == "REVIEW_IN_PROGRESS":
            return {"TemplateBody": "", "StagesAvailable": []}
    text = store.template(call.state, uuid, digest)
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


@read(prepare=_given_text)
def validate_template(
    call: ReadCall, request: Mapping[str, Any], text: str | None
) -> dict[str, Any]:
    """Whether a template is well-formed, and what it declares."""
    if text is None:
        raise errors.validation("Either Template URL or Template Body must be specified.")
    template = templates.read_template(text)
    told: dict[str, Any] = {
        "Parameters": [_short(each) for each in template.parameters.values()],
        **_capabilities(template),
    }
    if template.description:
        told["Description"] = template.description
    if template.transforms:
        told["DeclaredTransforms"] = list(template.transforms)
    return told


@read(prepare=_given_text)
def get_template_summary(
    call: ReadCall, request: Mapping[str, Any], text: str | None
) -> dict[str, Any]:
    """What a template, or a stack's template, declares."""
    if request.get("StackSetName"):
        raise errors.not_supported("stack sets")
    if text is None:
        if not request.get("StackName"):
            raise errors.validation(
                "At least one of [StackName, TemplateBody, TemplateURL, StackSetName] must be "
                "specified."
            )
        stack = store.find(call.state, request["StackName"])
        text = store.template(call.state, stack.uuid, stack.wanted.template)
    template = templates.read_template(text)
    types = dict.fromkeys(each.type for each in template.resources.values())
    told: dict[str, Any] = {
        "Parameters": [_full(each) for each in template.parameters.values()],
        "ResourceTypes": list(types),
        "Version": template.document.get("AWSTemplateFormatVersion", "2010-09-09"),
        **_capabilities(template),
    }
    if template.description:
        told["Description"] = template.description
    if template.metadata is not None:
        told["Metadata"] = orjson.dumps(template.metadata).decode()
    if template.transforms:
        told["DeclaredTransforms"] = list(template.transforms)
    return told


def _capabilities(template: Template) -> dict[str, Any]:
    needed, reason = templates.capabilities_needed(template)
    return {"Capabilities": needed, "CapabilitiesReason": reason} if needed else {}


def _short(parameter: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {"ParameterKey": parameter.name, "NoEcho": parameter.no_echo}
    if parameter.default is not None:
        told["DefaultValue"] = parameter.default
    if parameter.description:
        told["Description"] = parameter.description
    return told


def _full(parameter: Parameter) -> dict[str, Any]:
    constraints = {}
    if parameter.allowed_values:
        constraints["AllowedValues"] = list(parameter.allowed_values)
    return {
        **_short(parameter),
        "ParameterType": parameter.type,
        "ParameterConstraints": constraints,
    }
