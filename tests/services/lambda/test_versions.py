"""Versions, aliases, layers, resource policies, and settings of asynchronous invocation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function, package
from pileus.testing.platform import MemoryPlatform

from .conftest import add_queue, refused

PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:"
LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:"
INVALID, GONE, CONFLICT = (
    ("InvalidParameterValueException", 400),
    ("ResourceNotFoundException", 404),
    ("ResourceConflictException", 409),
)


async def _two_versions(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    await platform("lambda", "PublishVersion", FunctionName="f", Description="second")


async def test_publishing_twice_gives_one_version(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    first = await platform("lambda", "PublishVersion", FunctionName="f")
    assert (first["Version"], first["FunctionArn"]) == ("1", PREFIX + "f:1")
    again = await platform("lambda", "PublishVersion", FunctionName="f")
    assert again["Version"] == "1"
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert (await platform("lambda", "PublishVersion", FunctionName="f"))["Version"] == "2"


async def test_numbers_are_never_given_twice(platform: MemoryPlatform) -> None:
    await _two_versions(platform)
    await platform("lambda", "DeleteFunction", FunctionName="f", Qualifier="2")
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=5)
    assert (await platform("lambda", "PublishVersion", FunctionName="f"))["Version"] == "3"
    listed = await platform("lambda", "ListVersionsByFunction", FunctionName="f")
    assert [v["Version"] for v in listed["Versions"]] == ["$LATEST", "1", "3"]
    assert listed["Versions"][0]["FunctionArn"] == PREFIX + "f:$LATEST"


async def test_publishing_checks_the_code(platform: MemoryPlatform) -> None:
    made = await add_function(platform, "f", "app.echo")
    code, status, message = await refused(
        platform, "PublishVersion", FunctionName="f", CodeSha256="x"
    )
    assert (code, status) == INVALID
    assert message == (
        f"CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({made['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )


async def test_creation_may_publish(platform: MemoryPlatform) -> None:
    made = await add_function(platform, "f", "app.echo", Publish=True)
    assert made["Version"] == "1"


async def test_version_deletions_are_refused(platform: MemoryPlatform) -> None:
    await _two_versions(platform)
    await platform("lambda", "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    for qualifier, told in (
        ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
        ("live", "Deletion of aliases is not currently supported."),
    ):
        error = await refused(platform, "DeleteFunction", FunctionName="f", Qualifier=qualifier)
        assert error == (*INVALID, told)
    assert await refused(platform, "DeleteFunction", FunctionName="f", Qualifier="1") == (
        *CONFLICT,
        "Unable to delete version because the following aliases reference it: [live]",
    )


# -- aliases -----------------------------------------------------------------------------------


async def test_alias_is_made_changed_listed_and_deleted(platform: MemoryPlatform) -> None:
    await _two_versions(platform)
    alias = {"FunctionName": "f", "Name": "live"}
    made = await platform("lambda", "CreateAlias", FunctionVersion="1", Description="d", **alias)
    assert made["AliasArn"] == PREFIX + "f:live" and made["FunctionVersion"] == "1"
    assert await platform("lambda", "GetAlias", **alias) == made
    changed = await platform("lambda", "UpdateAlias", FunctionVersion="2", **alias)
    assert (changed["FunctionVersion"], changed["Description"]) == ("2", "d")
    assert changed["RevisionId"] != made["RevisionId"]
    code, status, _ = await refused(platform, "UpdateAlias", RevisionId="x", **alias)
    assert (code, status) == ("PreconditionFailedException", 412)
    listed = await platform("lambda", "ListAliases", FunctionName="f", FunctionVersion="1")
    assert listed["Aliases"] == []
    await platform("lambda", "DeleteAlias", **alias)
    await platform("lambda", "DeleteAlias", **alias)
    assert await refused(platform, "GetAlias", **alias) == (
        *GONE,
        f"Cannot find alias arn: {PREFIX}f:live",
    )


ROUTED: list[tuple[dict[str, Any], tuple[str, int, str]]] = [
    ({"FunctionVersion": "7"}, (*GONE, f"Function not found: {PREFIX}f:7")),
    (
        {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
        (
            *INVALID,
            "Invalid function version 1. Function version 1 is already included in routing "
            "configuration.",
        ),
    ),
    (
        {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
        (*INVALID, "$LATEST is not supported for an alias pointing to more than 1 version"),
    ),
    (
        {
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}},
        },
        (*INVALID, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
    ),
    (
        {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"9": 0.1}}},
        (*GONE, f"Function not found: {PREFIX}f:9"),
    ),
]


@pytest.mark.parametrize(("given", "error"), ROUTED)
async def test_alias_must_name_versions_that_fit(
    platform: MemoryPlatform, given: dict[str, Any], error: tuple[str, int, str]
) -> None:
    await _two_versions(platform)
    assert await refused(platform, "CreateAlias", FunctionName="f", Name="a", **given) == error


async def test_alias_is_made_once(platform: MemoryPlatform) -> None:
    await _two_versions(platform)
    alias = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}
    await platform("lambda", "CreateAlias", **alias)
    assert await refused(platform, "CreateAlias", **alias) == (
        *CONFLICT,
        f"Alias already exists: {PREFIX}f:live",
    )


async def test_routing_is_lifted_by_an_empty_one(platform: MemoryPlatform) -> None:
    await _two_versions(platform)
    alias = {"FunctionName": "f", "Name": "live"}
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    made = await platform(
        "lambda", "CreateAlias", FunctionVersion="1", RoutingConfig=routing, **alias
    )
    assert made["RoutingConfig"] == routing
    kept = await platform("lambda", "UpdateAlias", Description="x", **alias)
    assert kept["RoutingConfig"] == routing
    lifted = await platform("lambda", "UpdateAlias", RoutingConfig={}, **alias)
    assert "RoutingConfig" not in lifted


# -- layers ------------------------------------------------------------------------------------


async def _publish(platform: MemoryPlatform, name: str = "l", **more: Any) -> dict[str, Any]:
    content = {"ZipFile": package({"python/l.py": ""})}
    return await platform("lambda", "PublishLayerVersion", LayerName=name, Content=content, **more)


async def test_layer_versions_are_counted_for_ever(platform: MemoryPlatform) -> None:
    first = await _publish(platform, CompatibleRuntimes=["python3.12"], LicenseInfo="MIT")
    assert (first["LayerArn"], first["LayerVersionArn"]) == (LAYER + "l", LAYER + "l:1")
    assert first["CompatibleRuntimes"] == ["python3.12"] and first["LicenseInfo"] == "MIT"
    assert first["Content"]["CodeSize"] > 0
    await _publish(platform)
    await platform("lambda", "DeleteLayerVersion", LayerName="l", VersionNumber=2)
    await platform("lambda", "DeleteLayerVersion", LayerName="l", VersionNumber=2)
    assert (await _publish(platform))["Version"] == 3
    listed = await platform("lambda", "ListLayerVersions", LayerName="l")
    assert [v["Version"] for v in listed["LayerVersions"]] == [3, 1]
    layers = (await platform("lambda", "ListLayers"))["Layers"]
    assert [layer["LatestMatchingVersion"]["Version"] for layer in layers] == [3]


async def test_layer_is_found_by_number_and_by_arn(platform: MemoryPlatform) -> None:
    await _publish(platform)
    one = await platform("lambda", "GetLayerVersion", LayerName="l", VersionNumber=1)
    assert await platform("lambda", "GetLayerVersionByArn", Arn=LAYER + "l:1") == one
    assert await refused(platform, "GetLayerVersion", LayerName="l", VersionNumber=2) == (
        *GONE,
        "The resource you requested does not exist.",
    )


async def test_two_versions_of_one_layer_are_refused(platform: MemoryPlatform) -> None:
    await _publish(platform)
    await _publish(platform)
    await add_function(platform, "f", "app.echo")
    arns = [LAYER + "l:1", LAYER + "l:2"]
    error = await refused(platform, "UpdateFunctionConfiguration", FunctionName="f", Layers=arns)
    assert error == (
        *INVALID,
        "Two different versions of the same layer are not allowed to be referenced in the same "
        f"function. {arns[0]} and {arns[1]} are versions of the same layer.",
    )


async def test_function_keeps_a_deleted_layer(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await _publish(platform)
    await add_function(platform, "f", "app.echo", Layers=[LAYER + "l:1"])
    await platform("lambda", "DeleteLayerVersion", LayerName="l", VersionNumber=1)
    await platform.clock.advance(3_600_000)
    await platform("lambda", "Invoke", FunctionName="f")
    assert compute.nodes.links[0].spec.layers_dir


# -- policies ----------------------------------------------------------------------------------


def _permission(sid: str = "s", **more: Any) -> dict[str, Any]:
    return {"FunctionName": "f", "StatementId": sid, "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com", **more}  # fmt: skip


async def test_permission_becomes_a_statement(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    given = _permission(SourceArn="arn:aws:s3:::b", SourceAccount="000000000000")
    output = await platform("lambda", "AddPermission", **given)
    expected = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": PREFIX + "f",
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
        },
    }
    assert json.loads(output["Statement"]) == expected
    policy = await platform("lambda", "GetPolicy", FunctionName="f")
    assert json.loads(policy["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [expected],
    }


async def test_permission_errors(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    remove = {"FunctionName": "f", "StatementId": "none"}
    assert await refused(platform, "RemovePermission", **remove) == (
        *GONE,
        "No policy is associated with the given resource.",
    )
    assert await refused(platform, "GetPolicy", FunctionName="f") == (
        *GONE,
        "The resource you requested does not exist.",
    )
    await platform("lambda", "AddPermission", **_permission())
    assert await refused(platform, "AddPermission", **_permission()) == (
        *CONFLICT,
        "The statement id (s) provided already exists. Please provide a new statement id, or "
        "remove the existing statement.",
    )
    assert await refused(platform, "RemovePermission", **remove) == (
        *GONE,
        "Statement none is not found in resource policy.",
    )
    assert await refused(platform, "AddPermission", **_permission(Qualifier="$LATEST")) == (
        *INVALID,
        "We currently do not support adding policies for $LATEST.",
    )
    assert await refused(platform, "AddPermission", **_permission(Qualifier="gone")) == (
        *GONE,
        f"Cannot find alias arn: {PREFIX}f:gone",
    )
    await platform("lambda", "RemovePermission", FunctionName="f", StatementId="s")


# -- settings of asynchronous invocation -------------------------------------------------------


async def test_settings_are_put_whole_and_updated_in_part(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    arn = await add_queue(platform, "q")
    config = {"OnFailure": {"Destination": arn}}
    put = await platform(
        "lambda", "PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=0,
        DestinationConfig=config,
    )  # fmt: skip
    assert put["FunctionArn"] == PREFIX + "f:$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, **config}
    assert (put["MaximumRetryAttempts"], "MaximumEventAgeInSeconds" in put) == (0, False)
    changed = await platform(
        "lambda", "UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=60
    )
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (0, 60)
    again = await platform(
        "lambda", "PutFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=60
    )
    assert "MaximumRetryAttempts" not in again
    listed = await platform("lambda", "ListFunctionEventInvokeConfigs", FunctionName="f")
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    await platform("lambda", "DeleteFunctionEventInvokeConfig", FunctionName="f")
    for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
        assert await refused(platform, operation, FunctionName="f") == (
            *GONE,
            f"The function {PREFIX}f:$LATEST doesn't have an EventInvokeConfig",
        )


DESTINATIONS = [
    (PREFIX + "f", "You can't specify the function as a destination for itself."),
    (PREFIX + "none", f"The destination ARN {PREFIX}none is invalid."),
    (
        "arn:aws:dynamodb:us-east-1:000000000000:table/t",
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
        "arn:aws:dynamodb:us-east-1:000000000000:table/t), onFailure=null) is invalid.",
    ),
    (
        "arn:aws:s3:::bucket",
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
        "arn:aws:s3:::bucket), onFailure=null) is invalid.",
    ),
]


@pytest.mark.parametrize(("arn", "told"), DESTINATIONS)
async def test_destinations_must_fit(platform: MemoryPlatform, arn: str, told: str) -> None:
    await add_function(platform, "f", "app.echo")
    error = await refused(
        platform, "PutFunctionEventInvokeConfig", FunctionName="f",
        DestinationConfig={"OnSuccess": {"Destination": arn}},
    )  # fmt: skip
    assert error == (*INVALID, told)


async def test_settings_must_say_something_of_something(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    assert await refused(platform, "PutFunctionEventInvokeConfig", FunctionName="f") == (
        *INVALID,
        "You must specify at least one of error handling or destination setting.",
    )
    given = {"MaximumRetryAttempts": 1}
    for name in ("none", "f:gone"):
        error = await refused(platform, "PutFunctionEventInvokeConfig", FunctionName=name, **given)
        assert error == (*GONE, "The function doesn't exist.")
