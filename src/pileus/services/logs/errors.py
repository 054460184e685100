"""What can be wrong, in CloudWatch Logs' own words.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.services.logs.limits import RETENTION_DAYS
from pileus.values.errors import ServiceError


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def group_not_found() -> ServiceError:
    return _not_found("The specified log group does not exist.")


def stream_not_found() -> ServiceError:
    return _not_found("The specified log stream does not exist.")


def filter_not_found() -> ServiceError:
    return _not_found("The specified subscription filter does not exist.")


def metric_filter_not_found() -> ServiceError:
    return _not_found("The specified metric filter does not exist.")


def resource_not_found() -> ServiceError:
    return _not_found("The specified resource does not exist.")


def group_exists() -> ServiceError:
    return ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> ServiceError:
    return ServiceError("ResourceAlreadyExistsException", "The specified log stream already exists")


def limit_exceeded() -> ServiceError:
    return ServiceError("LimitExceededException", "Resource limit exceeded.")


def too_many_tags(arn: str) -> ServiceError:
    return ServiceError(
        "TooManyTagsException",
        "The maximum number of tags for the resource is exceeded.",
        fields={"resourceName": arn},
    )


def reserved_name() -> ServiceError:
    return invalid("Log groups starting with AWS/ are reserved for AWS.")


def invalid_retention(days: int) -> ServiceError:
    return invalid(
        f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy "
        f"constraint: Member must satisfy enum value set: {list(RETENTION_DAYS)}"
    )


def is_protected() -> ServiceError:
    return ServiceError(
        "ValidationException",
        "The log group cannot be deleted because deletion protection is enabled.",
    )


def name_or_identifier() -> ServiceError:
    return invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters.")


def name_missing() -> ServiceError:
    return invalid("Either logGroupName or logGroupIdentifier must be specified.")


def prefix_and_pattern() -> ServiceError:
    return invalid(
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    )


def names_and_prefix() -> ServiceError:
    return invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")


def prefix_with_time_order() -> ServiceError:
    return invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")


def invalid_token() -> ServiceError:
    return invalid("The specified nextToken is invalid.")


def not_chronological() -> ServiceError:
    return invalid("Log events in a single PutLogEvents request must be in chronological order.")


def span_too_long() -> ServiceError:
    return invalid(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    )


def batch_too_large(size_bytes: int, limit_bytes: int) -> ServiceError:
    return invalid(f"Upload too large: {size_bytes} bytes exceeds limit of {limit_bytes}")


def event_too_large(size_bytes: int, limit_bytes: int) -> ServiceError:
    return invalid(f"Log event too large: {size_bytes} bytes exceeds limit of {limit_bytes}")


def invalid_pattern(reason: str) -> ServiceError:
    return invalid(f"Invalid filter pattern: {reason.removeprefix('Invalid filter pattern: ')}")


def invalid_policy(reason: str) -> ServiceError:
    return invalid(f"Invalid policy document: {reason}")


def policy_not_found(name: str) -> ServiceError:
    return _not_found(f"Policy with name [{name}] does not exist")


def unsupported(what: str) -> ServiceError:
    return ServiceError("NotImplemented", f"Pileus does not implement {what} yet.", status=501)


def unsupported_destination(arn: str) -> ServiceError:
    return invalid(
        f"Pileus delivers log events to functions and Kinesis streams only so far, not to {arn}"
    )
