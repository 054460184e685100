"""What can be wrong, in SNS's own words. https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def not_found(what: str = "Topic") -> ServiceError:
    return ServiceError("NotFound", f"{what} does not exist", status=404)


def invalid(reason: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {reason}")


def invalid_value(reason: str) -> ServiceError:
    return ServiceError("ParameterValueInvalid", reason)


def batch(code: str, message: str) -> ServiceError:
    return ServiceError(code, message)


def resource_not_found() -> ServiceError:
    return ServiceError("ResourceNotFound", "Resource does not exist", status=404)


def tag_limit_exceeded() -> ServiceError:
    return ServiceError(
        "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"
    )


def invalid_token() -> ServiceError:
    return ServiceError("InvalidParameter", "Invalid token")


def protocol_missing(protocol: str) -> ServiceError:
    return ServiceError(
        "InvalidParameter",
        f"Invalid parameter: Protocol Reason: Pileus does not deliver to {protocol} endpoints yet.",
    )
