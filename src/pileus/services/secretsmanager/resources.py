"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StepCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared, require
from pileus.services.secretsmanager import errors, passwords
from pileus.values.errors import ServiceError

_COPIED = ("Description", "KmsKeyId", "SecretString", "Type")
_RULES = (
    "PasswordLength",
    "ExcludeCharacters",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "ExcludeLowercase",
    "IncludeSpace",
    "RequireEachIncludedType",
)


def _flag(value: Any) -> Any:
    return value == "true" if value in ("true", "false") else value


def _generated(call: StepCall, rules: Mapping[str, Any], version_id: str) -> str:
    """A password for ``GenerateSecretString``, the same whenever this step is run again."""
    label = f"generated secret {call.account} {version_id}"
    draw = passwords.repeatable_draw(call.signing_key, label)
    given = {name: _flag(rules[name]) for name in _RULES if name in rules}
    password = passwords.password(draw, given)
    template, key = rules.get("SecretStringTemplate"), rules.get("GenerateStringKey")
    if template is None and key is None:
        return password
    if not template or not key:
        raise ServiceError(
            "ValidationError", "SecretStringTemplate and GenerateStringKey go together."
        )
    try:
        document = orjson.loads(template) if isinstance(template, str) else dict(template)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise ServiceError("ValidationError", "SecretStringTemplate is not a JSON object.")
    return orjson.dumps({**document, key: password}).decode()


def _token(call: StepCall, request: ResourceRequest) -> str:
    """The version's id: of this step and no other, so that a repetition names the same."""
    text = f"{request.stack_id}|{request.logical_id}|{call.step_id}"
    return hmac.digest(call.signing_key, text.encode(), hashlib.sha256).hex()[:32]


def _value(call: StepCall, request: ResourceRequest, token: str) -> dict[str, Any]:
    properties = request.properties
    rules = properties.get("GenerateSecretString")
    if rules is not None and "SecretString" in properties:
        raise ServiceError(
            "ValidationError", "You can't specify both GenerateSecretString and SecretString."
        )
    given = {name: str(properties[name]) for name in _COPIED if name in properties}
    if rules is not None:
        given["SecretString"] = _generated(call, rules, token)
    return given


async def _create_secret(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    if properties.get("ReplicaRegions"):
        raise errors.unsupported("AWS::SecretsManager::Secret with ReplicaRegions")
    token = _token(call, request)
    given: dict[str, Any] = {
        "Name": properties.get("Name") or f"{request.logical_id}-{request.token}",
        "ClientRequestToken": token,
        **_value(call, request, token),
    }
    if "SecretString" not in given and "GenerateSecretString" not in properties:
        # CloudFormation makes one up where a template says nothing of the value.
        given["SecretString"] = _generated(call, {}, token)
    if properties.get("Tags"):
        given["Tags"] = list(properties["Tags"])
    reply = await call.invoke("secretsmanager", "CreateSecret", given)
    return _secret(reply.output["ARN"])


def _secret(arn: str) -> Resource:
    return Resource(arn, {"Id": arn})


async def _update_secret(call: StepCall, request: ResourceRequest) -> Resource:
    arn, properties, old = request.physical_id, request.properties, request.old_properties
    token = _token(call, request)
    given = _value(call, request, token)
    is_same_rule = properties.get("GenerateSecretString") == old.get("GenerateSecretString")
    if "GenerateSecretString" in properties and is_same_rule:
        given.pop("SecretString")
    given.setdefault("Description", "")
    wanted = {"SecretId": arn, "ClientRequestToken": token, **given}
    await call.invoke("secretsmanager", "UpdateSecret", wanted)
    new_tags = list(properties.get("Tags") or ())
    kept = {tag["Key"] for tag in new_tags}
    if gone := [tag["Key"] for tag in old.get("Tags") or () if tag["Key"] not in kept]:
        await call.invoke("secretsmanager", "UntagResource", {"SecretId": arn, "TagKeys": gone})
    if new_tags:
        await call.invoke("secretsmanager", "TagResource", {"SecretId": arn, "Tags": new_tags})
    return _secret(arn)


async def _delete_secret(call: StepCall, request: ResourceRequest) -> None:
    given = {"SecretId": request.physical_id, "ForceDeleteWithoutRecovery": True}
    await call.invoke("secretsmanager", "DeleteSecret", given)


async def _put_policy(call: StepCall, request: ResourceRequest) -> Resource:
    policy = require(request, "ResourcePolicy")
    text = policy if isinstance(policy, str) else orjson.dumps(policy).decode()
    given = {
        "SecretId": require(request, "SecretId"),
        "ResourcePolicy": text,
        "BlockPublicPolicy": bool(_flag(request.properties.get("BlockPublicPolicy", False))),
    }
    reply = await call.invoke("secretsmanager", "PutResourcePolicy", given)
    return Resource(reply.output["ARN"], {"Id": reply.output["ARN"]})


async def _delete_policy(call: StepCall, request: ResourceRequest) -> None:
    given = {"SecretId": request.physical_id}
    await call.invoke("secretsmanager", "DeleteResourcePolicy", given)


async def _put_schedule(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    if properties.get("HostedRotationLambda"):
        raise errors.unsupported("AWS::SecretsManager::RotationSchedule with HostedRotationLambda")
    rules = dict(properties.get("RotationRules") or {})
    if "AutomaticallyAfterDays" in rules:
        rules["AutomaticallyAfterDays"] = int(rules["AutomaticallyAfterDays"])
    given: dict[str, Any] = {
        "SecretId": require(request, "SecretId"),
        "ClientRequestToken": _token(call, request),
        "RotationRules": rules,
        "RotateImmediately": bool(_flag(properties.get("RotateImmediatelyOnUpdate", True))),
    }
    if properties.get("RotationLambdaARN"):
        given["RotationLambdaARN"] = properties["RotationLambdaARN"]
    reply = await call.invoke("secretsmanager", "RotateSecret", given)
    return Resource(reply.output["ARN"], {"Id": reply.output["ARN"]})


async def _delete_schedule(call: StepCall, request: ResourceRequest) -> None:
    await call.invoke("secretsmanager", "CancelRotateSecret", {"SecretId": request.physical_id})


RESOURCE_TYPES = {
    "AWS::SecretsManager::Secret": ResourceType(
        create=_create_secret,
        update=_update_secret,
        delete=_delete_secret,
        replaced_by=frozenset({"Name"}),
        taggable="Tags",
        properties=declared(
            "Description GenerateSecretString KmsKeyId Name ReplicaRegions SecretString Tags Type",
        ),
    ),
    "AWS::SecretsManager::ResourcePolicy": ResourceType(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        replaced_by=frozenset({"SecretId"}),
        properties=declared(
            "BlockPublicPolicy ResourcePolicy SecretId",
        ),
    ),
    "AWS::SecretsManager::RotationSchedule": ResourceType(
        create=_put_schedule,
        update=_put_schedule,
        delete=_delete_schedule,
        replaced_by=frozenset({"SecretId"}),
        properties=declared(
            "HostedRotationLambda RotateImmediatelyOnUpdate RotationLambdaARN RotationRules "
            "SecretId",
            refused="ExternalSecretRotationMetadata ExternalSecretRotationRoleArn",
        ),
    ),
}
