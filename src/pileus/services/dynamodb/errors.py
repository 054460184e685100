"""What can be wrong, in DynamoDB's own words.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pileus.languages.dynamodb.errors import INVALID_PARAMETERS, EmptyKey, InvalidRequest
from pileus.values.errors import ServiceError


def table_not_found(name: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"
    )


def resource_not_found() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "Requested resource not found")


def table_exists(name: str) -> ServiceError:
    return ServiceError("ResourceInUseException", f"Table already exists: {name}")


def stream_not_found(arn: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
    )


def shard_not_found(shard: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", f"Requested resource not found: Shard: {shard} not found"
    )


def iterator_expired() -> ServiceError:
    return ServiceError(
        "ExpiredIteratorException",
        "The provided iterator exceeds the maximum age and is no longer valid",
    )


def trimmed() -> ServiceError:
    return ServiceError(
        "TrimmedDataAccessException",
        "The data you are trying to access has been trimmed",
    )


def condition_failed(item: dict[str, Any] | None) -> ServiceError:
    fields = {"Item": item} if item else {}
    return ServiceError(
        "ConditionalCheckFailedException", "The conditional request failed", fields=fields
    )


def transaction_cancelled(reasons: Sequence[dict[str, Any]]) -> ServiceError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return ServiceError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        fields={"CancellationReasons": list(reasons)},
    )


def empty_index_key(kind: str, index: str, name: str) -> ServiceError:
    word = "string" if kind == "S" else "binary"
    return EmptyKey(
        "One or more parameter values are not valid. A value specified for a secondary index key is "
        f"not supported. The AttributeValue for a key attribute cannot contain an empty {word} "
        f"value. IndexName: {index}, IndexKey: {name}"
    )


class IndexKeyType(InvalidRequest):
    """A key of an index has another type than the table says."""


def update_of_index_key() -> ServiceError:
    return InvalidRequest(
        "The update expression attempted to update the secondary index key to unsupported type"
    )


def empty_update_of_index_key(kind: str) -> ServiceError:
    word = "string" if kind == "S" else "binary"
    return EmptyKey(
        "One or more parameter values are not valid. The update expression attempted to update a "
        "secondary index key to a value that is not supported. The AttributeValue for a key "
        f"attribute cannot contain an empty {word} value."
    )


def arn_not_found(arn: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException",
        # The missing letter is AWS's.
        f"Requested resource not found: ResourcArn: {arn} not found",
    )


def one_index_at_a_time() -> ServiceError:
    return ServiceError(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously "
        "per table",
    )


def token_mismatch() -> ServiceError:
    return ServiceError(
        "IdempotentParameterMismatchException",
        "The request uses the same client token as a previous, but non-identical request.",
    )


def key_mismatch() -> ServiceError:
    return InvalidRequest("The provided key element does not match the schema")


def invalid(message: str) -> ServiceError:
    return InvalidRequest(message)


def invalid_parameter(message: str) -> ServiceError:
    return InvalidRequest(f"{INVALID_PARAMETERS}{message}")
