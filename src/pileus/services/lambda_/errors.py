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


def image_with_runtime() -> ServiceError:
    return invalid(
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType "
        "is Image."
    )


def image_config_with_package() -> ServiceError:
    return invalid(
        "Please don't provide ImageConfig when the intended function PackageType is Zip."
    )


def image_with_code_signing() -> ServiceError:
    return invalid("Code signing is not supported for functions created with container images.")


def no_image_uri(action: str) -> ServiceError:
    """``action`` is ``creating`` or ``updating``."""
    return invalid(f"Please provide ImageUri when {action} a function with packageType Image.")


def image_uri_with_package() -> ServiceError:
    return invalid("Please don't provide ImageUri when updating a function with packageType Zip.")


def no_such_image(uri: str) -> ServiceError:
    return invalid(f"Source image {uri} does not exist. Provide a valid source image.")


def invalid_image(uri: str) -> ServiceError:
    return invalid(f"Source image {uri} is not valid. Provide a valid source image.")


def unsupported_image(uri: str) -> ServiceError:
    return invalid(
        f"The image manifest, config or layer media type for the source image {uri} is not "
        "supported."
    )


def mapping_exists(source: str, function: str, mapping_id: str) -> ServiceError:
    told = f'The event source arn (" {source} ") and function (" {function} ") provided mapping'
    if ":sqs:" in source:
        told = f'An event source mapping with SQS arn (" {source} ") and function (" {function} ")'
    return conflict(
        f"{told} already exists. Please update or delete the existing mapping with UUID "
        f"{mapping_id}"
    )


def no_provisioned_concurrency() -> ServiceError:
    return ServiceError(
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
        status=404,
        fields=_USER,
    )


def code_signing_not_found(arn: str) -> ServiceError:
    return ServiceError(
        "CodeSigningConfigNotFoundException",
        "The code signing configuration cannot be found. Check that the provided configuration is "
        f"not deleted: {arn}.",
        status=404,
        fields=_USER,
    )


def unreachable_region(theirs: str, ours: str) -> ServiceError:
    return resource_not_found(
        f"Functions from '{theirs}' are not reachable in this region ('{ours}')"
    )


def not_authorized(caller: str, action: str, arn: str) -> ServiceError:
    """Another account's function."""
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on resource: {arn} because no "
        f"resource-based policy allows the {action} action",
        status=403,
    )


def payload_too_large(size_bytes: int, kind: str, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "RequestEntityTooLargeException",
        f"{size_bytes} byte payload is too large for the {kind} invocation type "
        f"(limit {limit_bytes} bytes)",
        status=413,
        fields=_USER,
    )


def request_too_large(operation: str, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "RequestEntityTooLargeException",
        f"Request must be smaller than {limit_bytes} bytes for the {operation} operation",
        status=413,
        fields=_USER,
    )


def invalid_request_content(message: str) -> ServiceError:
    return ServiceError("InvalidRequestContentException", message, status=400, fields=_USER)


def statement_exists(statement_id: str) -> ServiceError:
    return conflict(
        f"The statement id ({statement_id}) provided already exists. Please provide a new "
        "statement id, or remove the existing statement."
    )


def no_statement(statement_id: str) -> ServiceError:
    return resource_not_found(f"Statement {statement_id} is not found in resource policy.")


def no_policy() -> ServiceError:
    return resource_not_found("No policy is associated with the given resource.")


def precondition_failed(operation: str = "GetFunction/GetAlias") -> ServiceError:
    """``operation`` tells the latest revision."""
    return ServiceError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the "
        f"{operation} API to retrieve the latest Revision Id",
        status=412,
        fields=_USER,
    )


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def execution_already_started(name: str) -> ServiceError:
    return ServiceError(
        "DurableExecutionAlreadyStartedException",
        f"The durable execution {name} has already been started with another payload.",
        status=409,
        fields=_USER,
    )


def unqualified_durable() -> ServiceError:
    return invalid("You cannot invoke a durable function using an unqualified ARN.")


def execution_unfinished(arn: str) -> ServiceError:
    return ServiceError(
        "ServiceException", f"{arn} did not end although its time is over.", status=500
    )


def no_execution(arn: str) -> ServiceError:
    return resource_not_found(f"Durable execution not found: {arn}")


def callback_closed() -> ServiceError:
    return ServiceError(
        "CallbackTimeoutException",
        "The callback ID token has either expired or the callback associated with the token has "
        "already been closed.",
        status=400,
        fields=_USER,
    )


def without_snap_start(feature: str) -> ServiceError:
    """Something that functions with SnapStart cannot have."""
    return invalid(f"{feature} is not supported for SnapStart enabled functions.")


def snapshot_not_ready() -> ServiceError:
    return ServiceError(
        "SnapStartNotReadyException",
        "Lambda is initializing your function. It will be ready to invoke once your function state "
        "becomes ACTIVE.",
        status=409,
        fields=_USER,
    )


def not_in_state(state: str) -> ServiceError:
    return conflict(
        "The operation cannot be performed at this time. The function is currently in the following "
        f"state: {state}"
    )


def unusable_package(message: str) -> ServiceError:
    return ServiceError("InvalidZipFileException", message, status=502)


def code_gone(function: str, version: str) -> ServiceError:
    return ServiceError(
        "ServiceException", f"The package of {function}:{version} is gone.", status=500
    )


def runtime_missing(message: str) -> ServiceError:
    return ServiceError("InvalidRuntimeException", message, status=502)
