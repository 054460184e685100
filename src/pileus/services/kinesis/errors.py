"""What can be wrong, in the words of Kinesis Data Streams.

https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import HASH_KEYS
from pileus.values.errors import ServiceError


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidArgumentException", message)


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def limit_exceeded(message: str) -> ServiceError:
    return ServiceError("LimitExceededException", message)


def not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def in_use(message: str) -> ServiceError:
    return ServiceError("ResourceInUseException", message)


def no_stream_named() -> ServiceError:
    return invalid("Missing StreamName or StreamARN.")


def stream_not_found(name: str, account: str) -> ServiceError:
    return not_found(f"Stream {name} under account {account} not found.")


def stream_exists(name: str, account: str) -> ServiceError:
    return in_use(f"Stream {name} under account {account} already exists.")


def has_consumers(arn: str) -> ServiceError:
    return in_use(
        f"DeleteStream can't delete {arn} because there are consumers associated with this data "
        f"stream. To delete {arn.rpartition('/')[2]} anyway, set the EnforceConsumerDeletion "
        "parameter to true to force the deletion of all the consumers that are associated with it."
    )


def consumer_not_found(arn: str, account: str) -> ServiceError:
    return not_found(f"Consumer {arn}, account {account} not found.")


def consumer_exists(name: str, stream: str, account: str) -> ServiceError:
    return in_use(f"Consumer {name} under stream {stream}, account {account} already exists.")


def too_many_shards(current: int, more: int, account: str, region: str) -> ServiceError:
    return limit_exceeded(
        f"This request would exceed the shard limit for the account {account} in {region}. Current "
        f"shard count for the account: {current}. Limit: {LIMITS.shards_max}. Number of additional "
        f"shards that would have resulted from this request: {more}. Refer to the AWS Service "
        "Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for "
        "current limits and how to request higher limits."
    )


def no_such_shard(shard: str, stream: str, account: str) -> ServiceError:
    return not_found(f"Shard {shard} in stream {stream} under account {account} does not exist")


def could_not_find_shard(shard: str, stream: str, account: str) -> ServiceError:
    return not_found(f"Could not find shard {shard} in stream {stream} under account {account}.")


def already_closed(shard: str, stream: str, account: str) -> ServiceError:
    return invalid(
        f"Shard {shard} in stream {stream} under account {account} has already been merged or "
        "split, and thus is not eligible for merging or splitting."
    )


def not_adjacent(one: str, other: str, stream: str, account: str) -> ServiceError:
    return invalid(
        f"Shards {one} and {other} in stream {stream} under account {account} are not an adjacent "
        "pair of shards eligible for merging"
    )


def bad_split(at: str, place: str, low: str, high: str) -> ServiceError:
    """``place`` names shard, stream and account."""
    return invalid(
        f"NewStartingHashKey {at} used in SplitShard() on {place} is not both greater than one plus "
        f"the shard's StartingHashKey {low} and less than the shard's EndingHashKey {high}."
    )


def on_demand_only(operation: str, name: str, account: str) -> ServiceError:
    return validation(
        f"{operation} is not supported for stream {name} under account {account}: it is in "
        "ON_DEMAND mode."
    )


def bad_hash_key(value: str) -> ServiceError:
    return invalid(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
        f"[0, {HASH_KEYS - 1}]. Specified value was {value}"
    )


def rate_exceeded(shard: str, stream: str, account: str) -> ServiceError:
    return ServiceError(
        "ProvisionedThroughputExceededException",
        f"Rate exceeded for shard {shard} in stream {stream} under account {account}.",
    )


def bad_sequence(sequence: str, place: str, reason: str) -> ServiceError:
    """``place`` names shard, stream and account."""
    return invalid(
        f"StartingSequenceNumber {sequence} used in GetShardIterator on {place} is invalid{reason}."
    )


def start_and_kind(kind: str, told: str) -> ServiceError:
    """``told`` is ``no`` or ``also a``."""
    return invalid(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        f"Request specified {kind} and {told} StartingSequenceNumber."
    )


def subscribed(place: str) -> ServiceError:
    """``place`` is account, stream, shard and consumer."""
    return in_use(f"Another active subscription exists for this consumer: {place}")


def sequence_of_other_shard(found: str, asked: str) -> ServiceError:
    return invalid(
        f"Invalid StartingSequenceNumber. It encodes {found}, while it was used in a call to a "
        f"shard with {asked}"
    )


def invalid_iterator() -> ServiceError:
    return invalid("Invalid ShardIterator.")


def iterator_expired(issued: str, now: str) -> ServiceError:
    return ServiceError(
        "ExpiredIteratorException",
        f"Iterator expired. The iterator was created at time {issued} while right now it is {now} "
        "which is further in the future than the tolerated delay of "
        f"{LIMITS.iterator_ms} milliseconds.",
    )


def invalid_token() -> ServiceError:
    return invalid("The NextToken is invalid.")


def token_expired() -> ServiceError:
    return ServiceError("ExpiredNextTokenException", "The NextToken has expired.")


def dry_run() -> ServiceError:
    return ServiceError(
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun parameter is set.",
    )


def unsupported(what: str) -> ServiceError:
    return invalid(f"Pileus does not implement {what} of Kinesis yet.")
