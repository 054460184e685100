"""Secrets in CloudFormation: made up, referred to, changed, gone with the stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


def template(**generated: Any) -> dict[str, Any]:
    rules = {"SecretStringTemplate": '{"user": "admin"}', "GenerateStringKey": "password",
             "ExcludePunctuation": True, "PasswordLength": 20, **generated}  # fmt: skip
    reference = "{{resolve:secretsmanager:${Secret}:SecretString:user}}"
    return {
        "Resources": {
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"Name": "db", "GenerateSecretString": rules},
            },
            "Copy": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": "/user", "Type": "String", "Value": {"Fn::Sub": reference}},
            },
        },
        "Outputs": {"Arn": {"Value": {"Ref": "Secret"}}},
    }


async def act(
    platform: MemoryPlatform, operation: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    given = {"TemplateBody": json.dumps(body)} if body is not None else {}
    await platform("cloudformation", operation, StackName="app", **given)
    await platform.clock.advance(2000)
    stacks = await platform("cloudformation", "ListStacks")
    found: dict[str, Any] = stacks["StackSummaries"][0]
    return found


async def value(platform: MemoryPlatform) -> dict[str, Any]:
    found = await platform("secretsmanager", "GetSecretValue", SecretId="db")
    parsed: dict[str, Any] = json.loads(found["SecretString"])
    return parsed


async def test_the_life_of_a_generated_secret(memory_platform: MemoryPlatform) -> None:
    made = await act(memory_platform, "CreateStack", template())
    assert made["StackStatus"] == "CREATE_COMPLETE"
    first = await value(memory_platform)
    assert first["user"] == "admin"
    assert len(first["password"]) == 20
    assert first["password"].isalnum()
    copied = await memory_platform("ssm", "GetParameter", Name="/user")
    assert copied["Parameter"]["Value"] == "admin"

    same = template()
    same["Resources"]["Secret"]["Properties"]["Description"] = "the database"
    assert (await act(memory_platform, "UpdateStack", same))["StackStatus"] == "UPDATE_COMPLETE"
    assert await value(memory_platform) == first, "only other rules make another password"
    changed = await act(memory_platform, "UpdateStack", template(PasswordLength=21))
    assert changed["StackStatus"] == "UPDATE_COMPLETE"
    assert len((await value(memory_platform))["password"]) == 21

    gone = await act(memory_platform, "DeleteStack")
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ServiceError, match="can't find the specified secret"):
        await value(memory_platform)
