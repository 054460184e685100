"""Who may use a version of a layer: kept and shown.

https://docs.aws.amazon.com/lambda/latest/api/API_AddLayerVersionPermission.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.model import LayerVersion


@write
def add_layer_version_permission(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Let an account, an organization or everyone use the version."""
    layer = _found(call, request)
    _check_revision(layer, request)
    if any(each["Sid"] == request["StatementId"] for each in layer.policy):
        raise errors.statement_exists(request["StatementId"])
    principal = request["Principal"]
    root = f"arn:aws:iam::{principal}:root" if principal.isdecimal() else principal
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": root},
        "Action": request["Action"],
        "Resource": _arn(call, request),
    }
    if request.get("OrganizationId"):
        organization = {"aws:PrincipalOrgID": request["OrganizationId"]}
        statement["Condition"] = {"StringEquals": organization}
    _keep(call, layer, [*layer.policy, statement])
    return {"Statement": orjson.dumps(statement).decode(), "RevisionId": layer.policy_revision}


@write
def remove_layer_version_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take a statement back."""
    layer = _found(call, request)
    if not layer.policy:
        raise errors.no_policy()
    _check_revision(layer, request)
    kept = [each for each in layer.policy if each["Sid"] != request["StatementId"]]
    if len(kept) == len(layer.policy):
        raise errors.no_statement(request["StatementId"])
    _keep(call, layer, kept)


@read
def get_layer_version_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every statement."""
    layer = _found(call, request)
    if not layer.policy:
        raise errors.no_policy()
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": layer.policy}
    return {"Policy": orjson.dumps(policy).decode(), "RevisionId": layer.policy_revision}


def _arn(call: Call, request: Mapping[str, Any]) -> str:
    return call.arn(f"layer:{_name(request)}:{request['VersionNumber']}")


def _name(request: Mapping[str, Any]) -> str:
    return str(request["LayerName"]).rpartition(":")[2]


def _found(call: ReadCall, request: Mapping[str, Any]) -> LayerVersion:
    raw = call.state.get(("layer", _name(request), request["VersionNumber"]))
    if raw is None:
        raise errors.resource_not_found(f"Layer version {_arn(call, request)} does not exist.")
    return store.LAYERS.decode(raw)


def _check_revision(layer: LayerVersion, request: Mapping[str, Any]) -> None:
    if request.get("RevisionId") not in (None, "", layer.policy_revision):
        raise errors.precondition_failed("GetLayerPolicy")


def _keep(call: WriteCall, layer: LayerVersion, policy: list[dict[str, Any]]) -> None:
    layer.policy, layer.policy_revision = policy, call.new_id()
    call.state.put(("layer", layer.name, layer.version), store.LAYERS.encode(layer))
