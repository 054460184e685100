"""CreateSecret, UpdateSecret, DescribeSecret, ListSecrets, DeleteSecret, RestoreSecret.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.operations import read, write
from pileus.services.secretsmanager import (
    errors,
    filters,
    passwords,
    rotation,
    shapes,
    store,
    tagging,
    values,
)
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import DAY_MS, Secret, check_name
from pileus.values.times import utc


@write
def create_secret(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a secret, with a first value or without one. A repetition by token does nothing."""
    for member in ("AddReplicaRegions", "ForceOverwriteReplicaSecret", "CrossAccountPrimaryARN"):
        if request.get(member):
            raise errors.unsupported(f"CreateSecret with {member}")
    name = request["Name"]
    check_name(name)
    value = values.given_value(request)
    token = request.get("ClientRequestToken") or call.new_id()
    known = store.by_name(call.state, name)
    if known is not None:
        return _created_before(call, known, token, value)
    if call.state.count(("secret",)) >= LIMITS.secrets_max:
        raise errors.secret_limit()
    found = Secret(
        name=name,
        suffix=passwords.suffix(call),
        created_ms=call.now_ms,
        changed_ms=call.now_ms,
        description=request.get("Description") or "",
        key_id=request.get("KmsKeyId") or "",
        kind=request.get("Type") or "",
        tags=tagging.merged({}, request.get("Tags") or ()),
    )
    store.put(call.state, found)
    output = shapes.wire_id(call, found)
    if value is not None:
        values.add_version(call, found, token, value)
        output["VersionId"] = token
    return output


def _created_before(
    call: WriteCall, known: Secret, token: str, value: tuple[bytes, bool] | None
) -> dict[str, Any]:
    """The answer of the first creation for its repetition; raises for anything else."""
    if known.deleted_ms:
        raise errors.name_scheduled_for_deletion()
    version = store.version(call.state, known.name, token)
    if value is None or version is None or not values.is_same(call, known, version, value):
        raise errors.secret_exists(known.name)
    return {**shapes.wire_id(call, known), "VersionId": token}


@write
def update_secret(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change what is said about a secret, and give it a new current value where one is given."""
    found = store.active(call, request["SecretId"])
    value = values.given_value(request)
    if request.get("Description") is not None:
        found.description = request["Description"]
    if request.get("KmsKeyId") is not None:
        found.key_id = request["KmsKeyId"]
    if request.get("Type"):
        found.kind = request["Type"]
    found.changed_ms = call.now_ms
    store.put(call.state, found)
    output = shapes.wire_id(call, found)
    if value is not None:
        token = request.get("ClientRequestToken") or call.new_id()
        values.add_version(call, found, token, value)
        output["VersionId"] = token
    return output


@read
def describe_secret(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a secret but its value; also while it waits for its deletion."""
    return shapes.wire_secret(call, store.secret(call, request["SecretId"]), "VersionIdsToStages")


@read
def list_secrets(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets that all filters accept, in the order asked for."""
    found = filters.selected(
        call,
        request.get("Filters") or (),
        includes_deleted=bool(request.get("IncludePlannedDeletion")),
    )
    found = filters.ordered(found, request.get("SortBy"), request.get("SortOrder"))
    page, token = filters.page(found, request, LIMITS.page)
    entries = [shapes.wire_secret(call, each, "SecretVersionsToStages") for each in page]
    output: dict[str, Any] = {"SecretList": entries}
    if token:
        output["NextToken"] = token
    return output


@write
def delete_secret(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Mark a secret for deletion after its recovery window, or remove it at once by force."""
    is_forced, days = request.get("ForceDeleteWithoutRecovery"), request.get("RecoveryWindowInDays")
    if is_forced and days is not None:
        raise errors.recovery_window_with_force()
    if days is None:
        days = LIMITS.recovery_days_max
    if not LIMITS.recovery_days_min <= days <= LIMITS.recovery_days_max:
        raise errors.recovery_window_range(LIMITS.recovery_days_min, LIMITS.recovery_days_max)
    found = store.find(call, request["SecretId"])
    if is_forced:
        return _removed(call, found, request["SecretId"])
    if found is None:
        raise errors.secret_not_found()
    if found.deleted_ms:
        raise errors.marked_for_deletion()
    found.deleted_ms, found.removed_ms = call.now_ms, call.now_ms + days * DAY_MS
    store.put(call.state, found)
    call.cancel_timer("rotate_secret", found.name)
    timer = Timer(
        name="remove_secret", key=found.name, at_ms=found.removed_ms, payload={"name": found.name}
    )
    call.set_timer(timer)
    return {**shapes.wire_id(call, found), "DeletionDate": utc(found.removed_ms)}


def _removed(call: WriteCall, found: Secret | None, secret_id: str) -> dict[str, Any]:
    """Removal by force succeeds for what is not there as well."""
    now = utc(call.now_ms)
    if found is None:
        return {"ARN": secret_id, "Name": secret_id, "DeletionDate": now}
    store.remove(call, found.name)
    return {**shapes.wire_id(call, found), "DeletionDate": now}


@write
def restore_secret(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take back a deletion that is still to come."""
    found = store.secret(call, request["SecretId"])
    found.deleted_ms = found.removed_ms = 0
    call.cancel_timer("remove_secret", found.name)
    store.put(call.state, found)
    rotation.rearm(call, found)
    return shapes.wire_id(call, found)
