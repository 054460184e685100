"""Parameter Store through its operations."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import iso8601


async def put(platform: MemoryPlatform, name: str, value: str = "v", **more: Any) -> dict[str, Any]:
    return await platform(
        "ssm", "PutParameter", **{"Name": name, "Value": value, "Type": "String", **more}
    )


async def value(platform: MemoryPlatform, name: str, **more: Any) -> str:
    reply = await platform("ssm", "GetParameter", Name=name, **more)
    return str(reply["Parameter"]["Value"])


async def test_a_parameter_is_read_back(memory_platform: MemoryPlatform) -> None:
    assert await put(memory_platform, "/app/a", "one") == {"Version": 1, "Tier": "Standard"}
    found = (await memory_platform("ssm", "GetParameter", Name="/app/a"))["Parameter"]
    assert found["Value"] == "one"
    assert found["ARN"] == "arn:aws:ssm:us-east-1:000000000000:parameter/app/a"
    assert found["DataType"] == "text"
    assert await value(memory_platform, found["ARN"]) == "one"


async def test_versions_and_labels_select(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "p", "one")
    await put(memory_platform, "p", "two", Overwrite=True)
    await memory_platform(
        "ssm", "LabelParameterVersion", Name="p", ParameterVersion=1, Labels=["stable"]
    )
    assert await value(memory_platform, "p:1") == "one"
    assert await value(memory_platform, "p:stable") == "one"
    reply = await memory_platform("ssm", "GetParameter", Name="p:stable")
    assert reply["Parameter"]["Selector"] == ":stable"
    answer = await memory_platform(
        "ssm", "LabelParameterVersion", Name="p", Labels=["stable", "9no", "aws-x"]
    )
    assert answer == {"InvalidLabels": ["9no", "aws-x"], "ParameterVersion": 2}
    assert await value(memory_platform, "p:stable") == "two"
    history = (await memory_platform("ssm", "GetParameterHistory", Name="p"))["Parameters"]
    assert [(v["Version"], v["Value"], v["Labels"]) for v in history] == [
        (1, "one", []),
        (2, "two", ["stable"]),
    ]
    gone = await memory_platform(
        "ssm", "UnlabelParameterVersion", Name="p", ParameterVersion=2, Labels=["stable", "x"]
    )
    assert gone == {"RemovedLabels": ["stable"], "InvalidLabels": ["x"]}


async def test_a_secure_string_is_sealed(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "/s", "hunter2", Type="SecureString")
    assert await value(memory_platform, "/s", WithDecryption=True) == "hunter2"
    assert "hunter2" not in await value(memory_platform, "/s")
    assert not any(b"hunter2" in raw for raw in memory_platform.disks.state.values.values())
    described = await memory_platform("ssm", "DescribeParameters")
    assert described["Parameters"][0]["KeyId"] == "alias/aws/ssm"


async def test_pages_by_path(memory_platform: MemoryPlatform) -> None:
    for name in ("/app/a", "/app/b/c", "/app/b/d", "/apple", "/app/e", "root"):
        await put(memory_platform, name)
    ask = {"Path": "/app", "Recursive": True, "MaxResults": 2}
    first = await memory_platform("ssm", "GetParametersByPath", **ask)
    second = await memory_platform(
        "ssm", "GetParametersByPath", **ask, NextToken=first["NextToken"]
    )
    names = [p["Name"] for p in first["Parameters"] + second["Parameters"]]
    assert names == ["/app/a", "/app/b/c", "/app/b/d", "/app/e"]
    assert "NextToken" not in second
    level = await memory_platform("ssm", "GetParametersByPath", Path="/app/")
    assert [p["Name"] for p in level["Parameters"]] == ["/app/a", "/app/e"]
    root = await memory_platform("ssm", "GetParametersByPath", Path="/")
    assert [p["Name"] for p in root["Parameters"]] == ["/apple", "root"]


async def test_get_and_delete_many(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "a")
    await put(memory_platform, "b")
    found = await memory_platform("ssm", "GetParameters", Names=["b", "x", "a", "a:7"])
    assert [p["Name"] for p in found["Parameters"]] == ["b", "a"]
    assert found["InvalidParameters"] == ["x", "a:7"]
    gone = await memory_platform("ssm", "DeleteParameters", Names=["a", "x"])
    assert gone == {"DeletedParameters": ["a"], "InvalidParameters": ["x"]}


async def test_filters(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "/one", Tags=[{"Key": "team", "Value": "a"}])
    await put(memory_platform, "/two/deep", "x,y", Type="StringList")
    await put(memory_platform, "three", Type="SecureString")

    async def names(*filters: dict[str, Any]) -> list[str]:
        reply = await memory_platform("ssm", "DescribeParameters", ParameterFilters=list(filters))
        return [p["Name"] for p in reply["Parameters"]]

    assert await names({"Key": "Type", "Values": ["StringList"]}) == ["/two/deep"]
    assert await names({"Key": "Name", "Option": "Contains", "Values": ["e"]}) == [
        "/one",
        "/two/deep",
        "three",
    ]
    assert await names({"Key": "Path", "Option": "Recursive", "Values": ["/two"]}) == ["/two/deep"]
    assert await names({"Key": "tag:team", "Values": ["a"]}) == ["/one"]
    assert await names({"Key": "KeyId", "Values": ["alias/aws/ssm"]}) == ["three"]


async def test_tags(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "p", Tags=[{"Key": "a", "Value": "1"}])
    about = {"ResourceType": "Parameter", "ResourceId": "p"}
    await memory_platform("ssm", "AddTagsToResource", **about, Tags=[{"Key": "b", "Value": "2"}])
    await memory_platform("ssm", "RemoveTagsFromResource", **about, TagKeys=["a"])
    tags = await memory_platform("ssm", "ListTagsForResource", **about)
    assert tags == {"TagList": [{"Key": "b", "Value": "2"}]}


async def test_only_a_hundred_versions_are_kept(memory_platform: MemoryPlatform) -> None:
    for number in range(101):
        await put(memory_platform, "p", str(number), Overwrite=True)
    reply = await memory_platform("ssm", "GetParameterHistory", Name="p", MaxResults=1)
    assert reply["Parameters"][0]["Version"] == 2
    await memory_platform(
        "ssm", "LabelParameterVersion", Name="p", ParameterVersion=2, Labels=["x"]
    )
    with pytest.raises(ServiceError, match="ParameterMaxVersionLimitExceeded"):
        await put(memory_platform, "p", Overwrite=True)


async def test_an_expired_parameter_goes(memory_platform: MemoryPlatform) -> None:
    at = memory_platform.clock.now_ms() + 60_000
    policy = (
        f'[{{"Type":"Expiration","Version":"1.0","Attributes":{{"Timestamp":"{iso8601(at)}"}}}}]'
    )
    reply = await put(memory_platform, "p", Tier="Intelligent-Tiering", Policies=policy)
    assert reply["Tier"] == "Advanced"
    await memory_platform.clock.advance(61_000)
    with pytest.raises(ServiceError, match="ParameterNotFound"):
        await value(memory_platform, "p")


async def test_tiers(memory_platform: MemoryPlatform) -> None:
    large = "x" * 4097
    with pytest.raises(ServiceError, match="maximum parameter value of 4096"):
        await put(memory_platform, "p", large)
    reply = await put(memory_platform, "p", large, Tier="Intelligent-Tiering")
    assert reply["Tier"] == "Advanced"
    with pytest.raises(ServiceError, match="You can't downgrade"):
        await put(memory_platform, "p", "x", Tier="Standard", Overwrite=True)
    with pytest.raises(ServiceError, match="maximum parameter value of 8192"):
        await put(memory_platform, "q", "x" * 8193, Tier="Advanced")


ERRORS: list[tuple[str, dict[str, Any], str, str]] = [
    ("GetParameter", {"Name": "nope"}, "ParameterNotFound", ""),
    ("GetParameter", {"Name": "p:9"}, "ParameterVersionNotFound", "could not find version 9 of p."),
    ("GetParameter", {"Name": "p:x"}, "ParameterVersionNotFound", "could not find label x for"),
    ("PutParameter", {"Name": "p", "Value": "v"}, "ParameterAlreadyExists", "set the overwrite"),
    ("PutParameter", {"Name": "n", "Value": "v"}, "ValidationException", "type is required"),
    (
        "PutParameter",
        {"Name": "n", "Value": "", "Type": "String"},
        "ValidationException",
        "Value '' at 'value'",
    ),
    (
        "PutParameter",
        {"Name": "p", "Value": "v", "Type": "SecureString", "Overwrite": True},
        "HierarchyTypeMismatchException",
        "doesn't support changing",
    ),
    (
        "PutParameter",
        {"Name": "n", "Value": "v", "Type": "String", "AllowedPattern": "^[0-9]+$"},
        "ParameterPatternMismatchException",
        "cannot be validated against allowedPattern: ^[0-9]+$",
    ),
    (
        "PutParameter",
        {"Name": "/" + "/".join("x" * 16), "Value": "v", "Type": "String"},
        "HierarchyLevelLimitExceededException",
        "maximum of 15 levels",
    ),
    ("PutParameter", {"Name": "a/b", "Value": "v", "Type": "String"}, "ValidationException", "fully qualified"),
    ("PutParameter", {"Name": "/aws/x", "Value": "v", "Type": "String"}, "AccessDeniedException", "No access to reserved parameter name: /aws/x."),
    ("PutParameter", {"Name": "ssmx", "Value": "v", "Type": "String"}, "ValidationException", 'prefixed with "aws" or "ssm"'),
    ("PutParameter", {"Name": "a b", "Value": "v", "Type": "String"}, "ValidationException", ".-_"),
    (
        "PutParameter",
        {"Name": "p", "Value": "v", "Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]},
        "ValidationException",
        "tags and overwrite can't be used together",
    ),
    ("PutParameter", {"Name": "n", "Value": "v", "Type": "Blob"}, "ValidationException", "enum value set"),
    ("DeleteParameter", {"Name": "nope"}, "ParameterNotFound", ""),
    ("GetParametersByPath", {"Path": "app"}, "ValidationException", "/get/parameters2-/by1./path0_."),
    ("GetParametersByPath", {"Path": "/", "NextToken": "%"}, "InvalidNextToken", ""),
    ("GetParametersByPath", {"Path": "/", "MaxResults": 11}, "ValidationException", "less than or equal to 10"),
    (
        "DescribeParameters",
        {"ParameterFilters": [{"Key": "Label", "Values": ["x"]}]},
        "InvalidFilterKey",
        "The following filter key is not valid: Label.",
    ),
    (
        "DescribeParameters",
        {"ParameterFilters": [{"Key": "Type", "Values": ["x"]}]},
        "InvalidFilterValue",
        "Valid values include: [String, StringList, SecureString].",
    ),
    (
        "DescribeParameters",
        {"ParameterFilters": [{"Key": "Name"}]},
        "InvalidFilterValue",
        "missing : null for filter key Name.",
    ),
    (
        "ListTagsForResource",
        {"ResourceType": "Parameter", "ResourceId": "nope"},
        "InvalidResourceId",
        "",
    ),
    ("GetInventory", {}, "NotImplemented", "ssm:GetInventory"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "request_", "code", "words"), ERRORS)
async def test_errors(
    memory_platform: MemoryPlatform,
    operation: str,
    request_: dict[str, Any],
    code: str,
    words: str,
) -> None:
    await put(memory_platform, "p")
    with pytest.raises(ServiceError) as caught:
        await memory_platform("ssm", operation, **request_)
    assert caught.value.code == code
    assert words in caught.value.message


async def test_an_overwrite_keeps_what_it_does_not_name(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, "p", "one", Description="told", AllowedPattern="[a-z]+")
    await put(memory_platform, "p", "two", Overwrite=True)
    [found] = (await memory_platform("ssm", "DescribeParameters"))["Parameters"]
    assert (found["Description"], found["AllowedPattern"]) == ("told", "[a-z]+")
    await put(memory_platform, "p", "three", Overwrite=True, Description="")
    [found] = (await memory_platform("ssm", "DescribeParameters"))["Parameters"]
    assert not found.get("Description")


async def test_a_value_names_no_other_parameter(memory_platform: MemoryPlatform) -> None:
    with pytest.raises(ServiceError, match="can't nest another parameter") as caught:
        await put(memory_platform, "p", "a {{ssm:other}} b")
    assert caught.value.code == "ValidationException"
