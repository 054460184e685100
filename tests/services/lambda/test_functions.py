"""Functions: creation, reading, change, deletion, and every refusal in AWS's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import InstanceSpec
from pileus.services.lambda_.code_sweep import GRACE_S
from pileus.testing.compute import ROLE, ScriptedCompute, add_function, package
from pileus.testing.platform import MemoryPlatform

from .conftest import Recorder, refused

PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:"
ROLE_ARN = f"arn:aws:iam::000000000000:role/{ROLE}"


async def test_created_function_is_shown_with_aws_defaults(platform: MemoryPlatform) -> None:
    made = await add_function(platform, "f", "app.echo")
    shown = {name: made[name] for name in ("FunctionName", "FunctionArn", "Version", "State")}
    assert shown == {
        "FunctionName": "f",
        "FunctionArn": PREFIX + "f",
        "Version": "$LATEST",
        "State": "Active",
    }
    assert (made["Timeout"], made["MemorySize"], made["EphemeralStorage"]) == (
        3,
        128,
        {"Size": 512},
    )
    assert made["LastModified"].endswith("+0000")
    assert "Environment" not in made and "DeadLetterConfig" not in made
    assert await platform("lambda", "GetFunctionConfiguration", FunctionName="f") == made


@pytest.mark.parametrize(
    "name",
    ["f", "function:f", "000000000000:function:f", PREFIX + "f", PREFIX + "f:$LATEST", "f:$LATEST"],
)
async def test_function_answers_to_every_form_of_its_name(
    platform: MemoryPlatform, name: str
) -> None:
    await add_function(platform, "f", "app.echo")
    found = await platform("lambda", "GetFunctionConfiguration", FunctionName=name)
    assert found["FunctionName"] == "f"


REFUSED_CREATIONS: list[tuple[dict[str, Any], tuple[str, int, str]]] = [
    (
        {"FunctionName": "f"},
        ("ResourceConflictException", 409, "Function already exist: f"),
    ),
    (
        {"Handler": None},
        (
            "InvalidParameterValueException",
            400,
            "Runtime and Handler are mandatory parameters for functions created with deployment "
            "packages.",
        ),
    ),
    (
        {"Role": "arn:aws:iam::000000000000:role/none"},
        (
            "InvalidParameterValueException",
            400,
            "The role defined for the function cannot be assumed by Lambda.",
        ),
    ),
    (
        {"Code": {"ZipFile": b"no zip"}},
        (
            "InvalidParameterValueException",
            400,
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
    ),
    (
        {"Code": {"ZipFile": b""}},
        ("InvalidParameterValueException", 400, "Uploaded file must be a non-empty zip"),
    ),
    (
        {"Code": {}},
        (
            "InvalidParameterValueException",
            400,
            "Please provide a source for function code.",
        ),
    ),
    (
        {"Code": {"ZipFile": bytes(52_428_801)}},
        (
            "RequestEntityTooLargeException",
            413,
            "Request must be smaller than 70167211 bytes for the CreateFunction operation",
        ),
    ),
    (
        {"Code": {"S3Bucket": "none-there", "S3Key": "k"}},
        (
            "InvalidParameterValueException",
            400,
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The "
            "specified bucket does not exist",
        ),
    ),
    (
        {"Environment": {"Variables": {"AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}}},
        (
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            "for modification. Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT",
        ),
    ),
    (
        {"Environment": {"Variables": {"KEY": "x" * 4096}}},
        (
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: "
            + json.dumps({"KEY": "x" * 4096}, separators=(",", ":")),
        ),
    ),
    (
        {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:none:1"]},
        (
            "InvalidParameterValueException",
            400,
            "Layer version arn:aws:lambda:us-east-1:000000000000:layer:none:1 does not exist.",
        ),
    ),
    (
        {"Layers": [f"arn:aws:lambda:us-east-1:000000000000:layer:l{n}:1" for n in range(6)]},
        ("InvalidParameterValueException", 400, "Cannot reference more than 5 layers."),
    ),
    (
        {"FunctionName": "n" * 65},
        (
            "ValidationException",
            400,
            f"1 validation error detected: Value '{'n' * 65}' at 'functionName' failed to satisfy "
            "constraint: Member must have length less than or equal to 64",
        ),
    ),
    (
        {"PackageType": "Image"},
        (
            "InvalidParameterValueException",
            400,
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType "
            "is Image.",
        ),
    ),
    (
        {"Runtime": "java21"},
        (
            "InvalidParameterValueException",
            400,
            "Pileus does not run functions of the runtime java21 yet.",
        ),
    ),
]


@pytest.mark.parametrize(("change", "error"), REFUSED_CREATIONS)
async def test_creation_is_refused(
    platform: MemoryPlatform, change: dict[str, Any], error: tuple[str, int, str]
) -> None:
    await add_function(platform, "f", "app.echo")
    given = {
        "FunctionName": "g",
        "Handler": "app.echo",
        "Runtime": "python3.12",
        "Role": ROLE_ARN,
        "Code": {"ZipFile": package({"app.py": ""})},
    }
    assert await refused(platform, "CreateFunction", **{**given, **change}) == error
    assert len((await platform("lambda", "ListFunctions"))["Functions"]) == 1


NOT_FOUND = ("ResourceNotFoundException", 404, f"Function not found: {PREFIX}f")


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("GetFunction", {}),
        ("GetFunctionConfiguration", {}),
        ("DeleteFunction", {}),
        ("UpdateFunctionCode", {"ZipFile": package({"app.py": ""})}),
        ("UpdateFunctionConfiguration", {"Timeout": 5}),
        ("PublishVersion", {}),
        ("ListVersionsByFunction", {}),
        ("ListAliases", {}),
        ("Invoke", {}),
        (
            "AddPermission",
            {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
        ),
        ("GetPolicy", {}),
        ("PutFunctionConcurrency", {"ReservedConcurrentExecutions": 1}),
        ("GetFunctionConcurrency", {}),
        ("DeleteFunctionConcurrency", {}),
    ],
)
async def test_what_is_not_there_is_told(
    platform: MemoryPlatform, operation: str, given: dict[str, Any]
) -> None:
    assert await refused(platform, operation, FunctionName="f", **given) == NOT_FOUND


async def test_qualifier_that_is_not_there_is_told_with_its_arn(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    for qualifier in ("7", "gone"):
        error = await refused(platform, "GetFunction", FunctionName="f", Qualifier=qualifier)
        told = f"Function not found: {PREFIX}f:{qualifier}"
        assert error == ("ResourceNotFoundException", 404, told)
        assert await refused(platform, "Invoke", FunctionName=f"f:{qualifier}") == error


async def test_two_different_qualifiers_are_refused(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    code, status, message = await refused(
        platform, "GetFunction", FunctionName="f:1", Qualifier="2"
    )
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


async def test_configuration_changes_what_it_names(platform: MemoryPlatform) -> None:
    made = await add_function(
        platform, "f", "app.echo", Environment={"Variables": {"KEY": "1"}}, Description="old"
    )
    changed = await platform(
        "lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=30, MemorySize=512
    )
    assert (changed["Timeout"], changed["MemorySize"]) == (30, 512)
    assert changed["Environment"] == {"Variables": {"KEY": "1"}}
    assert changed["Description"] == "old"
    assert changed["RevisionId"] != made["RevisionId"]


async def test_wrong_revision_changes_nothing(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    told = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/"
        "GetAlias API to retrieve the latest Revision Id",
    )
    for operation, given in (
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("UpdateFunctionCode", {"ZipFile": package({"app.py": "new"})}),
        ("PublishVersion", {}),
    ):
        error = await refused(platform, operation, FunctionName="f", RevisionId="x", **given)
        assert error == told
    shown = await platform("lambda", "GetFunctionConfiguration", FunctionName="f")
    assert shown["Timeout"] == 3


async def test_dry_run_of_new_code_changes_nothing(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    made = await add_function(platform, "f", "app.echo")
    given = {"FunctionName": "f", "ZipFile": package({"app.py": "new"}), "DryRun": True}
    shown = await platform("lambda", "UpdateFunctionCode", **given)
    assert shown["CodeSha256"] != made["CodeSha256"]
    assert await platform("lambda", "GetFunctionConfiguration", FunctionName="f") == made


async def test_calls_under_way_finish_on_the_old_code(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.slow", Timeout=10)
    work = platform.kernel.invoke(platform.context, "lambda", "Invoke", {"FunctionName": "f"})
    task = platform.kernel.supervisor.spawn("test", work)
    await platform.clock.advance(1000)
    await platform(
        "lambda", "UpdateFunctionCode", FunctionName="f", ZipFile=package({"app.py": "new"})
    )
    await platform.clock.advance(2000)
    assert task.result().output["Payload"] == b'"slow"'
    assert compute.nodes.running_count == 0, "the old instance ends with its call"
    await platform("lambda", "Invoke", FunctionName="f")
    folders = {link.spec.code_dir for link in compute.nodes.links}
    assert len(folders) == 2


async def test_functions_are_listed_in_pages(platform: MemoryPlatform) -> None:
    for name in "abc":
        await add_function(platform, name, "app.echo")
    first = await platform("lambda", "ListFunctions", MaxItems=2)
    assert [f["FunctionName"] for f in first["Functions"]] == ["a", "b"]
    rest = await platform("lambda", "ListFunctions", Marker=first["NextMarker"])
    assert [f["FunctionName"] for f in rest["Functions"]] == ["c"] and "NextMarker" not in rest
    await platform("lambda", "PublishVersion", FunctionName="a")
    every = await platform("lambda", "ListFunctions", FunctionVersion="ALL")
    assert [f["FunctionArn"] for f in every["Functions"]][:2] == [PREFIX + "a", PREFIX + "a:1"]
    code, _, _ = await refused(platform, "ListFunctions", Marker="?")
    assert code == "InvalidParameterValueException"


async def test_account_settings_count_functions_and_reservations(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=100
    )
    settings = await platform("lambda", "GetAccountSettings")
    assert settings["AccountUsage"]["FunctionCount"] == 1
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 900


async def test_tags_come_and_go(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo", Tags={"a": "1"})
    arn = PREFIX + "f"
    await platform("lambda", "TagResource", Resource=arn, Tags={"b": "2"})
    await platform("lambda", "UntagResource", Resource=arn, TagKeys=["a"])
    assert await platform("lambda", "ListTags", Resource=arn) == {"Tags": {"b": "2"}}
    assert (await platform("lambda", "GetFunction", FunctionName="f"))["Tags"] == {"b": "2"}
    code, _, _ = await refused(platform, "ListTags", Resource=arn + ":1")
    assert code == "InvalidParameterValueException"
    many = {str(number): "" for number in range(50)}
    code, _, message = await refused(platform, "TagResource", Resource=arn, Tags=many)
    assert message == "Number of tags exceeds resource tag limit of 50."


async def test_deletion_ends_instances_and_gives_reserved_concurrency_back(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=900
    )
    await platform("lambda", "Invoke", FunctionName="f")
    assert compute.nodes.running_count == 1
    await platform("lambda", "DeleteFunction", FunctionName="f")
    assert compute.nodes.running_count == 0
    assert await refused(platform, "GetFunction", FunctionName="f", Qualifier="1") == (
        "ResourceNotFoundException",
        404,
        f"Function not found: {PREFIX}f:1",
    )
    await add_function(platform, "g", "app.echo")
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="g", ReservedConcurrentExecutions=900
    )


async def test_operations_that_are_not_built_are_told_by_name(platform: MemoryPlatform) -> None:
    code, status, message = await refused(platform, "ListCapacityProviders")
    assert (code, status) == ("NotImplemented", 501) and "ListCapacityProviders" in message


# -- packages ----------------------------------------------------------------------------------


async def _blobs(platform: MemoryPlatform) -> int:
    return len(await platform.kernel.blobs.list("000000000000/us-east-1/lambda/code/"))


async def _sweep(platform: MemoryPlatform) -> None:
    await platform.clock.advance(2 * GRACE_S * 1000 + 1)


async def test_packages_that_nobody_uses_are_swept(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform(
        "lambda", "UpdateFunctionCode", FunctionName="f", ZipFile=package({"app.py": "new"})
    )
    assert await _blobs(platform) == 2
    await _sweep(platform)
    assert await _blobs(platform) == 2, "the version keeps the old package"
    await platform("lambda", "DeleteFunction", FunctionName="f", Qualifier="1")
    await _sweep(platform)
    assert await _blobs(platform) == 1
    await platform("lambda", "Invoke", FunctionName="f")
    await platform("lambda", "DeleteFunction", FunctionName="f")
    await _sweep(platform)
    assert await _blobs(platform) == 0


def _source(spec: InstanceSpec) -> str:
    return Path(spec.code_dir, "app.py").read_text()


async def test_a_function_is_made_ready_for_its_first_call(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.echo", Code={"ZipFile": package({"app.py": "1"})})
    await platform.clock.advance(1)
    new = package({"app.py": "2"})
    await platform("lambda", "UpdateFunctionCode", FunctionName="f", ZipFile=new)
    await platform.clock.advance(1)
    assert [_source(spec) for spec in compute.nodes.prepared] == ["1", "2"]
    assert compute.nodes.links == []


async def test_package_of_a_failed_creation_is_swept(platform: MemoryPlatform) -> None:
    # The S3 room is asked after the name was found free, so the transaction itself must fail.
    given = {
        "FunctionName": "f",
        "Handler": "app.echo",
        "Runtime": "python3.12",
        "Role": ROLE_ARN,
        "Code": {"ZipFile": package({"app.py": ""})},
    }
    both = [
        platform.kernel.supervisor.spawn(
            "test", platform.kernel.invoke(platform.context, "lambda", "CreateFunction", given)
        )
        for _ in range(2)
    ]
    await platform.clock.advance(1)
    codes = [getattr(task.exception(), "code", "made") for task in both]
    assert sorted(codes) == ["ResourceConflictException", "made"]
    assert await _blobs(platform) == 2
    await _sweep(platform)
    assert await _blobs(platform) == 1


async def test_what_a_crash_left_is_swept_by_the_next_life(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "DeleteFunction", FunctionName="f", Qualifier="1")
    await platform.kernel.blobs.put("000000000000/us-east-1/lambda/code/stray", b"x")
    again = await platform.restart()
    await _sweep(again)
    assert await _blobs(again) == 1
    await again.crash()


async def test_equal_packages_of_two_functions_do_not_fall_together(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    code = {"ZipFile": package({"app.py": "same"})}
    for name in "ab":
        await add_function(platform, name, "app.echo", Code=code)
        await platform("lambda", "Invoke", FunctionName=name)
    await platform("lambda", "DeleteFunction", FunctionName="a")
    await _sweep(platform)
    await platform("lambda", "Invoke", FunctionName="b", Payload=b"1")
    assert await _blobs(platform) == 1


async def test_package_comes_from_s3(platform: MemoryPlatform, recorder: Recorder) -> None:
    await platform("s3", "CreateBucket", Bucket="packages")
    data = package({"app.py": "from s3"})
    await platform("s3", "PutObject", body=data, Bucket="packages", Key="f.zip")
    made = await add_function(
        platform, "f", "app.echo", Code={"S3Bucket": "packages", "S3Key": "f.zip"}
    )
    assert made["CodeSize"] == len(data)
    await platform("lambda", "Invoke", FunctionName="f", Payload=b"1")
    assert recorder.events == [1]
