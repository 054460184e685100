"""RotateSecret. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.operations import stream
from pileus.services.secretsmanager import errors, rotation, shapes, store
from pileus.services.secretsmanager.model import Rotation
from pileus.services.secretsmanager.rotating import Rotations
from pileus.values.body import Body
from pileus.values.errors import ServiceError


@stream
async def rotate_secret(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Configure rotation and begin one; the four steps go on after the answer."""
    for member in ("ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn"):
        if request.get(member):
            raise errors.unsupported(f"RotateSecret with {member}")
    if request.get("RotationLambdaARN"):
        await _check_function(call, request["RotationLambdaARN"])
    output = await call.write(lambda c: _begin(c, request), once=True)
    found = call.read(lambda c: store.find(c, request["SecretId"]))
    if found is not None and found.rotation is not None and found.rotation.token:
        call.own(Rotations).spawn(call, found.name, found.rotation.token)
    return output


async def _check_function(call: StreamCall, function: str) -> None:
    try:
        await call.invoke("lambda", "GetFunctionConfiguration", {"FunctionName": function})
    except ServiceError as error:
        if error.code == "ResourceNotFoundException":
            raise errors.function_not_found(error.message) from error
        raise


def _begin(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    found = store.active(call, request["SecretId"])
    rules = request.get("RotationRules") or {}
    known = found.rotation or Rotation(is_enabled=True, function="")
    known.function = request.get("RotationLambdaARN") or known.function
    if not known.function:
        raise errors.no_rotation_function()
    token = request.get("ClientRequestToken") or call.new_id()
    unfinished = rotation.pending(call, found)
    if unfinished is not None and unfinished.id != token:
        raise errors.rotation_under_way()
    rotation.with_rules(known, rules)
    if rules or not known.is_enabled or not known.since_ms:
        known.since_ms = call.now_ms
    known.is_enabled = True
    found.rotation = known
    store.put(call.state, found)
    rotation.rearm(call, found)
    # A token whose version is finished is a repetition; one under way goes on where it is.
    if store.version(call.state, found.name, token) is None or (unfinished and not known.token):
        is_test = request.get("RotateImmediately") is False
        rotation.begin(call, found, token, is_test=is_test)
    return {**shapes.wire_id(call, found), "VersionId": token}
