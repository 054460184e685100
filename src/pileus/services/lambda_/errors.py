"""What can be wrong, in Lambda's own words.

https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError

_USER = {"Type": "User"}


def not_found(arn: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", f"Function not found: {arn}", status=404, fields=_USER
    )


def resource_not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, status=404, fields=_USER)


def conflict(message: str) -> ServiceError:
    return ServiceError("ResourceConflictException", message, status=409, fields=_USER)


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message, status=400, fields=_USER)


def too_large(size_bytes: int, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "RequestTooLargeException",
        f"Request must be smaller than {limit_bytes} bytes for the InvokeFunction operation",
        status=413,
        fields=_USER,
    )


def invalid_request_content(message: str) -> ServiceError:
    return ServiceError("InvalidRequestContentException", message, status=400, fields=_USER)


def precondition_failed() -> ServiceError:
    return ServiceError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/"
        "GetAlias API to retrieve the latest Revision Id",
        status=412,
        fields=_USER,
    )


def runtime_missing(message: str) -> ServiceError:
    return ServiceError("InvalidRuntimeException", message, status=502)
