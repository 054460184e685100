"""The CloudFormation types of the iam room."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.kernel.resources import PartlyCreated, Resource, ResourceRequest
from pileus.services.iam.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform

SPACE = ("000000000000", "global", "iam")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


class Stack:
    """Acts on one resource as CloudFormation would."""

    def __init__(self, platform: MemoryPlatform, kind: str) -> None:
        self.platform = platform
        self.type = RESOURCE_TYPES[kind]
        self.kind = kind
        self.made = Resource("")
        self.properties: dict[str, Any] = {}

    def _request(self, properties: dict[str, Any]) -> ResourceRequest:
        return ResourceRequest(
            type=self.kind,
            logical_id="R",
            stack_id="id",
            stack_name="stack",
            properties=properties,
            token="ABCDEFGHIJKL",
            physical_id=self.made.physical_id,
            old_properties=self.properties,
            attributes=self.made.attributes,
        )

    async def create(self, **properties: Any) -> Resource:
        call = self.platform.kernel.stream_call(SPACE)
        made = await self.platform.clock.run(self.type.create(call, self._request(properties)))
        self.made, self.properties = made, properties
        return made

    async def update(self, **properties: Any) -> None:
        assert self.type.update is not None
        call = self.platform.kernel.stream_call(SPACE)
        self.made = await self.platform.clock.run(self.type.update(call, self._request(properties)))
        self.properties = properties

    async def delete(self) -> None:
        call = self.platform.kernel.stream_call(SPACE)
        await self.platform.clock.run(self.type.delete(call, self._request(self.properties)))


async def test_the_life_of_a_role(memory_platform: MemoryPlatform) -> None:
    role = Stack(memory_platform, "AWS::IAM::Role")
    made = await role.create(
        AssumeRolePolicyDocument=TRUST,
        ManagedPolicyArns=[BASIC],
        Policies=[{"PolicyName": "one", "PolicyDocument": POLICY}],
        Tags=[{"Key": "a", "Value": "1"}],
    )
    assert made.physical_id == "stack-R-ABCDEFGHIJKL"
    assert made.attributes["Arn"].endswith(":role/stack-R-ABCDEFGHIJKL")
    about = {"RoleName": made.physical_id}
    await role.update(
        AssumeRolePolicyDocument=TRUST,
        Description="now told",
        Policies=[{"PolicyName": "two", "PolicyDocument": POLICY}],
    )
    found = (await memory_platform("iam", "GetRole", **about))["Role"]
    assert found["Description"] == "now told"
    assert "Tags" not in found
    assert (await memory_platform("iam", "ListRolePolicies", **about))["PolicyNames"] == ["two"]
    attached = await memory_platform("iam", "ListAttachedRolePolicies", **about)
    assert attached["AttachedPolicies"] == []
    await role.delete()
    assert (await memory_platform("iam", "ListRoles"))["Roles"] == []


async def test_what_a_failed_create_left_can_be_deleted(memory_platform: MemoryPlatform) -> None:
    role = Stack(memory_platform, "AWS::IAM::Role")
    wanted = {
        "AssumeRolePolicyDocument": TRUST,
        "ManagedPolicyArns": ["arn:aws:iam::000000000000:policy/nope"],
        "Policies": [{"PolicyName": "one", "PolicyDocument": POLICY}],
    }
    with pytest.raises(PartlyCreated, match="does not exist or is not attachable") as raised:
        await role.create(**wanted)
    role.made, role.properties = raised.value.resource, wanted
    await role.delete()
    assert (await memory_platform("iam", "ListRoles"))["Roles"] == []


async def test_policies(memory_platform: MemoryPlatform) -> None:
    role = Stack(memory_platform, "AWS::IAM::Role")
    name = (await role.create(AssumeRolePolicyDocument=TRUST)).physical_id
    inline = Stack(memory_platform, "AWS::IAM::Policy")
    await inline.create(PolicyName="one", PolicyDocument=POLICY, Roles=[name])
    await inline.update(PolicyName="two", PolicyDocument=POLICY, Roles=[name])
    single = Stack(memory_platform, "AWS::IAM::RolePolicy")
    await single.create(PolicyName="three", PolicyDocument=POLICY, RoleName=name)
    listed = await memory_platform("iam", "ListRolePolicies", RoleName=name)
    assert listed["PolicyNames"] == ["three", "two"]
    managed = Stack(memory_platform, "AWS::IAM::ManagedPolicy")
    await managed.create(PolicyDocument=POLICY, Roles=[name])
    for number in range(6):
        changed = {**POLICY, "Id": str(number)}
        await managed.update(PolicyDocument=changed, Roles=[name])
    versions = await memory_platform(
        "iam", "ListPolicyVersions", PolicyArn=managed.made.physical_id
    )
    assert versions["Versions"][0]["VersionId"] == "v7"
    for each in (managed, single, inline, role):
        await each.delete()
    assert (await memory_platform("iam", "ListRoles"))["Roles"] == []
    assert (await memory_platform("iam", "ListPolicies", Scope="Local"))["Policies"] == []


async def test_users_groups_and_profiles(memory_platform: MemoryPlatform) -> None:
    group = Stack(memory_platform, "AWS::IAM::Group")
    await group.create(GroupName="g", Policies=[{"PolicyName": "p", "PolicyDocument": POLICY}])
    user = Stack(memory_platform, "AWS::IAM::User")
    await user.create(UserName="u", Groups=["g"])
    role = Stack(memory_platform, "AWS::IAM::Role")
    name = (await role.create(AssumeRolePolicyDocument=TRUST)).physical_id
    profile = Stack(memory_platform, "AWS::IAM::InstanceProfile")
    await profile.create(Roles=[name])
    assert profile.made.attributes["Arn"].startswith("arn:aws:iam::000000000000:instance-profile/")
    await user.update(UserName="u", Groups=[])
    for each in (profile, role, user, group):
        await each.delete()
    summary = (await memory_platform("iam", "GetAccountSummary"))["SummaryMap"]
    assert all(summary[kind] == 0 for kind in ("Users", "Groups", "Roles", "InstanceProfiles"))
