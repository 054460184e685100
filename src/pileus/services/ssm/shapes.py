"""Records in wire names."""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import Call
from pileus.services.ssm.model import Parameter, Version
from pileus.services.ssm.sealing import arn, shown
from pileus.values.times import utc


def wire_value(
    call: Call, found: Parameter, version: Version, selector: str, is_decrypted: bool
) -> dict[str, Any]:
    """A ``Parameter``."""
    output = {
        "Name": found.name,
        "Type": version.type,
        "Value": shown(call, found.name, version, is_decrypted=is_decrypted),
        "Version": version.number,
        "LastModifiedDate": utc(version.modified_ms),
        "ARN": arn(call, found.name),
        "DataType": version.data_type,
    }
    if selector:
        output["Selector"] = selector
    return output


def wire_metadata(call: Call, name: str, version: Version) -> dict[str, Any]:
    """A ``ParameterMetadata``: everything but the value."""
    output: dict[str, Any] = {
        "Name": name,
        "ARN": arn(call, name),
        "Type": version.type,
        "LastModifiedDate": utc(version.modified_ms),
        "LastModifiedUser": version.user,
        "Version": version.number,
        "Tier": version.tier,
        "Policies": [wire_policy(text) for text in version.policies],
        "DataType": version.data_type,
    }
    optional = {
        "KeyId": version.key_id,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
    }
    output.update({member: value for member, value in optional.items() if value})
    return output


def wire_history(call: Call, name: str, version: Version, is_decrypted: bool) -> dict[str, Any]:
    """A ``ParameterHistory`` entry."""
    output = wire_metadata(call, name, version)
    del output["ARN"]
    output["Value"] = shown(call, name, version, is_decrypted=is_decrypted)
    output["Labels"] = version.labels
    return output


def wire_policy(text: str) -> dict[str, Any]:
    """A ``ParameterInlinePolicy``."""
    kind = orjson.loads(text)["Type"]
    return {"PolicyText": text, "PolicyType": kind, "PolicyStatus": "Pending"}
