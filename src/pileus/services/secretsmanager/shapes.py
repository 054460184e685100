"""Records in wire names."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, ReadCall
from pileus.services.secretsmanager import store, values
from pileus.services.secretsmanager.model import DAY_MS, Rotation, Secret, Version
from pileus.values.times import utc


def wire_id(call: Call, found: Secret) -> dict[str, Any]:
    """``ARN`` and ``Name``, the beginning of nearly every answer."""
    return {"ARN": store.arn_of(call, found), "Name": found.name}


def wire_value(call: Call, found: Secret, version: Version) -> dict[str, Any]:
    """A ``SecretValueEntry``."""
    plain = values.plain_value(call, found, version)
    output = {
        **wire_id(call, found),
        "VersionId": version.id,
        "VersionStages": list(version.stages),
        "CreatedDate": utc(version.created_ms),
    }
    if version.is_binary:
        output["SecretBinary"] = plain
    else:
        output["SecretString"] = plain.decode()
    return output


def wire_secret(call: ReadCall, found: Secret, stages_member: str) -> dict[str, Any]:
    """A ``SecretListEntry`` or the answer of DescribeSecret; they differ in one member's name."""
    output: dict[str, Any] = {
        **wire_id(call, found),
        "LastChangedDate": utc(found.changed_ms),
        "CreatedDate": utc(found.created_ms),
    }
    optional = {"Description": found.description, "KmsKeyId": found.key_id, "Type": found.kind}
    output.update({member: value for member, value in optional.items() if value})
    if found.accessed_ms:
        output["LastAccessedDate"] = day(found.accessed_ms)
    if found.deleted_ms:
        output["DeletedDate"] = utc(found.deleted_ms)
    if found.tags:
        output["Tags"] = [{"Key": key, "Value": value} for key, value in found.tags.items()]
    if found.rotation is not None:
        output.update(_wire_rotation(found.rotation))
    versions = store.versions(call.state, found.name)
    if stages := {each.id: list(each.stages) for each in versions if each.stages}:
        output[stages_member] = stages
    return output


def _wire_rotation(rotation: Rotation) -> dict[str, Any]:
    output: dict[str, Any] = {"RotationEnabled": rotation.is_enabled}
    if rotation.function:
        output["RotationLambdaARN"] = rotation.function
    rules: dict[str, Any] = {}
    if rotation.days:
        rules["AutomaticallyAfterDays"] = rotation.days
    if rotation.schedule:
        rules["ScheduleExpression"] = rotation.schedule
    if rotation.window_hours:
        rules["Duration"] = f"{rotation.window_hours}h"
    if rules:
        output["RotationRules"] = rules
    if rotation.rotated_ms:
        output["LastRotatedDate"] = utc(rotation.rotated_ms)
    if rotation.is_enabled and rotation.next_ms:
        output["NextRotationDate"] = utc(rotation.next_ms)
    return output


def wire_version(found: Secret, version: Version) -> dict[str, Any]:
    """A ``SecretVersionsListEntry``."""
    output: dict[str, Any] = {
        "VersionId": version.id,
        "CreatedDate": utc(version.created_ms),
        "KmsKeyIds": [found.key_id or "DefaultEncryptionKey"],
    }
    if version.stages:
        output["VersionStages"] = list(version.stages)
    if version.accessed_ms:
        output["LastAccessedDate"] = day(version.accessed_ms)
    return output


def day(at_ms: int) -> Any:
    """The UTC midnight before: AWS tells an access to the day."""
    return utc(at_ms // DAY_MS * DAY_MS)
