"""What can be wrong, in EventBridge's own words.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def bus_not_found(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Event bus {name} does not exist.")


def rule_not_found(name: str, bus: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}."
    )


def archive_not_found(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Archive {name} does not exist.")


def replay_not_found(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Replay {name} does not exist.")


def exists(kind: str, name: str) -> ServiceError:
    return ServiceError("ResourceAlreadyExistsException", f"{kind} {name} already exists.")


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def invalid_parameter(name: str, reason: str) -> ServiceError:
    return validation(f"Parameter {name} is not valid. Reason: {reason}")


def limit_exceeded(what: str) -> ServiceError:
    return ServiceError(
        "LimitExceededException",
        f"The requested resource exceeds the maximum number allowed: {what}.",
    )


def bus_statement_not_found() -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", "Statement with the provided id does not exist."
    )


def bus_without_policy() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "EventBus does not have a policy.")


def illegal_status(name: str) -> ServiceError:
    return ServiceError(
        "IllegalStatusException", f"Replay {name} is not in a valid state for this operation."
    )


def one_filter(operation: str, last: str) -> ServiceError:
    return validation(
        f"At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or "
        f"{last}."
    )
