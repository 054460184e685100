"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

from pileus.kernel.resources import ResourceType
from pileus.services.iam import stack_identities, stack_policies, stack_profiles

_NAMED = frozenset({"Path"})

RESOURCE_TYPES = {
    "AWS::IAM::Role": ResourceType(
        create=stack_identities.create_role,
        update=stack_identities.update_role,
        delete=stack_identities.delete_role,
        replaced_by=_NAMED | {"RoleName"},
        taggable="Tags",
    ),
    "AWS::IAM::User": ResourceType(
        create=stack_identities.create_user,
        update=stack_identities.update_user,
        delete=stack_identities.delete_user,
        replaced_by=_NAMED | {"UserName"},
        taggable="Tags",
    ),
    "AWS::IAM::Group": ResourceType(
        create=stack_identities.create_group,
        update=stack_identities.update_group,
        delete=stack_identities.delete_group,
        replaced_by=_NAMED | {"GroupName"},
    ),
    "AWS::IAM::Policy": ResourceType(
        create=stack_policies.create_policy,
        update=stack_policies.update_policy,
        delete=stack_policies.delete_policy,
    ),
    "AWS::IAM::RolePolicy": ResourceType(
        create=stack_policies.put_role_policy,
        update=stack_policies.put_role_policy,
        delete=stack_policies.delete_role_policy,
        replaced_by=frozenset({"PolicyName", "RoleName"}),
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        create=stack_policies.create_managed,
        update=stack_policies.update_managed,
        delete=stack_policies.delete_managed,
        replaced_by=_NAMED | {"ManagedPolicyName", "Description"},
    ),
    "AWS::IAM::InstanceProfile": ResourceType(
        create=stack_profiles.create,
        update=stack_profiles.update,
        delete=stack_profiles.delete,
        replaced_by=_NAMED | {"InstanceProfileName"},
    ),
}
