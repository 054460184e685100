"""What IAM says to the letter, and what tools ask of it in passing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.kernel.credentials import Credentials
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
MANAGED = "arn:aws:iam::000000000000:policy/p"


async def _refused(platform: MemoryPlatform, operation: str, **given: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await platform("iam", operation, **given)
    return caught.value


async def test_names_and_paths_of_other_letters(memory_platform: MemoryPlatform) -> None:
    error = await _refused(memory_platform, "CreateUser", UserName="a b")
    assert (error.code, error.message) == (
        "ValidationError",
        "The specified value for userName is invalid. It must contain only alphanumeric characters "
        "and/or the following: +=,.@_-",
    )
    error = await _refused(memory_platform, "CreateGroup", GroupName="g", Path="x")
    assert (error.code, error.message) == (
        "ValidationError",
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters.",
    )


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("ListMFADevices", "MFADevices"),
        ("ListSigningCertificates", "Certificates"),
        ("ListSSHPublicKeys", "SSHPublicKeys"),
        ("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
    ],
)
async def test_what_no_user_has(
    memory_platform: MemoryPlatform, operation: str, member: str
) -> None:
    error = await _refused(memory_platform, operation, UserName="u")
    assert error.message == "The user with name u cannot be found."
    await memory_platform("iam", "CreateUser", UserName="u")
    assert (await memory_platform("iam", operation, UserName="u"))[member] == []


async def test_passwords_are_not_there(memory_platform: MemoryPlatform) -> None:
    await memory_platform("iam", "CreateUser", UserName="u")
    for operation in ("GetLoginProfile", "DeleteLoginProfile"):
        error = await _refused(memory_platform, operation, UserName="u")
        assert (error.code, error.status) == ("NoSuchEntity", 404)
        assert error.message == "Login Profile for User u cannot be found."
    error = await _refused(memory_platform, "GetAccountPasswordPolicy")
    assert error.message == "The Password Policy with domain name 000000000000 cannot be found."
    for operation in ("ListOpenIDConnectProviders", "ListSAMLProviders"):
        assert list((await memory_platform("iam", operation)).values()) == [[]]


async def test_a_user_moves_with_all_it_has(memory_platform: MemoryPlatform) -> None:
    iam = memory_platform
    await iam("iam", "CreateUser", UserName="old")
    await iam("iam", "CreateGroup", GroupName="g")
    await iam("iam", "AddUserToGroup", GroupName="g", UserName="old")
    await iam("iam", "CreatePolicy", PolicyName="p", PolicyDocument=POLICY)
    await iam("iam", "AttachUserPolicy", UserName="old", PolicyArn=MANAGED)
    await iam("iam", "PutUserPolicy", UserName="old", PolicyName="i", PolicyDocument=POLICY)
    key = (await iam("iam", "CreateAccessKey", UserName="old"))["AccessKey"]["AccessKeyId"]
    await iam("iam", "UpdateUser", UserName="old", NewUserName="new", NewPath="/x/")
    error = await _refused(iam, "GetUser", UserName="old")
    assert error.code == "NoSuchEntity"
    found = (await iam("iam", "GetUser", UserName="new"))["User"]
    assert found["Arn"] == "arn:aws:iam::000000000000:user/x/new"
    users = (await iam("iam", "GetGroup", GroupName="g"))["Users"]
    assert [user["UserName"] for user in users] == ["new"]
    groups = (await iam("iam", "ListGroupsForUser", UserName="new"))["Groups"]
    assert [group["GroupName"] for group in groups] == ["g"]
    attached = (await iam("iam", "ListAttachedUserPolicies", UserName="new"))["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [MANAGED]
    assert (await iam("iam", "ListUserPolicies", UserName="new"))["PolicyNames"] == ["i"]
    bearers = await iam("iam", "ListEntitiesForPolicy", PolicyArn=MANAGED)
    assert [user["UserName"] for user in bearers["PolicyUsers"]] == ["new"]
    keys = (await iam("iam", "ListAccessKeys", UserName="new"))["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in keys] == [key]
    credential = Credentials.of(iam.kernel).lookup(key)
    assert credential is not None
    assert credential.principal.arn == found["Arn"]


async def test_a_group_moves_with_its_users(memory_platform: MemoryPlatform) -> None:
    iam = memory_platform
    for name in ("old", "taken"):
        await iam("iam", "CreateGroup", GroupName=name)
    await iam("iam", "CreateUser", UserName="u")
    await iam("iam", "AddUserToGroup", GroupName="old", UserName="u")
    error = await _refused(iam, "UpdateGroup", GroupName="old", NewGroupName="taken")
    assert error.code == "EntityAlreadyExists"
    await iam("iam", "UpdateGroup", GroupName="old", NewGroupName="new")
    groups = (await iam("iam", "ListGroupsForUser", UserName="u"))["Groups"]
    assert [group["GroupName"] for group in groups] == ["new"]
    users = (await iam("iam", "GetGroup", GroupName="new"))["Users"]
    assert [user["UserName"] for user in users] == ["u"]
