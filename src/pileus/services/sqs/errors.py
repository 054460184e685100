"""What can be wrong, in SQS's own words.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError

_LEGACY = "AWS.SimpleQueueService."


def queue_does_not_exist() -> ServiceError:
    return ServiceError(
        "QueueDoesNotExist",
        "The specified queue does not exist.",
        query_code=_LEGACY + "NonExistentQueue",
        query_message="The specified queue does not exist for this wsdl version.",
    )


def queue_name_exists(attribute: str) -> ServiceError:
    return ServiceError(
        "QueueNameExists",
        "A queue already exists with the same name and a different value for attribute "
        f"{attribute}",
        query_code="QueueAlreadyExists",
    )


def missing_parameter(name: str) -> ServiceError:
    return ServiceError("MissingParameter", f"The request must contain the parameter {name}.")


def invalid_parameter(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def invalid_value(value: object, name: str, reason: str) -> ServiceError:
    return invalid_parameter(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def invalid_attribute_name(name: str) -> ServiceError:
    return ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute_value(name: str, reason: str = "") -> ServiceError:
    told = f" Reason: {reason}" if reason else ""
    return ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{told}")


def two_encryptions() -> ServiceError:
    return ServiceError(
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable "
        "KMS SSE or SQS SSE.",
    )


def receipt_handle_is_invalid(handle: str) -> ServiceError:
    return ServiceError(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{handle}" is not a valid receipt handle.',
    )


def not_in_flight(handle: str) -> ServiceError:
    return invalid_value(
        handle,
        "ReceiptHandle",
        "Message does not exist or is not available for visibility timeout change.",
    )


def handle_expired(handle: str) -> ServiceError:
    return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")


def invisible_too_long(timeout_s: int, limit_s: int) -> ServiceError:
    return invalid_value(
        timeout_s,
        "VisibilityTimeout",
        f"Total VisibilityTimeout for the message is beyond the limit [{limit_s} seconds]",
    )


def over_limit(message: str) -> ServiceError:
    return ServiceError("OverLimit", message, status=403)


def unsupported(message: str) -> ServiceError:
    return ServiceError(
        "UnsupportedOperation", message, query_code=_LEGACY + "UnsupportedOperation"
    )


def message_too_long(limit_bytes: int) -> ServiceError:
    return invalid_parameter(
        f"One or more parameters are invalid. Reason: Message must be shorter than {limit_bytes} bytes."
    )


def invalid_characters() -> ServiceError:
    return ServiceError(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are "
        "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    )


def empty_batch(operation: str) -> ServiceError:
    return ServiceError(
        "EmptyBatchRequest",
        f"There should be at least one {operation}RequestEntry in the request.",
        query_code=_LEGACY + "EmptyBatchRequest",
    )


def too_many_entries(count: int) -> ServiceError:
    return ServiceError(
        "TooManyEntriesInBatchRequest",
        f"Maximum number of entries per request are 10. You have sent {count}.",
        query_code=_LEGACY + "TooManyEntriesInBatchRequest",
    )


def ids_not_distinct(entry_id: str) -> ServiceError:
    return ServiceError(
        "BatchEntryIdsNotDistinct",
        f"Id {entry_id} repeated.",
        query_code=_LEGACY + "BatchEntryIdsNotDistinct",
    )


def invalid_entry_id() -> ServiceError:
    return ServiceError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        "It can be at most 80 letters long.",
        query_code=_LEGACY + "InvalidBatchEntryId",
    )


def batch_too_long(limit_bytes: int, size_bytes: int) -> ServiceError:
    return ServiceError(
        "BatchRequestTooLong",
        f"Batch requests cannot be longer than {limit_bytes} bytes. You have sent {size_bytes} bytes.",
        query_code=_LEGACY + "BatchRequestTooLong",
    )


def purge_in_progress(name: str) -> ServiceError:
    return ServiceError(
        "PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
        status=403,
        query_code=_LEGACY + "PurgeQueueInProgress",
    )


def resource_not_found(parameter: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
        status=404,
    )


def task_not_found() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "Task does not exist.", status=404)
