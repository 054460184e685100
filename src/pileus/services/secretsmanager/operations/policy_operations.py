"""The resource policy of a secret.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.secretsmanager import errors, policies, shapes, store
from pileus.values.errors import ServiceError

_PUBLIC = "The resource policy grants broad access to the secret."


def _refuse_named(request: Mapping[str, Any], operation: str) -> None:
    if request.get("PolicyName"):
        raise errors.unsupported(f"{operation} with PolicyName")


@write
def put_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Attach a policy; a broad one is refused where BlockPublicPolicy says so."""
    _refuse_named(request, "PutResourcePolicy")
    found = store.active(call, request["SecretId"])
    document = policies.parsed(request["ResourcePolicy"])
    if request.get("BlockPublicPolicy") and policies.is_public(document):
        raise errors.public_policy()
    found.policy = request["ResourcePolicy"]
    store.put(call.state, found)
    return shapes.wire_id(call, found)


@read
def get_resource_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The policy, where there is one."""
    _refuse_named(request, "GetResourcePolicy")
    found = store.active(call, request["SecretId"])
    output = shapes.wire_id(call, found)
    if found.policy:
        output["ResourcePolicy"] = found.policy
    return output


@write
def delete_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take the policy away; nothing happens where there is none."""
    _refuse_named(request, "DeleteResourcePolicy")
    found = store.active(call, request["SecretId"])
    found.policy = ""
    store.put(call.state, found)
    return shapes.wire_id(call, found)


@read
def validate_resource_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a policy is well formed and not open to everybody."""
    if request.get("SecretId"):
        store.active(call, request["SecretId"])
    problems: list[tuple[str, str]] = []
    try:
        if policies.is_public(policies.parsed(request["ResourcePolicy"])):
            problems.append(("PublicPolicy", _PUBLIC))
    except ServiceError as error:
        problems.append(("PolicySyntax", error.message))
    found = [{"CheckName": name, "ErrorMessage": text} for name, text in problems]
    return {"PolicyValidationPassed": not found, "ValidationErrors": found}
