"""Secrets Manager through its operations."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

DAY_MS = 24 * 3600 * 1000
TOKENS = [letter * 32 for letter in "abcdef"]


async def call(platform: MemoryPlatform, operation: str, **input: Any) -> dict[str, Any]:
    return await platform("secretsmanager", operation, **input)


async def create(platform: MemoryPlatform, name: str = "s", **more: Any) -> dict[str, Any]:
    given = {"SecretString": "one", "ClientRequestToken": TOKENS[0], **more}
    return await call(platform, "CreateSecret", Name=name, **given)


async def refusal(platform: MemoryPlatform, operation: str, **input: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        await call(platform, operation, **input)
    return caught.value.code, caught.value.message


async def stages(platform: MemoryPlatform, name: str = "s") -> dict[str, list[str]]:
    described = await call(platform, "DescribeSecret", SecretId=name)
    return {key[:1]: sorted(value) for key, value in described["VersionIdsToStages"].items()}


async def test_a_secret_is_read_back_by_name_and_arn(memory_platform: MemoryPlatform) -> None:
    made = await create(memory_platform, "app/db")
    arn = made["ARN"]
    head, _, suffix = arn.rpartition("-")
    assert head == "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db"
    assert len(suffix) == 6
    for secret_id in ("app/db", arn, head):
        found = await call(memory_platform, "GetSecretValue", SecretId=secret_id)
        assert (found["SecretString"], found["VersionId"]) == ("one", TOKENS[0])
        assert found["VersionStages"] == ["AWSCURRENT"]
        assert (found["ARN"], found["Name"]) == (arn, "app/db")
    wrong = head + "-AAAAAA"
    code, message = await refusal(memory_platform, "GetSecretValue", SecretId=wrong)
    assert code == "ResourceNotFoundException"
    assert message == "Secrets Manager can't find the specified secret."


async def test_values_lie_sealed_and_no_observer_sees_them(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform, SecretString="hunter2")
    await call(memory_platform, "PutSecretValue", SecretId="s", SecretBinary=b"hunter2\xff")
    found = await call(memory_platform, "GetSecretValue", SecretId="s")
    assert found["SecretBinary"] == b"hunter2\xff"
    assert "SecretString" not in found
    assert not any(b"hunter2" in raw for raw in memory_platform.disks.state.values.values())
    assert memory_platform.records
    assert "hunter2" not in repr(memory_platform.records)


async def test_labels_move_as_versions_come(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    for token, value in zip(TOKENS[1:3], ("two", "three"), strict=True):
        given = {"SecretId": "s", "SecretString": value, "ClientRequestToken": token}
        put = await call(memory_platform, "PutSecretValue", **given)
        assert put["VersionStages"] == ["AWSCURRENT"]
    assert await stages(memory_platform) == {"b": ["AWSPREVIOUS"], "c": ["AWSCURRENT"]}
    previous = {"SecretId": "s", "VersionStage": "AWSPREVIOUS"}
    old = await call(memory_platform, "GetSecretValue", **previous)
    assert old["SecretString"] == "two"
    listed = await call(memory_platform, "ListSecretVersionIds", SecretId="s")
    assert {each["VersionId"][0] for each in listed["Versions"]} == {"b", "c"}
    every = await call(
        memory_platform, "ListSecretVersionIds", SecretId="s", IncludeDeprecated=True
    )
    assert len(every["Versions"]) == 3
    gone = await call(memory_platform, "GetSecretValue", SecretId="s", VersionId=TOKENS[0])
    assert gone["SecretString"] == "one"
    assert gone["VersionStages"] == []


async def test_a_pending_version_becomes_current(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    given = {"SecretId": "s", "SecretString": "two", "ClientRequestToken": TOKENS[1]}
    await call(memory_platform, "PutSecretValue", **given, VersionStages=["AWSPENDING"])
    assert await stages(memory_platform) == {"a": ["AWSCURRENT"], "b": ["AWSPENDING"]}
    move = {"SecretId": "s", "VersionStage": "AWSCURRENT", "MoveToVersionId": TOKENS[1]}
    code, message = await refusal(memory_platform, "UpdateSecretVersionStage", **move)
    assert code == "InvalidParameterException"
    assert message.startswith("The parameter RemoveFromVersionId can't be empty. Staging label")
    await call(memory_platform, "UpdateSecretVersionStage", **move, RemoveFromVersionId=TOKENS[0])
    assert await stages(memory_platform) == {
        "a": ["AWSPREVIOUS"],
        "b": ["AWSCURRENT", "AWSPENDING"],
    }
    drop = {"SecretId": "s", "VersionStage": "AWSPENDING", "RemoveFromVersionId": TOKENS[1]}
    await call(memory_platform, "UpdateSecretVersionStage", **drop)
    assert (await stages(memory_platform))["b"] == ["AWSCURRENT"]
    drop["VersionStage"] = "AWSCURRENT"
    assert (
        "can't be completely removed"
        in (await refusal(memory_platform, "UpdateSecretVersionStage", **drop))[1]
    )
    back = {"SecretId": "s", "VersionStage": "AWSCURRENT", "MoveToVersionId": TOKENS[0],
            "RemoveFromVersionId": TOKENS[1]}  # fmt: skip
    await call(memory_platform, "UpdateSecretVersionStage", **back)
    assert await stages(memory_platform) == {"a": ["AWSCURRENT"], "b": ["AWSPREVIOUS"]}


async def test_tokens_make_repetitions_harmless(memory_platform: MemoryPlatform) -> None:
    first = await create(memory_platform)
    assert await create(memory_platform) == first
    code, message = await refusal(
        memory_platform, "CreateSecret", Name="s", SecretString="other",
        ClientRequestToken=TOKENS[0],
    )  # fmt: skip
    assert (code, message) == (
        "ResourceExistsException",
        "The operation failed because the secret s already exists.",
    )
    given = {"SecretId": "s", "SecretString": "one", "ClientRequestToken": TOKENS[0]}
    again = await call(memory_platform, "PutSecretValue", **given)
    assert again["VersionId"] == TOKENS[0]
    given["SecretString"] = "other"
    code, _ = await refusal(memory_platform, "PutSecretValue", **given)
    assert code == "ResourceExistsException"


async def test_values_must_be_one_and_not_too_large(memory_platform: MemoryPlatform) -> None:
    both = {"Name": "x", "SecretString": "a", "SecretBinary": b"a"}
    assert (await refusal(memory_platform, "CreateSecret", **both))[0] == (
        "InvalidParameterException"
    )
    assert (await refusal(memory_platform, "CreateSecret", Name="a b"))[0] == "ValidationException"
    bare = await call(memory_platform, "CreateSecret", Name="bare")
    assert set(bare) == {"ARN", "Name"}
    assert (await refusal(memory_platform, "GetSecretValue", SecretId="bare"))[1] == (
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    )
    assert (await refusal(memory_platform, "PutSecretValue", SecretId="bare"))[1] == (
        "You must provide either SecretString or SecretBinary."
    )
    replicas = {"Name": "r", "AddReplicaRegions": [{"Region": "eu-west-1"}]}
    assert (await refusal(memory_platform, "CreateSecret", **replicas))[0] == "NotImplemented"
    assert (
        await refusal(memory_platform, "ReplicateSecretToRegions", SecretId="bare",
                      AddReplicaRegions=[{"Region": "eu-west-1"}])
    )[0] == "NotImplemented"  # fmt: skip


async def test_update_changes_what_is_given(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform, Description="old")
    await memory_platform.clock.advance(1000)
    told = await call(memory_platform, "UpdateSecret", SecretId="s", Description="new")
    assert "VersionId" not in told
    given = {"SecretId": "s", "SecretString": "two", "ClientRequestToken": TOKENS[1]}
    told = await call(memory_platform, "UpdateSecret", **given)
    assert told["VersionId"] == TOKENS[1]
    described = await call(memory_platform, "DescribeSecret", SecretId="s")
    assert described["Description"] == "new"
    assert described["LastChangedDate"] > described["CreatedDate"]
    assert await stages(memory_platform) == {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT"]}


async def test_deletion_waits_and_can_be_taken_back(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    code, message = await refusal(
        memory_platform, "DeleteSecret", SecretId="s", RecoveryWindowInDays=6
    )
    assert (code, message) == (
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )
    told = await call(memory_platform, "DeleteSecret", SecretId="s", RecoveryWindowInDays=7)
    now_ms = memory_platform.clock.now_ms()
    assert told["DeletionDate"].timestamp() * 1000 == pytest.approx(now_ms + 7 * DAY_MS, abs=5)
    code, message = await refusal(memory_platform, "GetSecretValue", SecretId="s")
    assert code == "InvalidRequestException"
    assert message.endswith("because it was marked for deletion.")
    assert (
        "already scheduled for deletion"
        in (await refusal(memory_platform, "CreateSecret", Name="s"))[1]
    )
    assert (await call(memory_platform, "ListSecrets"))["SecretList"] == []
    kept = await call(memory_platform, "ListSecrets", IncludePlannedDeletion=True)
    assert kept["SecretList"][0]["DeletedDate"]
    await call(memory_platform, "RestoreSecret", SecretId="s")
    await memory_platform.clock.advance(8 * DAY_MS)
    assert (await call(memory_platform, "GetSecretValue", SecretId="s"))["SecretString"] == "one"
    await call(memory_platform, "DeleteSecret", SecretId="s", RecoveryWindowInDays=7)
    platform = await memory_platform.restart()
    await platform.clock.advance(7 * DAY_MS)
    assert (await refusal(platform, "DescribeSecret", SecretId="s"))[0] == (
        "ResourceNotFoundException"
    )


async def test_deletion_by_force(memory_platform: MemoryPlatform) -> None:
    first = await create(memory_platform)
    both = {"SecretId": "s", "ForceDeleteWithoutRecovery": True, "RecoveryWindowInDays": 7}
    assert (await refusal(memory_platform, "DeleteSecret", **both))[1] == (
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
    )
    for secret_id in ("s", "never"):
        await call(
            memory_platform, "DeleteSecret", SecretId=secret_id, ForceDeleteWithoutRecovery=True
        )
    again = await create(memory_platform)
    assert again["ARN"] != first["ARN"], "a new secret has a new suffix"


async def test_lists_filter_sort_and_page(memory_platform: MemoryPlatform) -> None:
    for number, name in enumerate(("prod/db", "prod/api", "test/db")):
        await memory_platform.clock.advance(1000)
        tags = [{"Key": "team", "Value": f"t{number}"}]
        await create(memory_platform, name, Description=f"The {name} Password", Tags=tags)

    async def names(*filters: tuple[str, str], **more: Any) -> list[str]:
        wanted = [{"Key": key, "Values": [value]} for key, value in filters]
        if wanted:
            more["Filters"] = wanted
        listed = await call(memory_platform, "ListSecrets", **more)
        return [each["Name"] for each in listed["SecretList"]]

    assert await names() == ["test/db", "prod/api", "prod/db"]
    assert await names(SortBy="name", SortOrder="asc") == ["prod/api", "prod/db", "test/db"]
    assert await names(("name", "prod/")) == ["prod/api", "prod/db"]
    assert await names(("name", "!prod/")) == ["test/db"]
    assert await names(("description", "passw")) == ["test/db", "prod/api", "prod/db"]
    assert await names(("tag-value", "t1")) == ["prod/api"]
    assert await names(("name", "prod"), ("tag-key", "other")) == []
    assert await names(("all", "API")) == ["prod/api"]
    first = await call(memory_platform, "ListSecrets", MaxResults=2)
    rest = await call(memory_platform, "ListSecrets", MaxResults=2, NextToken=first["NextToken"])
    assert [each["Name"] for each in rest["SecretList"]] == ["prod/db"]
    assert "NextToken" not in rest
    assert (await refusal(memory_platform, "ListSecrets", NextToken="?"))[0] == (
        "InvalidNextTokenException"
    )


async def test_batches_tell_what_cannot_be_had(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform, "a1")
    await create(memory_platform, "a2")
    got = await call(memory_platform, "BatchGetSecretValue", SecretIdList=["a1", "no"])
    assert [each["SecretString"] for each in got["SecretValues"]] == ["one"]
    assert got["Errors"][0]["ErrorCode"] == "ResourceNotFoundException"
    wanted = [{"Key": "name", "Values": ["a"]}]
    got = await call(memory_platform, "BatchGetSecretValue", Filters=wanted, MaxResults=1)
    assert len(got["SecretValues"]) == 1
    assert got["NextToken"]


async def test_passwords_follow_their_rules(memory_platform: MemoryPlatform) -> None:
    word = (await call(memory_platform, "GetRandomPassword"))["RandomPassword"]
    assert len(word) == 32
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
    assert all(set(word) & set(kind) for kind in kinds)
    rules = {"PasswordLength": 200, "ExcludePunctuation": True, "ExcludeCharacters": "aeiou0",
             "IncludeSpace": True}  # fmt: skip
    word = (await call(memory_platform, "GetRandomPassword", **rules))["RandomPassword"]
    assert not set(word) & set(string.punctuation + "aeiou0")
    assert " " in word
    code, _ = await refusal(memory_platform, "GetRandomPassword", PasswordLength=3)
    assert code == "InvalidParameterException"


async def test_tags_and_policies(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    await call(memory_platform, "TagResource", SecretId="s", Tags=tags)
    await call(memory_platform, "UntagResource", SecretId="s", TagKeys=["a"])
    described = await call(memory_platform, "DescribeSecret", SecretId="s")
    assert described["Tags"] == [{"Key": "b", "Value": "2"}]
    open_to_all = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [open_to_all]})
    given = {"SecretId": "s", "ResourcePolicy": text}
    blocked = await refusal(memory_platform, "PutResourcePolicy", **given, BlockPublicPolicy=True)
    assert blocked[0] == "PublicPolicyException"
    await call(memory_platform, "PutResourcePolicy", **given)
    kept = await call(memory_platform, "GetResourcePolicy", SecretId="s")
    assert kept["ResourcePolicy"] == text
    checked = await call(memory_platform, "ValidateResourcePolicy", **given)
    assert not checked["PolicyValidationPassed"]
    await call(memory_platform, "DeleteResourcePolicy", SecretId="s")
    assert "ResourcePolicy" not in await call(memory_platform, "GetResourcePolicy", SecretId="s")
    malformed = await refusal(
        memory_platform, "PutResourcePolicy", SecretId="s", ResourcePolicy="{"
    )
    assert malformed[0] == "MalformedPolicyDocumentException"


async def test_access_is_noted_once_a_day(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    assert "LastAccessedDate" not in await call(memory_platform, "DescribeSecret", SecretId="s")
    await call(memory_platform, "GetSecretValue", SecretId="s")
    commits = memory_platform.kernel.state.commits
    await call(memory_platform, "GetSecretValue", SecretId="s")
    assert memory_platform.kernel.state.commits == commits
    described = await call(memory_platform, "DescribeSecret", SecretId="s")
    assert described["LastAccessedDate"].hour == 0


async def test_old_versions_make_room(memory_platform: MemoryPlatform) -> None:
    await create(memory_platform)
    for number in range(105):
        await memory_platform.clock.advance(DAY_MS // 2)
        await call(memory_platform, "PutSecretValue", SecretId="s", SecretString=str(number))
    listed = await call(
        memory_platform, "ListSecretVersionIds", SecretId="s", IncludeDeprecated=True
    )
    assert len(listed["Versions"]) == 100
