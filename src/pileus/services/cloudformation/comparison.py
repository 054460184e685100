"""What a change set would do, told as AWS tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import ResourceType
from pileus.languages.cfn import (
    KNOWN_AFTER_APPLY,
    PropertyChange,
    ResolvedTemplate,
    ResourceChange,
    TemplateError,
    compare_templates,
)
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.asking import Outside
from pileus.services.cloudformation.model import Stack, StackOutput, StackResource, Wanted
from pileus.services.cloudformation.proposals import (
    Proposal,
    actor_of,
    environment_of,
    principal_of,
    settled,
)
from pileus.services.cloudformation.templates import CUSTOM, read_template
from pileus.services.cloudformation.values import KnownResources

CUSTOM_TYPE = "AWS::CloudFormation::CustomResource"


def type_of(name: str) -> str:
    """The name under which a type's handler is registered."""
    return CUSTOM_TYPE if name.startswith(CUSTOM) else name


def handler_of(call: StreamCall, name: str) -> ResourceType:
    """The handler of a type that has been checked to be known."""
    found: ResourceType | None = call.resource_type(type_of(name))
    if found is None:
        raise errors.unrecognized_types([name])
    return found


async def changes(
    call: StreamCall, stack: Stack | None, proposal: Proposal
) -> tuple[list[dict[str, Any]], bool]:
    """The resource changes in wire names, and whether carrying them out would change anything.

    Raises:
        ServiceError: ValidationError in AWS's words.
    """
    exists = stack is not None and stack.status != "REVIEW_IN_PROGRESS"
    wanted, outside = proposal.wanted, proposal.outside
    name = stack.name if stack else ""
    environment = environment_of(call, name, stack.id if stack else "", wanted)
    after = await settled(outside, proposal.template, wanted, environment)
    if stack is None or not exists:
        found = await _settle(proposal, lambda: compare_templates(None, after, KnownResources(
            {}, tells_unknown=True)))  # fmt: skip
        return [_wire(call, each, None) for each in found], True
    text, records = call.read(
        lambda c: (
            store.template(c.state, stack.uuid, stack.wanted.template),
            store.resources(c.state, stack.uuid),
        )
    )
    old_environment = environment_of(call, name, stack.id, stack.wanted)
    principal = principal_of(actor_of(call, wanted.role_arn))
    then = Outside(call, principal, stack.wanted.parameters, tolerates_missing_exports=True)
    before = await settled(then, read_template(text), stack.wanted, old_environment)
    found, values = await _compared(call, proposal, before, after, records)
    tagged = _tagged(call, found, stack.wanted.tags, wanted.tags, after)
    wire = [_wire(call, each, records.get(each.logical_id)) for each in found]
    wire += [_wire_tags(each, records[each]) for each in tagged if each in records]
    differs = await _outputs_differ(proposal, after, values, stack.outputs)
    is_changed = bool(wire) or differs or _differ(stack.wanted, wanted)
    return wire, is_changed


async def _settle(proposal: Proposal, compute: Any) -> Any:
    try:
        return await proposal.outside.settle(compute)
    except TemplateError as error:
        raise errors.validation(str(error)) from error


async def _compared(
    call: StreamCall,
    proposal: Proposal,
    before: ResolvedTemplate,
    after: ResolvedTemplate,
    records: Mapping[str, StackResource],
) -> tuple[list[ResourceChange], KnownResources]:
    """Compare until no further resource turns out to be replaced, as its values then are unknown."""
    deployed = {name: each.properties for name, each in records.items()}
    unknown: frozenset[str] = frozenset()
    while True:
        values = KnownResources(records, unknown, tells_unknown=True)
        found = await _settle(
            proposal, lambda known=values: compare_templates(before, after, known, deployed)
        )
        replaced = frozenset(each.logical_id for each in found if replaces(call, each) == "True")
        if replaced <= unknown:
            return found, values
        unknown |= replaced


def replaces(call: StreamCall, change: ResourceChange) -> str:
    """``True``, ``False`` or ``Conditional``, as a change set tells a modification."""
    handler = handler_of(call, change.type)
    certain = {each.name for each in change.properties if not _is_unknown(each)}
    possible = {each.name for each in change.properties}
    if certain and handler.needs_replacement(certain):
        return "True"
    return "Conditional" if possible and handler.needs_replacement(possible) else "False"


def _is_unknown(change: PropertyChange) -> bool:
    return KNOWN_AFTER_APPLY in str(change.after)


def _tagged(
    call: StreamCall,
    found: Iterable[ResourceChange],
    old: Mapping[str, str],
    new: Mapping[str, str],
    after: ResolvedTemplate,
) -> list[str]:
    """Resources that change only because the stack's tags do."""
    if old == new:
        return []
    told = {each.logical_id for each in found}
    return [
        name
        for name, resource in after.resources.items()
        if name not in told and handler_of(call, resource.type).taggable
    ]


async def _outputs_differ(
    proposal: Proposal,
    after: ResolvedTemplate,
    values: KnownResources,
    old: list[StackOutput],
) -> bool:
    found = await _settle(proposal, lambda: after.outputs(values))
    new = {(each.name, each.value, each.description, each.export_name) for each in found}
    return new != {(each.key, each.value, each.description, each.export) for each in old}


def _differ(old: Wanted, new: Wanted) -> bool:
    """Whether the stack itself changes, be its resources as they are."""
    return (old.tags, old.notification_arns) != (new.tags, new.notification_arns)


def _wire(call: StreamCall, change: ResourceChange, record: StackResource | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "ResourceType": change.type,
        "Scope": [],
        "Details": [],
    }
    if record is not None:
        told["PhysicalResourceId"] = record.physical_id
    if change.action == "Remove" and record is not None:
        is_kept = record.deletion_policy.startswith("Retain")
        told["PolicyAction"] = "Retain" if is_kept else "Delete"
    if change.action == "Modify":
        told["Replacement"] = replaces(call, change)
        told["Scope"] = list(change.scopes)
        told["Details"] = _details(call, change)
        if told["Replacement"] != "False" and record is not None:
            is_kept = record.replace_policy == "Retain"
            told["PolicyAction"] = "ReplaceAndRetain" if is_kept else "ReplaceAndDelete"
    return {"Type": "Resource", "ResourceChange": told}


def _details(call: StreamCall, change: ResourceChange) -> list[dict[str, Any]]:
    handler = handler_of(call, change.type)
    details = []
    for name in dict.fromkeys(each.name for each in change.properties):
        parts = [each for each in change.properties if each.name == name]
        unknown = any(_is_unknown(each) for each in parts)
        always = handler.needs_replacement({name})
        recreation = ("Conditionally" if unknown else "Always") if always else "Never"
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
        source = "ResourceAttribute" if unknown else "DirectModification"
        details.append(
            {
                "Target": target,
                "Evaluation": "Dynamic" if unknown else "Static",
                "ChangeSource": source,
            }
        )
    for scope in change.scopes:
        if scope != "Properties":
            target = {"Attribute": scope, "RequiresRecreation": "Never"}
            details.append(
                {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
            )
    return details


def _wire_tags(logical_id: str, record: StackResource) -> dict[str, Any]:
    target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
    told = {
        "Action": "Modify",
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": record.physical_id,
        "ResourceType": record.type,
        "Replacement": "False",
        "Scope": ["Tags"],
        "Details": [
            {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
        ],
    }
    return {"Type": "Resource", "ResourceChange": told}
