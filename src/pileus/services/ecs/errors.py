"""What can be wrong, in ECS's own words.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def client(message: str) -> ServiceError:
    """What the caller asked cannot be."""
    return ServiceError("ClientException", message)


def invalid(message: str) -> ServiceError:
    """A parameter that cannot be."""
    return ServiceError("InvalidParameterException", message)


def cluster_not_found() -> ServiceError:
    return ServiceError("ClusterNotFoundException", "Cluster not found.")


def cluster_has_tasks() -> ServiceError:
    return ServiceError(
        "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
    )


def cluster_has_services() -> ServiceError:
    return ServiceError(
        "ClusterContainsServicesException",
        "The Cluster cannot be deleted while Services are active.",
    )


def definition_not_found() -> ServiceError:
    return client("TaskDefinition not found.")


def definition_unknown() -> ServiceError:
    """What Describe and Deregister say."""
    return client("Unable to describe task definition.")


def definition_inactive() -> ServiceError:
    return client("TaskDefinition is inactive")


def task_not_found() -> ServiceError:
    return invalid("The referenced task was not found.")


def service_not_found() -> ServiceError:
    return ServiceError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> ServiceError:
    return ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")


def unsupported(what: str) -> ServiceError:
    """Something AWS has and this house has not, by name."""
    return ServiceError("UnsupportedFeatureException", f"Pileus does not have {what} yet.")


def start_task() -> ServiceError:
    return ServiceError(
        "UnsupportedFeatureException",
        "Pileus has no container instances to start a task on: use RunTask, which places it.",
    )


def conflict(arns: list[str]) -> ServiceError:
    return ServiceError(
        "ConflictException",
        "The RunTask request could not be processed due to conflicts: the client token was used "
        "with other parameters.",
        fields={"resourceIds": arns},
    )
