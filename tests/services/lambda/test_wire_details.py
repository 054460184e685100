"""What Lambda says to the letter, where a client may look at it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import add_function, package
from pileus.testing.platform import MemoryPlatform

from .conftest import refused

PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:"
LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:tools"
INVALID = ("InvalidParameterValueException", 400)
GONE = ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("operation", ["GetFunction", "Invoke", "DeleteFunction", "GetPolicy"])
async def test_functions_that_are_elsewhere(platform: MemoryPlatform, operation: str) -> None:
    await add_function(platform, "f", "app.echo")
    far = "arn:aws:lambda:us-west-2:000000000000:function:f"
    assert await refused(platform, operation, FunctionName=far) == (
        *GONE,
        "Functions from 'us-west-2' are not reachable in this region ('us-east-1')",
    )
    strange = "arn:aws:lambda:us-east-1:111111111111:function:f"
    code, status, message = await refused(platform, operation, FunctionName=strange)
    assert (code, status) == ("AccessDeniedException", 403)
    action = "lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}"
    assert message.endswith(
        f"is not authorized to perform: {action} on resource: {strange} because no resource-based "
        f"policy allows the {action} action"
    )


@pytest.mark.parametrize("name", ["000000000000:function:f", "function:f", "000000000000:f"])
async def test_partial_names(platform: MemoryPlatform, name: str) -> None:
    await add_function(platform, "f", "app.echo")
    found = await platform("lambda", "GetFunctionConfiguration", FunctionName=name)
    assert found["FunctionArn"] == PREFIX + "f"


async def test_a_runtime_that_is_none(platform: MemoryPlatform) -> None:
    code, status, message = await refused(
        platform,
        "CreateFunction",
        FunctionName="f",
        Runtime="python0.0",
        Handler="app.echo",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": package({"app.py": ""})},
    )
    assert (code, status) == INVALID
    assert message.startswith(
        "Value python0.0 at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
        "set: ["
    )
    assert message.endswith("] or be a valid ARN")


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (
            {"2": 2.0},
            "Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have value less than or "
            "equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be "
            "null]",
        ),
        (
            {"$LATEST": 0.5},
            "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map keys must satisfy constraint: [Member must have length less than or "
            "equal to 1024, Member must have length greater than or equal to 1, Member must satisfy "
            "regular expression pattern: [0-9]+, Member must not be null]",
        ),
    ],
)
async def test_weights_that_are_none(
    platform: MemoryPlatform, weights: dict[str, float], told: str
) -> None:
    await add_function(platform, "f", "app.echo")
    assert await refused(
        platform,
        "CreateAlias",
        FunctionName="f",
        Name="a",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": weights},
    ) == ("ValidationException", 400, f"1 validation error detected: {told}")


async def test_an_alias_of_no_function_is_told_with_its_version(platform: MemoryPlatform) -> None:
    given = {"FunctionName": "f", "Name": "a", "FunctionVersion": "1"}
    found = await refused(platform, "CreateAlias", **given)
    assert found == (*GONE, f"Function not found: {PREFIX}f:1")


async def test_an_empty_environment_is_shown_once_given(platform: MemoryPlatform) -> None:
    made = await add_function(platform, "f", "app.echo")
    assert "Environment" not in made
    given = {"FunctionName": "f", "Environment": {"Variables": {}}}
    changed = await platform("lambda", "UpdateFunctionConfiguration", **given)
    assert changed["Environment"] == {"Variables": {}}


async def test_deleting_answers_with_nothing(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    reply = await platform.reply("lambda", "DeleteFunction", FunctionName="f")
    assert reply.status == 204


@pytest.mark.parametrize(
    ("given", "principal", "condition"),
    [
        ({"Principal": "*", "PrincipalOrgID": "o-1234567890"}, "*",
         {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}),
        ({"Principal": "*", "FunctionUrlAuthType": "NONE"}, "*",
         {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}),
        ({"Principal": "111111111111"}, {"AWS": "arn:aws:iam::111111111111:root"}, None),
        ({"Principal": "arn:aws:iam::111111111111:role/r"},
         {"AWS": "arn:aws:iam::111111111111:role/r"}, None),
    ],
)  # fmt: skip
async def test_statements(
    platform: MemoryPlatform, given: dict[str, str], principal: Any, condition: Any
) -> None:
    await add_function(platform, "f", "app.echo")
    told = await platform(
        "lambda",
        "AddPermission",
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        **given,
    )
    statement = json.loads(told["Statement"])
    assert statement["Principal"] == principal
    assert statement.get("Condition") == condition


@pytest.mark.parametrize("principal", ["invalid.nonaws.com", "nobody"])
async def test_a_principal_that_is_none(platform: MemoryPlatform, principal: str) -> None:
    await add_function(platform, "f", "app.echo")
    assert await refused(
        platform,
        "AddPermission",
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=principal,
    ) == (
        *INVALID,
        "The provided principal was invalid. Please check the principal and try again.",
    )


async def test_concurrency_is_the_functions(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    given = {"FunctionName": "f:1", "ReservedConcurrentExecutions": 1}
    code, status, message = await refused(platform, "PutFunctionConcurrency", **given)
    assert (code, status) == INVALID
    assert message.startswith("This operation is permitted on Lambda functions only.")


async def test_tagging_with_nothing(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    assert await refused(platform, "TagResource", Resource=PREFIX + "f", Tags={}) == (
        *INVALID,
        "An error occurred and the request cannot be processed.",
    )


async def test_settings_without_effect(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    shown = await platform("lambda", "GetFunctionRecursionConfig", FunctionName="f")
    assert shown == {"RecursiveLoop": "Terminate"}
    given = {"FunctionName": "f", "RecursiveLoop": "Allow"}
    await platform("lambda", "PutFunctionRecursionConfig", **given)
    shown = await platform("lambda", "GetFunctionRecursionConfig", FunctionName="f")
    assert shown == {"RecursiveLoop": "Allow"}
    shown = await platform("lambda", "GetRuntimeManagementConfig", FunctionName="f")
    assert shown == {"UpdateRuntimeOn": "Auto", "FunctionArn": PREFIX + "f"}
    shown = await platform("lambda", "ListFunctionUrlConfigs", FunctionName="f")
    assert shown == {"FunctionUrlConfigs": []}
    given = {"FunctionName": "f", "Qualifier": "1"}
    assert await refused(platform, "GetProvisionedConcurrencyConfig", **given) == (
        "ProvisionedConcurrencyConfigNotFoundException",
        404,
        "No Provisioned Concurrency Config found for this function",
    )


async def test_who_may_use_a_layer(platform: MemoryPlatform) -> None:
    layer = {"LayerName": "tools", "VersionNumber": 1}
    wanted = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    assert await refused(platform, "AddLayerVersionPermission", **layer, **wanted) == (
        *GONE,
        f"Layer version {LAYER}:1 does not exist.",
    )
    content = {"ZipFile": package({"app.py": ""})}
    await platform("lambda", "PublishLayerVersion", LayerName="tools", Content=content)
    gone = (*GONE, "No policy is associated with the given resource.")
    assert await refused(platform, "GetLayerVersionPolicy", **layer) == gone
    told = await platform("lambda", "AddLayerVersionPermission", **layer, **wanted)
    statement = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": f"{LAYER}:1",
    }
    assert json.loads(told["Statement"]) == statement
    shown = await platform("lambda", "GetLayerVersionPolicy", **layer)
    assert json.loads(shown["Policy"])["Statement"] == [statement]
    assert shown["RevisionId"] == told["RevisionId"]
    code, *_ = await refused(platform, "AddLayerVersionPermission", **layer, **wanted)
    assert code == "ResourceConflictException"
    given = {**layer, "StatementId": "s"}
    await platform("lambda", "RemoveLayerVersionPermission", **given)
    assert await refused(platform, "RemoveLayerVersionPermission", **given) == gone


async def test_a_layer_version_below_one(platform: MemoryPlatform) -> None:
    given = {"LayerName": "tools", "VersionNumber": 0}
    for operation in ("GetLayerVersion", "DeleteLayerVersion"):
        found = await refused(platform, operation, **given)
        assert found == (*INVALID, "Layer Version Cannot be less than 1.")
