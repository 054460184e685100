"""What can be wrong, in STS's own words.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def _validation(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def _denied(message: str) -> ServiceError:
    return ServiceError("AccessDenied", message, status=403)


def invalid_arn() -> ServiceError:
    return _validation("Request ARN is invalid")


def invalid_access_key_id() -> ServiceError:
    return _validation("The access key ID is not valid.")


def not_authorized(caller: str, action: str, resource: str) -> ServiceError:
    return _denied(f"User: {caller} is not authorized to perform: {action} on resource: {resource}")


def session_credentials(operation: str) -> ServiceError:
    return _denied(f"Cannot call {operation} with session credentials")


def duration_exceeds_role() -> ServiceError:
    return _validation(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )


def duration_exceeds_chaining() -> ServiceError:
    return _validation(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
        "role chaining"
    )


def packed_policy_too_large(percent: int) -> ServiceError:
    return ServiceError(
        "PackedPolicyTooLarge",
        f"Packed size of session tags and policies consumes {percent}% of allotted space.",
    )


def duplicate_tags() -> ServiceError:
    return ServiceError(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
