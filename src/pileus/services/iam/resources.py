"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

from pileus.kernel.resources import ResourceType, declared
from pileus.services.iam import stack_identities, stack_policies, stack_profiles

_NAMED = frozenset({"Path"})

RESOURCE_TYPES = {
    "AWS::IAM::Role": ResourceType(
        create=stack_identities.create_role,
        update=stack_identities.update_role,
        delete=stack_identities.delete_role,
        replaced_by=_NAMED | {"RoleName"},
        taggable="Tags",
        properties=declared(
            "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path "
            "PermissionsBoundary Policies RoleName Tags",
        ),
    ),
    "AWS::IAM::User": ResourceType(
        create=stack_identities.create_user,
        update=stack_identities.update_user,
        delete=stack_identities.delete_user,
        replaced_by=_NAMED | {"UserName"},
        taggable="Tags",
        properties=declared(
            "Groups ManagedPolicyArns Path PermissionsBoundary Policies Tags UserName",
            ignored="LoginProfile",
        ),
    ),
    "AWS::IAM::Group": ResourceType(
        create=stack_identities.create_group,
        update=stack_identities.update_group,
        delete=stack_identities.delete_group,
        replaced_by=_NAMED | {"GroupName"},
        properties=declared(
            "GroupName ManagedPolicyArns Path Policies",
        ),
    ),
    "AWS::IAM::Policy": ResourceType(
        create=stack_policies.create_policy,
        update=stack_policies.update_policy,
        delete=stack_policies.delete_policy,
        properties=declared(
            "Groups PolicyDocument PolicyName Roles Users",
        ),
    ),
    "AWS::IAM::RolePolicy": ResourceType(
        create=stack_policies.put_role_policy,
        update=stack_policies.put_role_policy,
        delete=stack_policies.delete_role_policy,
        replaced_by=frozenset({"PolicyName", "RoleName"}),
        properties=declared(
            "PolicyDocument PolicyName RoleName",
        ),
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        create=stack_policies.create_managed,
        update=stack_policies.update_managed,
        delete=stack_policies.delete_managed,
        replaced_by=_NAMED | {"ManagedPolicyName", "Description"},
        properties=declared(
            "Description Groups ManagedPolicyName Path PolicyDocument Roles Users",
        ),
    ),
    "AWS::IAM::InstanceProfile": ResourceType(
        create=stack_profiles.create,
        update=stack_profiles.update,
        delete=stack_profiles.delete,
        replaced_by=_NAMED | {"InstanceProfileName"},
        properties=declared(
            "InstanceProfileName Path Roles",
        ),
    ),
}
