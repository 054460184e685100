"""What can be wrong, in CloudFormation's own words.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Iterable

from pileus.values.errors import ServiceError


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def stack_with_id_does_not_exist(name: str) -> ServiceError:
    return validation(f"Stack with id {name} does not exist")


def stack_does_not_exist(name: str) -> ServiceError:
    return validation(f"Stack [{name}] does not exist")


def quoted_stack_does_not_exist(name: str) -> ServiceError:
    return validation(f"Stack '{name}' does not exist")


def resource_does_not_exist(logical_id: str, stack_name: str) -> ServiceError:
    return validation(f"Resource {logical_id} does not exist for stack {stack_name}")


def already_exists(name: str) -> ServiceError:
    return ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")


def cannot_update(stack_id: str, status: str) -> ServiceError:
    return validation(f"Stack:{stack_id} is in {status} state and can not be updated.")


def cannot_delete(stack_id: str, status: str) -> ServiceError:
    return validation(f"Stack [{stack_id}] cannot be deleted while in status {status}")


def is_protected(name: str) -> ServiceError:
    return validation(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")


def no_updates() -> ServiceError:
    return validation("No updates are to be performed.")


def change_set_not_found(name: str) -> ServiceError:
    return ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", status=404)


def change_set_exists(name: str) -> ServiceError:
    return ServiceError("AlreadyExistsException", f"ChangeSet {name} cannot be created due to a "
                        "mismatch with existing attribute Template")  # fmt: skip


def change_set_not_executable(change_set_id: str, what: str, status: str) -> ServiceError:
    return ServiceError(
        "InvalidChangeSetStatus",
        f"ChangeSet [{change_set_id}] cannot be executed in its current {what} of [{status}]",
    )


def change_set_not_deletable(change_set_id: str, status: str) -> ServiceError:
    return ServiceError(
        "InvalidChangeSetStatus",
        f"ChangeSet [{change_set_id}] cannot be deleted in its current status of [{status}]",
    )


def requires_capabilities(names: Iterable[str]) -> ServiceError:
    return ServiceError(
        "InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(names)}]"
    )


def unrecognized_types(names: Iterable[str]) -> ServiceError:
    return validation(f"Template format error: Unrecognized resource types: [{', '.join(names)}]")


def unknown_transform(name: str) -> ServiceError:
    return validation(f"No transform named {name} found.")


def no_sam() -> ServiceError:
    return validation(
        "Pileus does not expand the transform AWS::Serverless-2016-10-31 yet. Expand the template "
        "before it is deployed."
    )


def export_in_use(name: str, importers: Iterable[str], verb: str) -> str:
    return f"Export {name} cannot be {verb} as it is in use by {' and '.join(importers)}"


def export_kept(name: str, importers: Iterable[str]) -> str:
    """Why a stack is not deleted."""
    users = " and ".join(importers)
    return f"Delete canceled. Cannot delete export {name} as it is in use by {users}."


def invalid_stack_name(name: str, constraint: str) -> ServiceError:
    return validation(
        f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
        f"Member must {constraint}"
    )


def too_many_stacks(limit: int) -> ServiceError:
    return ServiceError(
        "LimitExceededException", f"Limit for stack has been exceeded. Limit: {limit}"
    )


def not_supported(what: str) -> ServiceError:
    return validation(f"Pileus does not support {what} yet.")
