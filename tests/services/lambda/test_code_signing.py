"""Code signing configurations: kept, shown, given to functions and taken from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import ROLE, add_function
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

from .conftest import refused

PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v1"
MISSING = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + "0" * 17


async def make(platform: MemoryPlatform, **more: Any) -> dict[str, Any]:
    given = {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}, **more}
    made = await platform("lambda", "CreateCodeSigningConfig", **given)
    config: dict[str, Any] = made["CodeSigningConfig"]
    return config


async def test_configurations_are_made_changed_and_deleted(platform: MemoryPlatform) -> None:
    made = await make(platform, Description="ours", Tags={"a": "1"})
    arn = made["CodeSigningConfigArn"]
    assert arn.endswith(f":code-signing-config:{made['CodeSigningConfigId']}")
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    about = {"CodeSigningConfigArn": arn}
    policies = {"UntrustedArtifactOnDeployment": "Enforce"}
    await platform("lambda", "UpdateCodeSigningConfig", **about, CodeSigningPolicies=policies)
    found = (await platform("lambda", "GetCodeSigningConfig", **about))["CodeSigningConfig"]
    assert (found["CodeSigningPolicies"], found["Description"]) == (policies, "ours")
    await make(platform)
    first = await platform("lambda", "ListCodeSigningConfigs", MaxItems=1)
    second = await platform("lambda", "ListCodeSigningConfigs", Marker=first["NextMarker"])
    assert len(first["CodeSigningConfigs"]) == len(second["CodeSigningConfigs"]) == 1
    await platform("lambda", "TagResource", Resource=arn, Tags={"b": "2"})
    assert await platform("lambda", "ListTags", Resource=arn) == {"Tags": {"a": "1", "b": "2"}}
    await platform("lambda", "DeleteCodeSigningConfig", **about)
    assert (await refused(platform, "GetCodeSigningConfig", **about))[
        0
    ] == "CodeSigningConfigNotFoundException"


async def test_functions_have_them(platform: MemoryPlatform) -> None:
    about = {"CodeSigningConfigArn": (await make(platform))["CodeSigningConfigArn"]}
    await add_function(platform, "f", "app.echo", **about)
    await add_function(platform, "g", "app.echo")
    found = await platform("lambda", "GetFunctionCodeSigningConfig", FunctionName="f")
    assert found == {"FunctionName": "f", **about}
    await platform("lambda", "PutFunctionCodeSigningConfig", FunctionName="g", **about)
    users = await platform("lambda", "ListFunctionsByCodeSigningConfig", **about)
    assert [arn.rpartition(":")[2] for arn in users["FunctionArns"]] == ["f", "g"]
    assert (await refused(platform, "DeleteCodeSigningConfig", **about))[
        0
    ] == "ResourceConflictException"
    for name in ("f", "g"):
        await platform("lambda", "DeleteFunctionCodeSigningConfig", FunctionName=name)
    found = await platform("lambda", "GetFunctionCodeSigningConfig", FunctionName="f")
    assert found == {"FunctionName": "f"}
    await platform("lambda", "DeleteCodeSigningConfig", **about)


async def test_a_configuration_that_is_not_there(platform: MemoryPlatform) -> None:
    about = {"CodeSigningConfigArn": MISSING}
    with pytest.raises(ServiceError, match="cannot be found"):
        await add_function(platform, "f", "app.echo", **about)
    await add_function(platform, "f", "app.echo")
    assert (await refused(platform, "PutFunctionCodeSigningConfig", FunctionName="f", **about))[
        0
    ] == "CodeSigningConfigNotFoundException"


async def test_a_stack_gives_and_takes_them(platform: MemoryPlatform) -> None:
    signing = {
        "Type": "AWS::Lambda::CodeSigningConfig",
        "Properties": {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}},
    }
    function = {
        "FunctionName": "f",
        "Role": f"arn:aws:iam::000000000000:role/{ROLE}",
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "Code": {"ZipFile": "def handler(event, context): return 1"},
    }
    signed = {**function, "CodeSigningConfigArn": {"Ref": "Signing"}}
    for operation, properties in (("CreateStack", signed), ("UpdateStack", function)):
        resources = {
            "Signing": signing,
            "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
        }
        body = json.dumps({"Resources": resources})
        await platform("cloudformation", operation, StackName="st", TemplateBody=body)
        await platform.clock.advance(10_000)
        found = await platform("lambda", "GetFunctionCodeSigningConfig", FunctionName="f")
        assert ("CodeSigningConfigArn" in found) == (operation == "CreateStack")
