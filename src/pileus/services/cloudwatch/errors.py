"""What can be wrong, in CloudWatch's own words.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pileus.values.errors import ServiceError


def invalid_value(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


def invalid_parameter(value: object, name: str) -> ServiceError:
    return invalid_value(f"The value {value} for parameter {name} is invalid.")


def combination(message: str) -> ServiceError:
    return ServiceError("InvalidParameterCombinationException", message)


def exclusive(first: str, second: str) -> ServiceError:
    return combination(
        f"The parameters {first} and {second} are mutually exclusive and you have specified both."
    )


def missing(name: str) -> ServiceError:
    return ServiceError("MissingRequiredParameterException", f"The parameter {name} is required.")


def validation(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def too_many_points(count: int, limit: int) -> ServiceError:
    return combination(
        f"You have requested up to {count:,} datapoints, which exceeds the limit of {limit:,}. "
        "You may reduce the datapoints requested by increasing Period, or decreasing the time "
        "range."
    )


def expression_error(query_id: str, reason: str) -> ServiceError:
    return validation(f"Error in expression '{query_id}': {reason}")


def invalid_next_token() -> ServiceError:
    return ServiceError("InvalidNextToken", "The token is invalid.")


def metric_limit(limit: int) -> ServiceError:
    return ServiceError("LimitExceededFault", f"There are more than {limit:,} metrics.")


def alarm_not_found(name: str) -> ServiceError:
    return ServiceError("ResourceNotFound", f"Alarm {name} does not exist")


def resource_not_found(arn: str) -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException",
        f"Unknown resource: {arn}",
        status=404,
        fields={"ResourceType": "alarm", "ResourceId": arn},
    )


def dashboard_not_found(names: Sequence[str]) -> ServiceError:
    return ServiceError("DashboardNotFoundError", f"Dashboard {', '.join(names)} does not exist")


def invalid_dashboard(message: str) -> ServiceError:
    told = [{"DataPath": "/", "Message": message}]
    return ServiceError(
        "DashboardInvalidInputError", message, fields={"dashboardValidationMessages": told}
    )


def invalid_state_data() -> ServiceError:
    return ServiceError("InvalidFormatFault", "StateReasonData is not valid JSON.")


def alarm_needed_by(name: str, parents: Sequence[str]) -> ServiceError:
    return validation(
        f"Alarm {name} can't be deleted: the composite alarms {', '.join(parents)} depend on it."
    )


def unsupported(what: str) -> ServiceError:
    return ServiceError(
        "NotImplemented", f"Pileus does not implement cloudwatch:{what} yet.", status=501
    )
