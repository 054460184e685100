"""PutSecretValue, ListSecretVersionIds, UpdateSecretVersionStage.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.secretsmanager import errors, filters, shapes, store, values
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import CURRENT


@write
def put_secret_value(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give a secret a new version. A repetition by token with the same value does nothing."""
    found = store.active(call, request["SecretId"])
    value = values.given_value(request)
    if value is None:
        raise errors.no_value()
    token = request.get("ClientRequestToken") or call.new_id()
    version = values.add_version(call, found, token, value, request.get("VersionStages"))
    told = {"VersionId": version.id, "VersionStages": list(version.stages)}
    return {**shapes.wire_id(call, found), **told}


@read
def list_secret_version_ids(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, the newest first; those without labels only where asked for."""
    found = store.secret(call, request["SecretId"])
    versions = [
        each
        for each in reversed(store.versions(call.state, found.name))
        if each.stages or request.get("IncludeDeprecated")
    ]
    page, token = filters.page(versions, request, LIMITS.page)
    output = shapes.wire_id(call, found)
    output["Versions"] = [shapes.wire_version(found, each) for each in page]
    if token:
        output["NextToken"] = token
    return output


@write
def update_secret_version_stage(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Move a staging label, or take it away; AWSPREVIOUS follows AWSCURRENT by itself."""
    found = store.active(call, request["SecretId"])
    stage = request["VersionStage"]
    source, target = request.get("RemoveFromVersionId"), request.get("MoveToVersionId")
    for version_id in (source, target):
        if version_id and store.version(call.state, found.name, version_id) is None:
            raise errors.version_not_found(version_id)
    holder = store.staged(call.state, found.name, stage)
    if stage == CURRENT and not target:
        raise errors.current_needs_a_place()
    if source:
        if holder is None or holder.id != source:
            raise errors.stage_elsewhere(stage, source)
    elif holder is not None and holder.id != target:
        raise errors.remove_from_needed(stage, holder.id)
    if target:
        moved = store.version(call.state, found.name, target)
        assert moved is not None
        if len(moved.stages) >= LIMITS.labels_per_version_max and stage not in moved.stages:
            raise errors.label_limit(LIMITS.labels_per_version_max)
    values.set_stage(call, found, stage, target or None)
    found.changed_ms = call.now_ms
    store.put(call.state, found)
    return shapes.wire_id(call, found)
