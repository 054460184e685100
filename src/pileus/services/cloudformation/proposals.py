"""What a request wants a stack to become, worked out before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import Call, StreamCall
from pileus.languages.cfn import (
    Environment,
    ResolvedTemplate,
    Template,
    TemplateError,
    resolve_template,
)
from pileus.services.cloudformation import errors, store, templates
from pileus.services.cloudformation.asking import Outside
from pileus.services.cloudformation.model import Actor, Stack, StackParameter, Wanted
from pileus.values.context import Principal


@dataclass(frozen=True, slots=True)
class Proposal:
    """A checked request.

    Attributes:
        text: the template's text, to be kept with the stack.
        wanted: what the stack shall become; ``wanted.template`` is set when the text is kept.
    """

    text: str
    template: Template
    wanted: Wanted
    outside: Outside


def principal_of(actor: Actor) -> Principal:
    """The principal as it goes through the door."""
    return Principal(actor.arn, actor.account, actor.access_key, actor.user_id)


def actor_of(call: Call, role_arn: str) -> Actor:
    """Who a stack operation acts as: the role given, or the caller."""
    if role_arn:
        account, role = role_arn.split(":")[4], role_arn.rpartition("/")[2]
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/AWSCloudFormation"
        return Actor(arn, account)
    who = call.context.principal
    return Actor(who.arn, who.account, who.access_key, who.user_id)


async def propose(call: StreamCall, request: Mapping[str, Any], stack: Stack | None) -> Proposal:
    """Check a request to create (``stack`` is None or in review) or update a stack.

    Raises:
        ServiceError: ValidationError, InsufficientCapabilitiesException.
    """
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        raise errors.not_supported("RollbackTriggers")
    text = await templates.text_of(call, request)
    if request.get("UsePreviousTemplate"):
        if stack is None or stack.status == "REVIEW_IN_PROGRESS":
            raise errors.validation("UsePreviousTemplate is only valid for stack updates.")
        if text is not None:
            raise errors.validation(
                "You cannot specify both usePreviousTemplate and Template Body/Template URL."
            )
        text = call.read(lambda c: store.template(c.state, stack.uuid, stack.wanted.template))
    if text is None:
        raise errors.validation("Either Template URL or Template Body must be specified.")
    template = templates.read_template(text)
    templates.check_supported(template)
    templates.check_allowed(template, request.get("ResourceTypes") or [])
    templates.check_capabilities(template, request.get("Capabilities") or [])
    role_arn = request.get("RoleARN") or (stack.wanted.role_arn if stack else "")
    old = stack.wanted if stack else None
    given = _given(request.get("Parameters") or [], old)
    outside = Outside(
        call, principal_of(actor_of(call, role_arn)), given, tolerates_missing_exports=True
    )
    name, stack_id = request["StackName"], stack.id if stack else ""
    wanted = Wanted(
        template="",
        description=template.description,
        parameters=given,
        capabilities=list(request.get("Capabilities") or ()),
        tags=_tags(request, old),
        notification_arns=_inherited(request, "NotificationARNs", old),
        role_arn=role_arn,
    )
    environment = environment_of(call, stack.name if stack else name, stack_id, wanted)
    resolved = await settled(outside, template, wanted, environment)
    templates.check_types(resolved.resources.values(), call.resource_types())
    wanted.parameters = [
        StackParameter(
            key=key,
            value=value.given,
            stored=outside.stored.get(value.given) if value.is_stored else None,
            no_echo=value.no_echo,
        )
        for key, value in resolved.parameters.items()
    ]
    return Proposal(text, template, wanted, outside)


async def settled(
    outside: Outside, template: Template, wanted: Wanted, environment: Environment
) -> ResolvedTemplate:
    """The template with its parameters; raises ValidationError in AWS's words."""
    given = {each.key: each.value for each in wanted.parameters}
    try:
        return await outside.settle(
            lambda: resolve_template(template, given, environment, outside.lookups())
        )
    except TemplateError as error:
        raise errors.validation(str(error)) from error


def environment_of(call: StreamCall, name: str, stack_id: str, wanted: Wanted) -> Environment:
    """Where a stack stands, for pseudo-parameters."""
    return Environment(
        account=call.account,
        region=call.region,
        stack_name=name,
        stack_id=stack_id,
        notification_arns=tuple(wanted.notification_arns),
    )


def _given(entries: list[Mapping[str, Any]], old: Wanted | None) -> list[StackParameter]:
    before = {each.key: each for each in old.parameters} if old else {}
    given: list[StackParameter] = []
    for entry in entries:
        key = entry.get("ParameterKey", "")
        if entry.get("UsePreviousValue"):
            if "ParameterValue" in entry:
                raise errors.validation(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as "
                    "true and non empty value for a parameter"
                )
            if key not in before:
                raise errors.validation(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as "
                    "true for a parameter key not in the previous template"
                )
            # A stored parameter is read anew, as AWS does at every update.
            given.append(StackParameter(key=key, value=before[key].value))
        elif "ParameterValue" in entry:
            given.append(StackParameter(key=key, value=entry["ParameterValue"]))
        else:
            raise errors.validation(f"Parameters: [{key}] must have values")
    return given


def _tags(request: Mapping[str, Any], old: Wanted | None) -> dict[str, str]:
    if "Tags" not in request:
        return dict(old.tags) if old else {}
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if any(key.startswith("aws:") for key in tags):
        raise errors.validation("Tag keys cannot start with aws: prefix.")
    return tags


def _inherited(request: Mapping[str, Any], member: str, old: Wanted | None) -> list[str]:
    if member in request:
        return list(request[member])
    return list(old.notification_arns) if old else []
