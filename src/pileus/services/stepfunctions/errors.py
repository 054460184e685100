"""What can be wrong, in Step Functions' own words.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def invalid_arn(arn: str) -> ServiceError:
    return ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN: {arn}'")


def wrong_resource_type(kind: str) -> ServiceError:
    return ServiceError(
        "InvalidArn",
        f"Invalid Arn: 'Resource type not valid in this context: {kind}'",
    )


def invalid_name(name: str) -> ServiceError:
    return ServiceError("InvalidName", f"Invalid Name: '{name}'")


def invalid_definition(message: str) -> ServiceError:
    return ServiceError("InvalidDefinition", message)


def invalid_input(reason: str) -> ServiceError:
    return ServiceError(
        "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{reason}'"
    )


def invalid_output(reason: str) -> ServiceError:
    return ServiceError("InvalidOutput", f"Invalid Output: '{reason}'")


def invalid_token(reason: str = "Invalid token") -> ServiceError:
    return ServiceError("InvalidToken", f"Invalid Token: '{reason}'")


def machine_not_found(arn: str) -> ServiceError:
    return ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def machine_exists(arn: str) -> ServiceError:
    return ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")


def machine_deleting(arn: str) -> ServiceError:
    return ServiceError("StateMachineDeleting", f"State Machine Deleting: '{arn}'")


def machine_limit(most: int) -> ServiceError:
    return ServiceError(
        "StateMachineLimitExceeded", f"The maximum number of state machines is reached: {most}."
    )


def type_not_supported(operation: str, kind: str) -> ServiceError:
    return ServiceError(
        "StateMachineTypeNotSupported",
        f"This operation is not supported by this type of state machine: {operation}, {kind}",
    )


def missing_parameter(message: str) -> ServiceError:
    return ServiceError("MissingRequiredParameter", message)


def execution_not_found(arn: str) -> ServiceError:
    return ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def execution_exists(arn: str) -> ServiceError:
    return ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")


def activity_not_found(arn: str) -> ServiceError:
    return ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def activity_limit(most: int) -> ServiceError:
    return ServiceError(
        "ActivityLimitExceeded", f"The maximum number of activities is reached: {most}."
    )


def task_gone() -> ServiceError:
    return ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")


def resource_not_found(arn: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFound", f"Resource not found: '{arn}'", fields={"resourceName": arn}
    )


def too_many_tags(arn: str) -> ServiceError:
    return ServiceError("TooManyTags", f"Too many tags: '{arn}'", fields={"resourceName": arn})


def not_yet(what: str) -> ServiceError:
    """Something that AWS has and this room does not (yet)."""
    return validation(f"Pileus does not have {what} yet.")
