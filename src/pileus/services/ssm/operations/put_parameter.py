"""PutParameter. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import errors, policies, sealing, store
from pileus.services.ssm.limits import LIMITS
from pileus.services.ssm.model import (
    DATA_TYPES,
    DEFAULT_KEY,
    SECURE,
    Parameter,
    Version,
    check_name,
    chosen_tier,
)

_REFERENCE = re.compile(r"\{\{.*\}\}", re.DOTALL)
"""What Systems Manager would take for another parameter's name."""


@write
def put_parameter(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a parameter, or give it a new version."""
    name = store.bare_name(request["Name"])
    check_name(name)
    _check_request(request)
    found = store.find(call.state, name)
    if found is not None and not request.get("Overwrite"):
        raise errors.parameter_already_exists()
    previous = store.current(call.state, found) if found is not None else None
    version = _version(call, name, request, previous)
    if found is None:
        if call.state.count(("parameter",)) >= LIMITS.parameters_advanced:
            raise errors.parameter_limit()
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
        if len(tags) > LIMITS.tags_max:
            raise errors.too_many_tags()
        found = Parameter(name=name, version=0, created_ms=call.now_ms, tags=tags)
    else:
        _make_room(call, name)
    found.version = version.number
    store.put_parameter(call.state, found)
    store.put_version(call.state, name, version)
    policies.schedule(call, name, version.policies)
    return {"Version": version.number, "Tier": version.tier}


def _check_request(request: Mapping[str, Any]) -> None:
    if not request["Value"]:
        raise errors.empty_value()
    if _REFERENCE.search(request["Value"]):
        raise errors.nested_value()
    if request.get("Tags") and request.get("Overwrite"):
        raise errors.tags_with_overwrite()
    if request.get("DataType", "text") not in DATA_TYPES:
        raise errors.unsupported_data_type(request["DataType"])
    if pattern := request.get("AllowedPattern"):
        try:
            holds = re.search(pattern, request["Value"]) is not None
        except re.error:
            raise errors.invalid_pattern() from None
        if not holds:
            raise errors.pattern_mismatch(pattern)


def _version(
    call: WriteCall, name: str, request: Mapping[str, Any], previous: Version | None
) -> Version:
    kind = request.get("Type") or (previous.type if previous else "")
    if not kind:
        raise errors.type_required()
    if previous is not None and kind != previous.type:
        raise errors.type_changed()
    if request.get("KeyId") and kind != SECURE:
        raise errors.key_without_secret()
    kept = policies.checked(request["Policies"]) if request.get("Policies") else []
    value = request["Value"]
    tier = chosen_tier(
        request.get("Tier") or "", previous.tier if previous else "", value, bool(kept)
    )
    if kept and tier != "Advanced":
        raise errors.policies_need_advanced()
    version = Version(
        number=previous.number + 1 if previous else 1,
        type=kind,
        modified_ms=call.now_ms,
        user=call.context.principal.arn,
        description=request.get("Description") or "",
        allowed_pattern=request.get("AllowedPattern") or "",
        tier=tier,
        policies=kept,
        data_type=request.get("DataType") or "text",
    )
    if previous is not None:
        # What an overwrite does not name stays.
        version.description = request.get("Description", previous.description)
        version.allowed_pattern = request.get("AllowedPattern", previous.allowed_pattern)
        version.data_type = request.get("DataType", previous.data_type)
    if kind == SECURE:
        version.key_id = request.get("KeyId") or (previous.key_id if previous else DEFAULT_KEY)
        version.sealed = sealing.seal(call, name, value)
    else:
        version.value = value
    return version


def _make_room(call: WriteCall, name: str) -> None:
    """Forget the oldest of a hundred versions; one that has a label cannot go."""
    if call.state.count(("version", name)) < LIMITS.versions_max:
        return
    oldest = store.VERSIONS.decode(call.state.range(("version", name), limit=1)[0][1])
    if oldest.labels:
        raise errors.version_limit(name, oldest.number)
    call.state.delete(("version", name, oldest.number))
