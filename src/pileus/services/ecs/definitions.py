"""Task definitions as they are registered: what is refused, and what is filled in. Pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pileus.services.ecs import errors
from pileus.services.ecs.limits import FARGATE_SIZES, LIMITS

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_UNITS = 1024
_MEMORY_MB_MIN = 4
_KEPT = ("taskRoleArn", "executionRoleArn", "networkMode", "pidMode", "ipcMode", "runtimePlatform",
         "ephemeralStorage", "placementConstraints", "requiresCompatibilities")  # fmt: skip
_NOT_HERE = {
    "proxyConfiguration": "task proxies",
    "inferenceAccelerators": "inference accelerators",
    "trustedExecutionConfiguration": "trusted execution",
}
_NOT_HERE_IN_CONTAINERS = {
    "links": "links between containers: containers of a task reach each other on localhost",
    "volumesFrom": "volumesFrom: name a volume of the task in both containers' mountPoints",
    "firelensConfiguration": "FireLens log routers",
    "credentialSpecs": "credential specs",
    "repositoryCredentials": "credentials of private registries",
    "restartPolicy": "restart policies of containers: a service replaces tasks that end",
}
_DRIVER = "awslogs"
_GPU = "GPU"
_COUNT = re.compile(r"[1-9][0-9]{0,3}")


def checked(request: Mapping[str, Any]) -> tuple[dict[str, Any], int, int]:
    """The body of a new revision, the task's CPU units and its memory in MiB (0 for no bound).

    Raises:
        ServiceError: ClientException in ECS's words; UnsupportedFeatureException by name.
    """
    if not _FAMILY.fullmatch(request["family"]):
        raise errors.client(
            "Invalid family name. Up to 255 letters (uppercase and lowercase), numbers, "
            "underscores, and hyphens are allowed."
        )
    for member, what in _NOT_HERE.items():
        if request.get(member):
            raise errors.unsupported(what)
    containers = request.get("containerDefinitions") or []
    if not containers:
        raise errors.client("Container list cannot be empty.")
    if len(containers) > LIMITS.containers_max:
        raise errors.client(
            f"The maximum number of containers ({LIMITS.containers_max}) was exceeded."
        )
    cpu, memory_mb = cpu_units(request.get("cpu")), memory_of(request.get("memory"))
    is_fargate = "FARGATE" in (request.get("requiresCompatibilities") or ())
    if is_fargate:
        _check_fargate(request, cpu, memory_mb)
    volumes = {_volume(volume, is_fargate=is_fargate) for volume in request.get("volumes") or ()}
    body = {
        "containerDefinitions": [
            _container(one, memory_mb, volumes, is_fargate=is_fargate) for one in containers
        ],
        "volumes": list(request.get("volumes") or ()),
        "placementConstraints": [],
        "compatibilities": ["EC2", "FARGATE"] if is_fargate else ["EC2"],
        **{member: request[member] for member in _KEPT if request.get(member)},
    }
    _check_set(body["containerDefinitions"], request, memory_mb)
    if cpu:
        body["cpu"] = str(cpu)
    if memory_mb:
        body["memory"] = str(memory_mb)
    return body, cpu, memory_mb


def cpu_units(text: str | None) -> int:
    """``256``, ``.25 vCPU`` or ``1 vCPU`` in units of 1/1,024 CPU; 0 for none."""
    if not text:
        return 0
    match = re.fullmatch(r"(\d*\.?\d+)\s*(vcpu)?", text.strip().lower())
    if match is None or (not match[2] and not match[1].isdigit()):
        raise errors.client("Invalid 'cpu' setting for task.")
    return round(float(match[1]) * _UNITS) if match[2] else int(match[1])


def memory_of(text: str | None) -> int:
    """``512`` or ``0.5 GB`` in MiB; 0 for none."""
    if not text:
        return 0
    match = re.fullmatch(r"(\d*\.?\d+)\s*(gb)?", text.strip().lower())
    if match is None or (not match[2] and not match[1].isdigit()):
        raise errors.client("Invalid 'memory' setting for task.")
    return round(float(match[1]) * 1024) if match[2] else int(match[1])


def check_size(cpu: int, memory_mb: int) -> None:
    """Whether Fargate has the combination; raises ClientException."""
    if memory_mb not in FARGATE_SIZES.get(cpu, ()):
        raise errors.client(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory_mb} memory. See "
            "the Amazon ECS documentation for the valid values."
        )


def _check_fargate(request: Mapping[str, Any], cpu: int, memory_mb: int) -> None:
    if request.get("networkMode") != "awsvpc":
        raise errors.client("Fargate only supports network mode ‘awsvpc’.")
    if not cpu:
        raise errors.client("Fargate requires that 'cpu' be defined at the task level.")
    if not memory_mb:
        raise errors.client("Fargate requires that 'memory' be defined at the task level.")
    check_size(cpu, memory_mb)
    size_gib = (request.get("ephemeralStorage") or {}).get("sizeInGiB")
    low, high = LIMITS.ephemeral_gib_min, LIMITS.ephemeral_gib_max
    if size_gib is not None and not low <= size_gib <= high:
        raise errors.client(
            f"Invalid 'ephemeralStorage' setting for task. sizeInGiB must be between {low} and "
            f"{high}."
        )


def _volume(volume: Mapping[str, Any], *, is_fargate: bool) -> str:
    name = str(volume.get("name") or "")
    if not _NAME.fullmatch(name):
        raise errors.client("Volume name is invalid or missing.")
    for member, what in (
        ("efsVolumeConfiguration", "EFS volumes"),
        ("fsxWindowsFileServerVolumeConfiguration", "FSx volumes"),
        ("s3filesVolumeConfiguration", "S3 Files volumes"),
        ("dockerVolumeConfiguration", "Docker volume drivers"),
        ("configuredAtLaunch", "volumes configured at launch"),
    ):
        if volume.get(member):
            raise errors.unsupported(what)
    if is_fargate and (volume.get("host") or {}).get("sourcePath"):
        raise errors.client(
            f"Invalid 'volumes' setting for task definition. Fargate does not support "
            f"host.sourcePath: volume '{name}'."
        )
    return name


def _container(
    one: Mapping[str, Any], task_memory_mb: int, volumes: set[str], *, is_fargate: bool
) -> dict[str, Any]:
    name = one.get("name") or ""
    if not name:
        raise errors.client("Container.name should not be null or empty.")
    if not _NAME.fullmatch(name):
        raise errors.client(
            "Container.name contains invalid characters. Up to 255 letters (uppercase and "
            "lowercase), numbers, underscores, and hyphens are allowed."
        )
    if not one.get("image"):
        raise errors.client("Container.image should not be null or blank.")
    for member, what in _NOT_HERE_IN_CONTAINERS.items():
        if one.get(member):
            raise errors.unsupported(what)
    if one.get("privileged"):
        raise errors.unsupported("privileged containers")
    _check_memory(name, one, task_memory_mb)
    for mount in one.get("mountPoints") or ():
        if mount.get("sourceVolume") not in volumes:
            raise errors.client(f"Unknown volume '{mount.get('sourceVolume')}'.")
    _check_linux(name, one, is_fargate=is_fargate)
    driver = (one.get("logConfiguration") or {}).get("logDriver")
    if driver not in (None, _DRIVER):
        raise errors.unsupported(f"the log driver {driver}")
    if driver and "awslogs-group" not in (one["logConfiguration"].get("options") or {}):
        raise errors.client("Log driver awslogs requires options: awslogs-group")
    stop_s = one.get("stopTimeout")
    if is_fargate and stop_s is not None and stop_s > LIMITS.stop_timeout_s_max:
        raise errors.client(
            f"Invalid setting for container '{name}'. 'stopTimeout' must be at most "
            f"{LIMITS.stop_timeout_s_max} seconds."
        )
    filled = {"cpu": 0, "portMappings": [], "essential": True, "environment": [],
              "mountPoints": [], "volumesFrom": [], "systemControls": []}  # fmt: skip
    return {**filled, **one}


def _check_memory(name: str, one: Mapping[str, Any], task_memory_mb: int) -> None:
    hard, soft = one.get("memory"), one.get("memoryReservation")
    if hard is None and soft is None and not task_memory_mb:
        raise errors.client(
            f"Invalid setting for container '{name}'. At least one of 'memory' or "
            "'memoryReservation' must be specified."
        )
    for member, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < _MEMORY_MB_MIN:
            raise errors.client(
                f"Invalid setting for container '{name}'. '{member}' must be at least "
                f"{_MEMORY_MB_MIN}."
            )
    if hard is not None and soft is not None and soft > hard:
        raise errors.client(
            f"Invalid setting for container '{name}'. 'memoryReservation' must be less than or "
            "equal to 'memory'."
        )


def _check_linux(name: str, one: Mapping[str, Any], *, is_fargate: bool) -> None:
    linux = one.get("linuxParameters") or {}
    if (linux.get("capabilities") or {}).get("add"):
        added = ", ".join(linux["capabilities"]["add"])
        raise errors.unsupported(f"added capabilities ({added})")
    if linux.get("devices"):
        raise errors.unsupported("devices of the host in containers")
    check_requirements(name, one.get("resourceRequirements") or (), is_fargate=is_fargate)


def check_requirements(
    name: str, requirements: Iterable[Mapping[str, Any]], *, is_fargate: bool
) -> None:
    """Of a container, as defined or overridden: so many GPUs. Raises ServiceError."""
    for wanted in requirements:
        if wanted["type"] != _GPU:
            raise errors.unsupported(f"resource requirements of type {wanted['type']}")
        if is_fargate:
            raise errors.client("Fargate tasks do not support GPU resource requirements.")
        if not _COUNT.fullmatch(str(wanted.get("value"))):
            raise errors.client(f"Invalid setting for container '{name}'. GPU must be a number.")


def gpus_of(one: Mapping[str, Any], override: Mapping[str, Any]) -> int:
    """How many GPUs a container definition asks for, as a task overrides it."""
    wanted = override.get("resourceRequirements") or one.get("resourceRequirements") or ()
    return sum(int(requirement["value"]) for requirement in wanted if requirement["type"] == _GPU)


def _check_set(
    containers: list[dict[str, Any]], request: Mapping[str, Any], memory_mb: int
) -> None:
    names = [one["name"] for one in containers]
    if len(set(names)) < len(names):
        raise errors.client("Container names must be unique within a task definition.")
    if not any(one["essential"] for one in containers):
        raise errors.client("At least one container must be marked as essential.")
    if memory_mb and sum(one.get("memory") or one.get("memoryReservation") or 0
                         for one in containers) > memory_mb:  # fmt: skip
        raise errors.client(
            "Invalid 'memory' setting for task. The memory of the containers is more than the "
            "task's."
        )
    by_name = {one["name"]: one for one in containers}
    for one in containers:
        _check_dependencies(one, by_name)
        if one.get("secrets") and not request.get("executionRoleArn"):
            raise errors.client(
                "When you are specifying container secrets, you must also specify a value for "
                "'executionRoleArn'."
            )
    has_logs = any(one.get("logConfiguration") for one in containers)
    is_fargate = "FARGATE" in (request.get("requiresCompatibilities") or ())
    if is_fargate and has_logs and not request.get("executionRoleArn"):
        raise errors.client(
            "Fargate requires task definition to have execution role ARN to support log driver "
            "awslogs."
        )
    _check_cycles(by_name)


def _check_dependencies(one: Mapping[str, Any], by_name: Mapping[str, Any]) -> None:
    for dependency in one.get("dependsOn") or ():
        target = by_name.get(dependency["containerName"])
        if target is None or target is one:
            raise errors.client(
                f"Invalid 'dependsOn' setting for container '{one['name']}': container "
                f"'{dependency['containerName']}' is not another one of the task definition."
            )
        condition = dependency["condition"]
        if condition == "HEALTHY" and not target.get("healthCheck"):
            raise errors.client(
                f"Invalid 'dependsOn' setting for container '{one['name']}': container "
                f"'{target['name']}' has no health check."
            )
        if condition in ("COMPLETE", "SUCCESS") and target["essential"]:
            raise errors.client(
                f"Container '{target['name']}' cannot have essential = true because another "
                f"container depends on it with condition {condition}."
            )


def _check_cycles(by_name: Mapping[str, Any]) -> None:
    done: set[str] = set()
    while len(done) < len(by_name):
        ready = {
            name
            for name, one in by_name.items()
            if name not in done
            and all(need["containerName"] in done for need in one.get("dependsOn") or ())
        }
        if not ready:
            raise errors.client("Container dependencies cannot be circular.")
        done |= ready
