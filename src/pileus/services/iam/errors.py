"""What can be wrong, in IAM's own words.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def _no_such(message: str) -> ServiceError:
    return ServiceError("NoSuchEntity", message, status=404)


def _exists(message: str) -> ServiceError:
    return ServiceError("EntityAlreadyExists", message, status=409)


def _conflict(message: str) -> ServiceError:
    return ServiceError("DeleteConflict", message, status=409)


def invalid_name(member: str) -> ServiceError:
    return ServiceError(
        "ValidationError",
        f"The specified value for {member} is invalid. It must contain only alphanumeric characters "
        "and/or the following: +=,.@_-",
    )


def invalid_path(member: str) -> ServiceError:
    return ServiceError(
        "ValidationError",
        f"The specified value for {member} is invalid. It must begin and end with / and contain "
        "only alphanumeric characters and/or / characters.",
    )


def no_login_profile(user: str) -> ServiceError:
    return _no_such(f"Login Profile for User {user} cannot be found.")


def no_password_policy(account: str) -> ServiceError:
    return _no_such(f"The Password Policy with domain name {account} cannot be found.")


def no_such_identity(kind: str, name: str) -> ServiceError:
    return _no_such(f"The {kind} with name {name} cannot be found.")


def identity_exists(kind: str, name: str) -> ServiceError:
    return _exists(f"{kind.capitalize()} with name {name} already exists.")


def no_such_inline(kind: str, name: str) -> ServiceError:
    return _no_such(f"The {kind} policy with name {name} cannot be found.")


def no_such_policy(arn: str) -> ServiceError:
    return _no_such(f"Policy {arn} was not found.")


def not_attachable(arn: str) -> ServiceError:
    return _no_such(f"Policy {arn} does not exist or is not attachable.")


def no_such_version(arn: str, version: str) -> ServiceError:
    return _no_such(f"Policy {arn} version {version} does not exist or is not attachable.")


def boundary_not_found(arn: str) -> ServiceError:
    return _no_such(f"Scope ARN: {arn} does not exist or is not attachable.")


def policy_exists(name: str) -> ServiceError:
    return _exists(f"A policy called {name} already exists. Duplicate names are not allowed.")


def no_such_profile(name: str) -> ServiceError:
    return _no_such(f"Instance Profile {name} cannot be found.")


def profile_exists(name: str) -> ServiceError:
    return _exists(f"Instance Profile {name} already exists.")


def no_such_access_key(key_id: str) -> ServiceError:
    return _no_such(f"The Access Key with id {key_id} cannot be found.")


def no_such_deletion_task(task: str) -> ServiceError:
    return _no_such(f"Deletion task {task} cannot be found.")


def not_in_group(user: str, group: str) -> ServiceError:
    return _no_such(f"User {user} not in group {group}")


def no_boundary(kind: str, name: str) -> ServiceError:
    return _no_such(f"The {kind} with name {name} does not have a permissions boundary.")


def no_such_alias(alias: str) -> ServiceError:
    return _no_such(f"Account alias not found: {alias}")


def service_role_exists(name: str) -> ServiceError:
    return ServiceError(
        "InvalidInput",
        f"Service role name {name} has been taken in this account, please try a different suffix.",
    )


def has_inline_policies() -> ServiceError:
    return _conflict("Cannot delete entity, must delete policies first.")


def has_attached_policies() -> ServiceError:
    return _conflict("Cannot delete entity, must detach all policies first.")


def is_in_profile() -> ServiceError:
    return _conflict("Cannot delete entity, must remove roles from instance profile first.")


def has_access_keys() -> ServiceError:
    return _conflict("Cannot delete entity, must delete access keys first.")


def has_members() -> ServiceError:
    return _conflict("Cannot delete entity, must remove users from group first.")


def is_attached() -> ServiceError:
    return _conflict("Cannot delete a policy attached to entities.")


def has_versions() -> ServiceError:
    return _conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy."
    )


def is_default_version() -> ServiceError:
    return _conflict("Cannot delete the default version of a policy.")


def _limit(message: str) -> ServiceError:
    return ServiceError("LimitExceeded", message, status=409)


def quota(name: str, limit: int) -> ServiceError:
    return _limit(f"Cannot exceed quota for {name}: {limit}")


def too_many_versions(limit: int) -> ServiceError:
    return _limit(
        f"A managed policy can have up to {limit} versions. Before you create a new version, you "
        "must delete an existing version."
    )


def inline_too_large(limit: int, kind: str, name: str) -> ServiceError:
    return _limit(f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")


def malformed(message: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocument", message)


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def user_name_needed() -> ServiceError:
    return validation("Must specify userName when calling with non-User credentials")


def invalid_policy_arn(arn: str) -> ServiceError:
    return validation(f"ARN {arn} is not valid.")


def invalid_marker(marker: str) -> ServiceError:
    return validation(f"Invalid Marker: {marker}")


def duplicate_tags() -> ServiceError:
    return ServiceError(
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )


def reserved_tag() -> ServiceError:
    return ServiceError(
        "InvalidInput", "Tag keys beginning with aws: are reserved for the use of AWS services."
    )


def too_many_tags(limit: int) -> ServiceError:
    return _limit(f"The number of tags has reached the maximum limit: {limit}")


def unmodifiable(name: str, service: str) -> ServiceError:
    return ServiceError(
        "UnmodifiableEntity",
        f"Cannot perform the operation on the protected role '{name}' - this role is only "
        f"modifiable by AWS ({service})",
    )


def aws_policy_is_fixed() -> ServiceError:
    return ServiceError(
        "AccessDenied", "Only a policy of the account itself can be changed.", status=403
    )


def unknown_document(arn: str) -> ServiceError:
    return ServiceError(
        "NotImplemented",
        f"{arn} can be attached, but Pileus does not know the text of this AWS managed policy.",
        status=501,
    )
