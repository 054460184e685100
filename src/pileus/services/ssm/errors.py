"""What can be wrong, in Parameter Store's own words.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
"""

from __future__ import annotations

from collections.abc import Iterable

from pileus.services.ssm.limits import LIMITS
from pileus.values.errors import ServiceError

_GUIDE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
_PATH_RULES = (
    "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can "
    "be formed as a mix of letters, numbers and the following 3 symbols .-_"
)


def _validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def parameter_not_found() -> ServiceError:
    # AWS gives no sentence.
    return ServiceError("ParameterNotFound")


def version_not_found(name: str, number: int | str) -> ServiceError:
    return ServiceError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find version {number} of {name}. "
        "Verify the version and try again.",
    )


def label_not_found(name: str, label: str) -> ServiceError:
    return ServiceError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find label {label} for parameter {name}. "
        "Verify the label and try again.",
    )


def parameter_already_exists() -> ServiceError:
    return ServiceError(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the "
        "request to true.",
    )


def type_required() -> ServiceError:
    return _validation("A parameter type is required when you create a parameter.")


def empty_value() -> ServiceError:
    return _validation(
        "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1."
    )


def nested_value() -> ServiceError:
    return _validation(
        'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
    )


def value_too_long() -> ServiceError:
    return _validation(
        "Standard tier parameters support a maximum parameter value of "
        f"{LIMITS.value_length_standard} characters. To create a larger parameter value, upgrade "
        "the parameter to use the advanced-parameter tier. For more information, see "
        f"{_GUIDE}parameter-store-advanced-parameters.html"
    )


def value_too_long_advanced() -> ServiceError:
    return _validation(
        "Advanced tier parameters support a maximum parameter value of "
        f"{LIMITS.value_length_advanced} characters."
    )


def no_downgrade() -> ServiceError:
    return _validation(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from "
        "the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete "
        "the advanced parameter and recreate it as a standard parameter."
    )


def tags_with_overwrite() -> ServiceError:
    return _validation(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with "
        "tags, please remove overwrite flag. To update tags for an existing parameter, please use "
        "AddTagsToResource or RemoveTagsFromResource."
    )


def reserved_name(name: str) -> ServiceError:
    return ServiceError("AccessDeniedException", f"No access to reserved parameter name: {name}.")


def reserved_prefix() -> ServiceError:
    return _validation('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).')


def reserved_path() -> ServiceError:
    return _validation(
        f'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). {_PATH_RULES}'
    )


def not_fully_qualified() -> ServiceError:
    return _validation("Parameter name must be a fully qualified name.")


def name_too_long() -> ServiceError:
    return _validation(
        f"The parameter name can have a maximum of {LIMITS.name_length_max} characters."
    )


def too_many_levels() -> ServiceError:
    return ServiceError(
        "HierarchyLevelLimitExceededException",
        f"A hierarchy can have a maximum of {LIMITS.levels_max} levels. For more information, see "
        "Requirements and constraints for parameter names in the AWS Systems Manager User Guide.",
    )


def invalid_path() -> ServiceError:
    return _validation(
        "The parameter doesn't meet the parameter name requirements. The parameter name must "
        'begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" '
        "(case-insensitive). It must use only letters, numbers, or the following symbols: . "
        "(period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, "
        'if specified, must use the forward slash symbol "/". Valid example: '
        "/get/parameters2-/by1./path0_."
    )


def type_changed() -> ServiceError:
    return ServiceError(
        "HierarchyTypeMismatchException",
        "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, "
        "you can't change a parameter from a String type to a SecureString type. You must create "
        "a new, unique parameter.",
    )


def pattern_mismatch(pattern: str) -> ServiceError:
    return ServiceError(
        "ParameterPatternMismatchException",
        f"Parameter value, cannot be validated against allowedPattern: {pattern}",
    )


def invalid_pattern() -> ServiceError:
    return ServiceError(
        "InvalidAllowedPatternException",
        "The request doesn't meet the regular expression requirement.",
    )


