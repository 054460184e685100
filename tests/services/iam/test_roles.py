"""Roles, policies and instance profiles through their operations."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
OWN = "arn:aws:iam::000000000000:policy/p"


async def make_role(platform: MemoryPlatform, name: str = "r", **more: Any) -> dict[str, Any]:
    made = await platform(
        "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **more
    )
    role: dict[str, Any] = made["Role"]
    return role


async def test_a_role_is_made_and_told(memory_platform: MemoryPlatform) -> None:
    made = await make_role(memory_platform, Path="/a/", Tags=[{"Key": "k", "Value": "v"}])
    assert made["Arn"] == "arn:aws:iam::000000000000:role/a/r"
    assert made["RoleId"].startswith("AROA")
    assert len(made["RoleId"]) == 21
    role = (await memory_platform("iam", "GetRole", RoleName="r"))["Role"]
    assert json.loads(unquote(role["AssumeRolePolicyDocument"])) == json.loads(TRUST)
    assert role["MaxSessionDuration"] == 3600
    assert role["RoleLastUsed"] == {}
    assert role["Tags"] == [{"Key": "k", "Value": "v"}]
    listed = (await memory_platform("iam", "ListRoles", PathPrefix="/a"))["Roles"]
    assert [r["RoleName"] for r in listed] == ["r"]
    assert "Tags" not in listed[0]
    assert (await memory_platform("iam", "ListRoles", PathPrefix="/b/"))["Roles"] == []


async def test_roles_come_in_pages(memory_platform: MemoryPlatform) -> None:
    for name in "cabd":
        await make_role(memory_platform, name)
    first = await memory_platform("iam", "ListRoles", MaxItems=3)
    assert first["IsTruncated"]
    rest = await memory_platform("iam", "ListRoles", Marker=first["Marker"])
    assert [r["RoleName"] for r in first["Roles"] + rest["Roles"]] == ["a", "b", "c", "d"]
    assert rest["IsTruncated"] is False
    assert "Marker" not in rest


async def test_inline_policies(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    about = {"RoleName": "r", "PolicyName": "in"}
    await memory_platform("iam", "PutRolePolicy", **about, PolicyDocument=POLICY)
    got = await memory_platform("iam", "GetRolePolicy", **about)
    assert unquote(got["PolicyDocument"]) == POLICY
    listed = await memory_platform("iam", "ListRolePolicies", RoleName="r")
    assert listed == {"PolicyNames": ["in"], "IsTruncated": False}
    with pytest.raises(ServiceError, match="must delete policies first"):
        await memory_platform("iam", "DeleteRole", RoleName="r")
    await memory_platform("iam", "DeleteRolePolicy", **about)
    await memory_platform("iam", "DeleteRole", RoleName="r")


async def test_attached_policies(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    made = await memory_platform("iam", "CreatePolicy", PolicyName="p", PolicyDocument=POLICY)
    assert made["Policy"]["Arn"] == OWN
    assert made["Policy"]["DefaultVersionId"] == "v1"
    for arn in (OWN, BASIC, BASIC):
        await memory_platform("iam", "AttachRolePolicy", RoleName="r", PolicyArn=arn)
    listed = await memory_platform("iam", "ListAttachedRolePolicies", RoleName="r")
    assert [p["PolicyName"] for p in listed["AttachedPolicies"]] == [
        "p",
        "AWSLambdaBasicExecutionRole",
    ]
    bearers = await memory_platform("iam", "ListEntitiesForPolicy", PolicyArn=BASIC)
    assert [r["RoleName"] for r in bearers["PolicyRoles"]] == ["r"]
    found = await memory_platform("iam", "GetPolicy", PolicyArn=OWN)
    assert found["Policy"]["AttachmentCount"] == 1
    with pytest.raises(ServiceError, match="must detach all policies first"):
        await memory_platform("iam", "DeleteRole", RoleName="r")
    with pytest.raises(ServiceError, match="Cannot delete a policy attached to entities"):
        await memory_platform("iam", "DeletePolicy", PolicyArn=OWN)
    for arn in (OWN, BASIC):
        await memory_platform("iam", "DetachRolePolicy", RoleName="r", PolicyArn=arn)
    await memory_platform("iam", "DeletePolicy", PolicyArn=OWN)
    await memory_platform("iam", "DeleteRole", RoleName="r")


async def test_policy_versions(memory_platform: MemoryPlatform) -> None:
    await memory_platform("iam", "CreatePolicy", PolicyName="p", PolicyDocument=POLICY)
    for _ in range(4):
        await memory_platform(
            "iam", "CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=POLICY, SetAsDefault=True
        )
    with pytest.raises(ServiceError, match="can have up to 5 versions"):
        await memory_platform("iam", "CreatePolicyVersion", PolicyArn=OWN, PolicyDocument=POLICY)
    listed = (await memory_platform("iam", "ListPolicyVersions", PolicyArn=OWN))["Versions"]
    assert [v["VersionId"] for v in listed] == ["v5", "v4", "v3", "v2", "v1"]
    assert listed[0]["IsDefaultVersion"]
    with pytest.raises(ServiceError, match="Cannot delete the default version of a policy"):
        await memory_platform("iam", "DeletePolicyVersion", PolicyArn=OWN, VersionId="v5")
    await memory_platform("iam", "SetDefaultPolicyVersion", PolicyArn=OWN, VersionId="v1")
    with pytest.raises(ServiceError, match="more than one version"):
        await memory_platform("iam", "DeletePolicy", PolicyArn=OWN)
    for number in (2, 3, 4, 5):
        await memory_platform("iam", "DeletePolicyVersion", PolicyArn=OWN, VersionId=f"v{number}")
    await memory_platform("iam", "DeletePolicy", PolicyArn=OWN)


async def test_aws_managed_policies(memory_platform: MemoryPlatform) -> None:
    found = (await memory_platform("iam", "GetPolicy", PolicyArn=BASIC))["Policy"]
    assert (found["PolicyName"], found["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    got = await memory_platform("iam", "GetPolicyVersion", PolicyArn=BASIC, VersionId="v1")
    document = json.loads(unquote(got["PolicyVersion"]["Document"]))
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]
    local = await memory_platform("iam", "ListPolicies", Scope="Local")
    assert local == {"Policies": [], "IsTruncated": False}
    aws = await memory_platform("iam", "ListPolicies", Scope="AWS", MaxItems=2)
    assert aws["IsTruncated"]
    more = await memory_platform("iam", "ListPolicies", Scope="AWS", Marker=aws["Marker"])
    assert BASIC in [p["Arn"] for p in more["Policies"]]
    with pytest.raises(ServiceError, match="does not know the text"):
        await memory_platform(
            "iam",
            "GetPolicyVersion",
            PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess",
            VersionId="v1",
        )


async def test_instance_profiles(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    await memory_platform("iam", "CreateInstanceProfile", InstanceProfileName="i")
    both = {"InstanceProfileName": "i", "RoleName": "r"}
    await memory_platform("iam", "AddRoleToInstanceProfile", **both)
    found = await memory_platform("iam", "GetInstanceProfile", InstanceProfileName="i")
    assert found["InstanceProfile"]["Roles"][0]["RoleName"] == "r"
    listed = await memory_platform("iam", "ListInstanceProfilesForRole", RoleName="r")
    assert len(listed["InstanceProfiles"]) == 1
    for operation, name in (
        ("DeleteRole", "RoleName"),
        ("DeleteInstanceProfile", "InstanceProfileName"),
    ):
        with pytest.raises(ServiceError, match="must remove roles from instance profile first"):
            await memory_platform("iam", operation, **{name: both[name]})
    await memory_platform("iam", "RemoveRoleFromInstanceProfile", **both)
    await memory_platform("iam", "DeleteInstanceProfile", InstanceProfileName="i")
    await memory_platform("iam", "DeleteRole", RoleName="r")


async def test_service_linked_roles(memory_platform: MemoryPlatform) -> None:
    made = await memory_platform(
        "iam", "CreateServiceLinkedRole", AWSServiceName="ecs.amazonaws.com"
    )
    assert made["Role"]["RoleName"] == "AWSServiceRoleForECS"
    assert made["Role"]["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    with pytest.raises(ServiceError, match="has been taken in this account"):
        await memory_platform("iam", "CreateServiceLinkedRole", AWSServiceName="ecs.amazonaws.com")
    with pytest.raises(ServiceError, match="UnmodifiableEntity"):
        await memory_platform("iam", "DeleteRole", RoleName="AWSServiceRoleForECS")
    task = await memory_platform("iam", "DeleteServiceLinkedRole", RoleName="AWSServiceRoleForECS")
    status = await memory_platform("iam", "GetServiceLinkedRoleDeletionStatus", **task)
    assert status == {"Status": "SUCCEEDED"}


async def test_roles_change(memory_platform: MemoryPlatform) -> None:
    await make_role(memory_platform)
    await memory_platform(
        "iam", "UpdateRole", RoleName="r", Description="d", MaxSessionDuration=7200
    )
    other = TRUST.replace("lambda", "states")
    await memory_platform("iam", "UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=other)
    await memory_platform(
        "iam", "PutRolePermissionsBoundary", RoleName="r", PermissionsBoundary=BASIC
    )
    role = (await memory_platform("iam", "GetRole", RoleName="r"))["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("d", 7200)
    assert "states" in role["AssumeRolePolicyDocument"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC
    await memory_platform("iam", "TagRole", RoleName="r", Tags=[{"Key": "a", "Value": "1"}])
    await memory_platform("iam", "UntagRole", RoleName="r", TagKeys=["A"])
    assert (await memory_platform("iam", "ListRoleTags", RoleName="r"))["Tags"] == []


def policy(**statement: Any) -> str:
    whole = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [whole]})


UNKNOWN = "arn:aws:iam::000000000000:policy/nope"
ERRORS: list[tuple[str, dict[str, Any], str, int, str]] = [
    ("GetRole", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be found."),
    ("GetUser", {"UserName": "x"}, "NoSuchEntity", 404, "The user with name x cannot be found."),
    ("GetGroup", {"GroupName": "x"}, "NoSuchEntity", 404, "The group with name x cannot be found."),
    ("CreateRole", {"RoleName": "R", "AssumeRolePolicyDocument": TRUST}, "EntityAlreadyExists", 409, "Role with name R already exists."),
    ("CreateRole", {"RoleName": "n", "AssumeRolePolicyDocument": "{"}, "MalformedPolicyDocument", 400, "This policy contains invalid Json"),
    ("CreateRole", {"RoleName": "n", "AssumeRolePolicyDocument": POLICY}, "MalformedPolicyDocument", 400, "Has prohibited field Resource"),
    ("CreateRole", {"RoleName": "n", "AssumeRolePolicyDocument": TRUST.replace('"Service": "lambda.amazonaws.com"', '"AWS": "arn:aws:iam::000000000000:role/ghost"')}, "MalformedPolicyDocument", 400, 'Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:role/ghost"'),
    ("CreateRole", {"RoleName": "n", "AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": UNKNOWN}, "NoSuchEntity", 404, f"Scope ARN: {UNKNOWN} does not exist or is not attachable."),
    ("CreateRole", {"RoleName": "a b", "AssumeRolePolicyDocument": TRUST}, "ValidationError", 400, ""),
    ("GetRolePolicy", {"RoleName": "r", "PolicyName": "x"}, "NoSuchEntity", 404, "The role policy with name x cannot be found."),
    ("PutRolePolicy", {"RoleName": "r", "PolicyName": "x", "PolicyDocument": policy(Action="nope")}, "MalformedPolicyDocument", 400, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    ("PutRolePolicy", {"RoleName": "r", "PolicyName": "x", "PolicyDocument": policy(Resource="x" )}, "MalformedPolicyDocument", 400, 'Resource x must be in ARN format or "*".'),
    ("PutRolePolicy", {"RoleName": "r", "PolicyName": "x", "PolicyDocument": policy(Sid="a" * 10_300)}, "LimitExceeded", 409, "Maximum policy size of 10240 bytes exceeded for role r"),
    ("AttachRolePolicy", {"RoleName": "r", "PolicyArn": UNKNOWN}, "NoSuchEntity", 404, f"Policy {UNKNOWN} does not exist or is not attachable."),
    ("DetachRolePolicy", {"RoleName": "r", "PolicyArn": UNKNOWN}, "NoSuchEntity", 404, f"Policy {UNKNOWN} was not found."),
    ("GetPolicy", {"PolicyArn": UNKNOWN}, "NoSuchEntity", 404, f"Policy {UNKNOWN} was not found."),
    ("GetPolicyVersion", {"PolicyArn": OWN, "VersionId": "v9"}, "NoSuchEntity", 404, f"Policy {OWN} version v9 does not exist or is not attachable."),
    ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": POLICY}, "EntityAlreadyExists", 409, "A policy called p already exists. Duplicate names are not allowed."),
    ("CreatePolicy", {"PolicyName": "q", "PolicyDocument": policy(Sid="a" * 6200)}, "LimitExceeded", 409, "Cannot exceed quota for PolicySize: 6144"),
    ("GetInstanceProfile", {"InstanceProfileName": "x"}, "NoSuchEntity", 404, "Instance Profile x cannot be found."),
    ("ListRoles", {"Marker": "%"}, "ValidationError", 400, "Invalid Marker: %"),
    ("TagRole", {"RoleName": "r", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    ("CreateLoginProfile", {}, "NotImplemented", 501, "Pileus does not implement iam:CreateLoginProfile yet."),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "request_", "code", "status", "message"), ERRORS)
async def test_errors(
    memory_platform: MemoryPlatform,
    operation: str,
    request_: dict[str, Any],
    code: str,
    status: int,
    message: str,
) -> None:
    await make_role(memory_platform)
    await memory_platform("iam", "CreatePolicy", PolicyName="p", PolicyDocument=POLICY)
    with pytest.raises(ServiceError) as caught:
        await memory_platform("iam", operation, **request_)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert not message or caught.value.message == message
