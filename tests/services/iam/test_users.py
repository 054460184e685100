"""Users, their keys and groups, and the account."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pileus.kernel.credentials import Credentials
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


async def test_a_users_key_signs_requests(memory_platform: MemoryPlatform) -> None:
    made = (await memory_platform("iam", "CreateUser", UserName="u", Path="/x/"))["User"]
    assert made["UserId"].startswith("AIDA")
    key = (await memory_platform("iam", "CreateAccessKey", UserName="u"))["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA")
    credentials = Credentials.of(memory_platform.kernel)
    found = credentials.lookup(key["AccessKeyId"])
    assert found is not None
    assert found.secret_key == key["SecretAccessKey"]
    assert found.principal.arn == "arn:aws:iam::000000000000:user/x/u"
    assert found.principal.user_id == made["UserId"]

    memory_platform.context = replace(memory_platform.context, principal=found.principal)
    me = (await memory_platform("iam", "GetUser"))["User"]
    assert me["UserName"] == "u"
    listed = (await memory_platform("iam", "ListAccessKeys"))["AccessKeyMetadata"]
    assert [k["Status"] for k in listed] == ["Active"]
    about = {"AccessKeyId": key["AccessKeyId"]}
    await memory_platform("iam", "UpdateAccessKey", **about, Status="Inactive")
    assert credentials.lookup(key["AccessKeyId"]) is None
    with pytest.raises(ServiceError, match="must delete access keys first"):
        await memory_platform("iam", "DeleteUser", UserName="u")
    await memory_platform("iam", "DeleteAccessKey", **about)
    await memory_platform("iam", "DeleteUser", UserName="u")


async def test_a_user_has_two_keys_at_most(memory_platform: MemoryPlatform) -> None:
    await memory_platform("iam", "CreateUser", UserName="u")
    for _ in range(2):
        await memory_platform("iam", "CreateAccessKey", UserName="u")
    with pytest.raises(ServiceError, match="Cannot exceed quota for AccessKeysPerUser: 2"):
        await memory_platform("iam", "CreateAccessKey", UserName="u")


async def test_the_root_user(memory_platform: MemoryPlatform) -> None:
    me = (await memory_platform("iam", "GetUser"))["User"]
    assert me["Arn"] == "arn:aws:iam::000000000000:root"
    with pytest.raises(ServiceError, match="Must specify userName"):
        await memory_platform("iam", "ListAccessKeys")


async def test_groups(memory_platform: MemoryPlatform) -> None:
    await memory_platform("iam", "CreateGroup", GroupName="g")
    await memory_platform("iam", "CreateUser", UserName="u")
    both = {"GroupName": "g", "UserName": "u"}
    await memory_platform("iam", "AddUserToGroup", **both)
    group = await memory_platform("iam", "GetGroup", GroupName="g")
    assert [u["UserName"] for u in group["Users"]] == ["u"]
    groups = await memory_platform("iam", "ListGroupsForUser", UserName="u")
    assert [g["GroupName"] for g in groups["Groups"]] == ["g"]
    for operation, name in (("DeleteGroup", "GroupName"), ("DeleteUser", "UserName")):
        with pytest.raises(ServiceError, match="must remove users from group first"):
            await memory_platform("iam", operation, **{name: both[name]})
    await memory_platform("iam", "RemoveUserFromGroup", **both)
    with pytest.raises(ServiceError, match="User u not in group g"):
        await memory_platform("iam", "RemoveUserFromGroup", **both)
    await memory_platform("iam", "DeleteGroup", GroupName="g")


async def test_the_account(memory_platform: MemoryPlatform) -> None:
    await memory_platform("iam", "CreateAccountAlias", AccountAlias="acme")
    assert (await memory_platform("iam", "ListAccountAliases"))["AccountAliases"] == ["acme"]
    with pytest.raises(ServiceError, match="Account alias not found: other"):
        await memory_platform("iam", "DeleteAccountAlias", AccountAlias="other")
    await memory_platform("iam", "DeleteAccountAlias", AccountAlias="acme")
    await memory_platform("iam", "CreateUser", UserName="u")
    summary = (await memory_platform("iam", "GetAccountSummary"))["SummaryMap"]
    assert (summary["Users"], summary["RolesQuota"]) == (1, 1000)