def unsupported_data_type(name: str) -> ServiceError:
    return _validation(
        f"The following data type is not supported: {name} (Data type names are all lowercase.)"
    )


def key_without_secret() -> ServiceError:
    return _validation("KeyId is required for SecureString type parameter only.")


def parameter_limit() -> ServiceError:
    return ServiceError(
        "ParameterLimitExceeded",
        "You have exceeded the number of parameters for this AWS account. Delete one or more "
        "parameters and try again.",
    )


def version_limit(name: str, oldest: int) -> ServiceError:
    return ServiceError(
        "ParameterMaxVersionLimitExceeded",
        f"You attempted to create a new version of {name} by calling the PutParameter API with "
        f"the overwrite flag. Version {oldest}, the oldest version, can't be deleted because it "
        "has a label associated with it. Move the label to another version of the parameter, and "
        "try again.",
    )


def label_limit() -> ServiceError:
    return ServiceError(
        "ParameterVersionLabelLimitExceeded",
        "A parameter version can have maximum 10 labels."
        "Move one or more labels to another version and try again.",
    )


def invalid_policy(reason: str) -> ServiceError:
    return ServiceError("InvalidPolicyAttributeException", reason)


def invalid_policy_type(name: object) -> ServiceError:
    return ServiceError(
        "InvalidPolicyTypeException",
        f"The policy type {name} isn't supported. Parameter Store supports the following policy "
        "types: Expiration, ExpirationNotification, and NoChangeNotification.",
    )


def policies_limit() -> ServiceError:
    return ServiceError(
        "PoliciesLimitExceededException",
        "You specified more than the maximum number of allowed policies for the parameter. The "
        f"maximum is {LIMITS.policies_max}.",
    )


def policies_need_advanced() -> ServiceError:
    return _validation(
        "The parameter policies require the advanced-parameter tier. For more information, see "
        f"{_GUIDE}parameter-store-advanced-parameters.html"
    )


def invalid_resource_id() -> ServiceError:
    return ServiceError(
        "InvalidResourceId",
        "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
    )


def unsupported_resource_type(name: str) -> ServiceError:
    return ServiceError(
        "InvalidResourceType",
        f"Pileus keeps tags of resources of type Parameter only, not of {name}.",
    )


def too_many_tags() -> ServiceError:
    return ServiceError(
        "TooManyTagsError",
        "The Targets parameter includes too many tags. Remove one or more tags and try the "
        "command again.",
    )


def invalid_next_token() -> ServiceError:
    return ServiceError("InvalidNextToken", "The specified token isn't valid.")


def invalid_filter_key(key: str, valid: Iterable[str]) -> ServiceError:
    return ServiceError(
        "InvalidFilterKey",
        f"The following filter key is not valid: {key}. "
        f"Valid filter keys include: [{', '.join(valid)}].",
    )


def duplicate_filter(key: str) -> ServiceError:
    return ServiceError(
        "InvalidFilterKey",
        f"The following filter is duplicated in the request: {key}. A request can contain only "
        "one instance of a specific filter.",
    )


def invalid_filter_option(option: str, valid: Iterable[str]) -> ServiceError:
    return ServiceError(
        "InvalidFilterOption",
        f"The following filter option is not valid: {option}. "
        f"Valid options include: [{', '.join(valid)}].",
    )


def invalid_filter_value(value: str, valid: Iterable[str]) -> ServiceError:
    return ServiceError(
        "InvalidFilterValue",
        f"The following filter value is not valid: {value}. "
        f"Valid values include: [{', '.join(valid)}].",
    )


def missing_filter_values(key: str) -> ServiceError:
    return ServiceError(
        "InvalidFilterValue",
        f"The following filter values are missing : null for filter key {key}.",
    )


def two_kinds_of_filters() -> ServiceError:
    return _validation("You can use either Filters or ParameterFilters in a single request.")


def secrets_reference() -> ServiceError:
    return ServiceError(
        "NotImplemented",
        "Pileus does not resolve /aws/reference/secretsmanager parameters yet.",
        status=501,
    )
