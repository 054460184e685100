"""Temporary credentials, and who may have them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from pileus.kernel.credentials import Credentials
from pileus.testing.platform import MemoryPlatform
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

ROLE = "arn:aws:iam::000000000000:role/x/r"
OWNER = {"AWS": "arn:aws:iam::000000000000:root"}


def act_as(platform: MemoryPlatform, principal: Principal) -> None:
    platform.context = replace(platform.context, principal=principal)


async def make_role(
    platform: MemoryPlatform,
    principal: Any = OWNER,
    actions: Any = "sts:AssumeRole",
    **more: Any,
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, **more}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    await platform(
        "iam", "CreateRole", RoleName="r", Path="/x/", AssumeRolePolicyDocument=json.dumps(trust)
    )


async def assume(platform: MemoryPlatform, **more: Any) -> dict[str, Any]:
    return await platform(
        "sts", "AssumeRole", **{"RoleArn": ROLE, "RoleSessionName": "session", **more}
    )


async def test_the_caller_is_told(memory_platform: MemoryPlatform) -> None:
    assert await memory_platform("sts", "GetCallerIdentity") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }


async def test_a_role_is_assumed(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    role = (await memory_platform("iam", "GetRole", RoleName="r"))["Role"]
    made = await assume(memory_platform, DurationSeconds=900)
    arn = "arn:aws:sts::000000000000:assumed-role/r/session"
    assert made["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:session", "Arn": arn}
    keys = made["Credentials"]
    assert keys["Expiration"].timestamp() == memory_platform.clock.now_ms() // 1000 + 900
    found = Credentials.of(memory_platform.kernel).lookup(keys["AccessKeyId"], keys["SessionToken"])
    assert found is not None
    assert found.secret_key == keys["SecretAccessKey"]
    act_as(memory_platform, found.principal)
    assert await memory_platform("sts", "GetCallerIdentity") == {
        "UserId": f"{role['RoleId']}:session",
        "Account": "000000000000",
        "Arn": arn,
    }
    with pytest.raises(ServiceError, match="Cannot call GetSessionToken with session credentials"):
        await memory_platform("sts", "GetSessionToken")


async def test_an_external_id_can_be_asked_for(memory_platform: MemoryPlatform) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "secret"}}
    await make_role(memory_platform, Condition=condition)
    with pytest.raises(ServiceError, match="is not authorized to perform: sts:AssumeRole"):
        await assume(memory_platform)
    await assume(memory_platform, ExternalId="secret")


async def test_tags_need_their_own_action(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    with pytest.raises(ServiceError, match="is not authorized to perform: sts:TagSession"):
        await assume(memory_platform, Tags=[{"Key": "a", "Value": "b"}])
    await memory_platform("iam", "DeleteRole", RoleName="r")
    await make_role(memory_platform, actions=["sts:AssumeRole", "sts:TagSession"])
    made = await assume(memory_platform, Tags=[{"Key": "a", "Value": "b"}])
    assert made["PackedPolicySize"] == 1


async def test_a_service_and_another_account(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform, {"Service": "lambda.amazonaws.com"})
    with pytest.raises(ServiceError, match="AccessDenied"):
        await assume(memory_platform)
    act_as(memory_platform, Principal.service("lambda.amazonaws.com", "000000000000"))
    await assume(memory_platform)


async def test_across_accounts(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform, {"AWS": "111111111111"})
    other = replace(
        memory_platform.context, account="111111111111", principal=Principal.root("111111111111")
    )
    memory_platform.context = other
    made = await assume(memory_platform)
    assert ":000000000000:assumed-role/r/" in made["AssumedRoleUser"]["Arn"]


async def test_a_session_of_a_user(memory_platform: MemoryPlatform) -> None:
    keys = (await memory_platform("sts", "GetSessionToken", DurationSeconds=7200))["Credentials"]
    now_s = memory_platform.clock.now_ms() // 1000
    assert keys["Expiration"].timestamp() == now_s + 3600
    info = await memory_platform("sts", "GetAccessKeyInfo", AccessKeyId=keys["AccessKeyId"])
    assert info == {"Account": "000000000000"}
    federated = await memory_platform("sts", "GetFederationToken", Name="bob")
    assert federated["FederatedUser"]["FederatedUserId"] == "000000000000:bob"


async def test_durations(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    with pytest.raises(ServiceError, match="exceeds the MaxSessionDuration set for this role"):
        await assume(memory_platform, DurationSeconds=3601)
    await memory_platform("iam", "UpdateRole", RoleName="r", MaxSessionDuration=43_200)
    await assume(memory_platform, DurationSeconds=43_200)
    arn = "arn:aws:sts::000000000000:assumed-role/other/s"
    act_as(memory_platform, Principal(arn, "000000000000"))
    with pytest.raises(ServiceError, match="1 hour session limit for roles assumed by role chain"):
        await assume(memory_platform, DurationSeconds=3601)


ERRORS: list[tuple[str, dict[str, Any], str, int]] = [
    ("AssumeRole", {"RoleArn": ROLE + "x"}, "AccessDenied", 403),
    ("AssumeRole", {"RoleArn": "arn:aws:iam::000000000000:role/r"}, "AccessDenied", 403),
    ("AssumeRole", {"RoleArn": "arn:aws:iam::000000000000:user/r"}, "ValidationError", 400),
    ("AssumeRole", {"RoleSessionName": "a b"}, "ValidationError", 400),
    ("AssumeRole", {"DurationSeconds": 899}, "ValidationError", 400),
    ("AssumeRole", {"Policy": "{"}, "MalformedPolicyDocument", 400),
    ("GetAccessKeyInfo", {"AccessKeyId": "1" * 20}, "ValidationError", 400),
    (
        "AssumeRoleWithWebIdentity",
        {"RoleArn": ROLE, "RoleSessionName": "ss", "WebIdentityToken": "token"},
        "NotImplemented",
        501,
    ),
    ("DecodeAuthorizationMessage", {"EncodedMessage": "x"}, "NotImplemented", 501),
]


@pytest.mark.parametrize(("operation", "request_", "code", "status"), ERRORS)
async def test_errors(
    memory_platform: MemoryPlatform,
    operation: str,
    request_: dict[str, Any],
    code: str,
    status: int,
) -> None:
    await make_role(memory_platform)
    if operation == "AssumeRole":
        request_ = {"RoleArn": ROLE, "RoleSessionName": "session", **request_}
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sts", operation, **request_)
    assert (caught.value.code, caught.value.status) == (code, status)
