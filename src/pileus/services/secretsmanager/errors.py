"""What can be wrong, in Secrets Manager's own words.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError

_NO_VALUE = "Secrets Manager can't find the specified secret value for"


def _parameter(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _request(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)


def secret_not_found() -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
    )


def stage_not_found(stage: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"{_NO_VALUE} staging label: {stage}")


def version_not_found(version_id: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"{_NO_VALUE} VersionId: {version_id}")


def function_not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def stage_not_on_version() -> ServiceError:
    return _request("You provided a VersionStage that is not associated to the provided VersionId.")


def marked_for_deletion() -> ServiceError:
    return _request(
        "You can't perform this operation on the secret because it was marked for deletion."
    )


def name_scheduled_for_deletion() -> ServiceError:
    return _request(
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion."
    )


def secret_exists(name: str) -> ServiceError:
    return ServiceError(
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def token_in_use(token: str, arn: str) -> ServiceError:
    return ServiceError(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a "
        f"version of secret {arn}.",
    )


def invalid_name() -> ServiceError:
    return ServiceError(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
        "following: -/_+=.@!",
    )


def two_values() -> ServiceError:
    return _parameter(
        "You can't specify both a binary secret value and a string secret value in the same secret."
    )


def no_value() -> ServiceError:
    return _request("You must provide either SecretString or SecretBinary.")


def value_too_large(limit_bytes: int) -> ServiceError:
    return _parameter(
        f"The secret value is too large: its encrypted size must not exceed {limit_bytes} bytes."
    )


def secret_limit() -> ServiceError:
    return ServiceError(
        "LimitExceededException", "You have reached the maximum number of secrets per account."
    )


def version_limit() -> ServiceError:
    return ServiceError(
        "LimitExceededException", "You have reached the maximum number of versions of a secret."
    )


def label_limit(count: int) -> ServiceError:
    return ServiceError(
        "LimitExceededException",
        f"You can't attach more than {count} staging labels to a version of a secret.",
    )


def recovery_window_range(least: int, most: int) -> ServiceError:
    return _parameter(
        f"The RecoveryWindowInDays value must be between {least} and {most} days (inclusive)."
    )


def recovery_window_with_force() -> ServiceError:
    return _parameter(
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
    )


def remove_from_needed(stage: str, version_id: str) -> ServiceError:
    return _parameter(
        f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently "
        f"attached to version {version_id}, so you must explicitly reference that version in "
        "RemoveFromVersionId."
    )


def stage_elsewhere(stage: str, version_id: str) -> ServiceError:
    return _parameter(
        f"The staging label {stage} isn't attached to version {version_id}, which you specified "
        "in RemoveFromVersionId."
    )


def current_needs_a_place() -> ServiceError:
    return _parameter(
        "You can only move staging label AWSCURRENT to a different secret version. It can't be "
        "completely removed."
    )


def password_too_short() -> ServiceError:
    return _parameter("The password length is too short based on the required types.")


def no_characters() -> ServiceError:
    return _parameter("The password can't be made: every character is excluded.")


def too_many_tags(limit: int) -> ServiceError:
    return _parameter(f"You can't attach more than {limit} tags to a secret.")


def reserved_tag(key: str) -> ServiceError:
    return _parameter(
        f"The tag key {key} isn't allowed: keys that begin with aws: are reserved for AWS."
    )


def invalid_next_token() -> ServiceError:
    return ServiceError("InvalidNextTokenException", "Invalid token format.")


def invalid_filter(reason: str) -> ServiceError:
    return _parameter(reason)


def malformed_policy(reason: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocumentException", reason)


def public_policy() -> ServiceError:
    return ServiceError(
        "PublicPolicyException",
        "This resource policy grants broad access to the secret, which BlockPublicPolicy forbids.",
    )


def no_rotation_function() -> ServiceError:
    return _request("No Lambda rotation function ARN is associated with this secret.")


def rotation_under_way() -> ServiceError:
    return _request("A previous rotation isn't complete. That rotation will be reattempted.")


def both_rotation_rules() -> ServiceError:
    return _parameter(
        "You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules."
    )


def invalid_schedule(expression: str) -> ServiceError:
    return _parameter(f"The ScheduleExpression {expression} isn't valid.")


def invalid_duration(hours: int) -> ServiceError:
    return _parameter(
        f"The Duration {hours}h isn't valid: the rotation window must not extend into the next "
        "rotation window or the next UTC day."
    )


def nothing_to_fetch() -> ServiceError:
    return _parameter("You must provide either SecretIdList or Filters, and not both.")


def unsupported(what: str) -> ServiceError:
    return ServiceError(
        "NotImplemented", f"Pileus does not implement secretsmanager:{what} yet.", status=501
    )
