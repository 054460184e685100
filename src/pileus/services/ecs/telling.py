"""Records in wire form, as Describe operations and events tell them."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.languages.input_transform import to_json
from pileus.services.ecs import metering, model, store
from pileus.services.ecs.model import (
    Cluster,
    ContainerRecord,
    Definition,
    Deployment,
    Service,
    Task,
)
from pileus.values.times import iso8601, utc

_TIMES = {
    "createdAt": "created_ms",
    "pullStartedAt": "pull_began_ms",
    "pullStoppedAt": "pull_ms",
    "startedAt": "started_ms",
    "stoppingAt": "stopping_ms",
    "executionStoppedAt": "execution_stopped_ms",
    "stoppedAt": "stopped_ms",
    "connectivityAt": "pull_ms",
}
_PLATFORM = {"FARGATE": {"platformVersion": "1.4.0", "platformFamily": "Linux"}}


def definition(call: Call, record: Definition) -> dict[str, Any]:
    """A task definition."""
    told = {
        **record.body,
        "taskDefinitionArn": store.arn(call, "task-definition", record.name),
        "family": record.family,
        "revision": record.revision,
        "status": record.status,
        "registeredAt": utc(record.registered_ms),
        "registeredBy": record.registered_by,
    }
    if record.deregistered_ms:
        told["deregisteredAt"] = utc(record.deregistered_ms)
    return told


def cluster(call: ReadCall, record: Cluster, include: list[str]) -> dict[str, Any]:
    """A cluster with its counts."""
    all_tasks = store.tasks(call, record.name)
    services = store.services(call, record.name)
    told: dict[str, Any] = {
        "clusterArn": store.arn(call, "cluster", record.name),
        "clusterName": record.name,
        "status": record.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(task.status == model.RUNNING for task in all_tasks),
        "pendingTasksCount": sum(
            task.status in (model.PROVISIONING, model.PENDING) for task in all_tasks
        ),
        "activeServicesCount": sum(one.status == model.ACTIVE for one in services),
        "statistics": metering.told(_usage(call, record, all_tasks))
        if "STATISTICS" in include
        else [],
        "tags": store.tag_list(record.tags) if "TAGS" in include else [],
        "settings": record.kept.get("settings", []) if "SETTINGS" in include else [],
        "capacityProviders": record.capacity_providers,
        "defaultCapacityProviderStrategy": record.strategy,
    }
    if "CONFIGURATIONS" in include and record.kept.get("configuration"):
        told["configuration"] = record.kept["configuration"]
    return told


def _usage(call: ReadCall, record: Cluster, all_tasks: list[Task]) -> metering.Usage:
    used = metering.ended(call, record.name)
    for one in all_tasks:
        if one.status != model.STOPPED:
            used.add(metering.usage_of(one, call.now_ms))
    return used


def task(call: Call, record: Task, *, with_tags: bool = False) -> dict[str, Any]:
    """A task."""
    task_arn = store.arn(call, "task", record.cluster, record.id)
    told: dict[str, Any] = {
        "attachments": [],
        "attributes": [
            {"name": "ecs.cpu-architecture", "value": "x86_64"},
            *metering.told(metering.usage_of(record, call.now_ms))[1:],
        ],
        "availabilityZone": f"{call.region}a",
        "clusterArn": store.arn(call, "cluster", record.cluster),
        "containers": [_container(call, record, one, task_arn) for one in record.containers],
        "desiredStatus": record.desired,
        "enableExecuteCommand": False,
        "group": record.group,
        "healthStatus": record.health,
        "lastStatus": record.status,
        "overrides": _overrides(record),
        "tags": store.tag_list(record.tags) if with_tags else [],
        "taskArn": task_arn,
        "taskDefinitionArn": store.arn(call, "task-definition", record.definition),
        "version": record.version,
        **_PLATFORM.get(record.launch_type, {}),
        **record.others,
    }
    if "capacityProviderName" not in record.others:
        told["launchType"] = record.launch_type
    if record.cpu:
        told["cpu"] = str(record.cpu)
    if record.memory_mb:
        told["memory"] = str(record.memory_mb)
    if record.launch_type == "FARGATE":
        told["ephemeralStorage"] = {"sizeInGiB": record.disk_mb // 1024}
    for member, name in _TIMES.items():
        at_ms = getattr(record, name)
        if at_ms:
            told[member] = utc(at_ms)
    if record.pull_ms:
        told["connectivity"] = "CONNECTED"
    for member, value in (
        ("startedBy", record.started_by),
        ("stopCode", record.stop_code),
        ("stoppedReason", record.stop_reason),
    ):
        if value:
            told[member] = value
    return told


def _overrides(record: Task) -> dict[str, Any]:
    named = {one["name"]: one for one in record.overrides.get("containerOverrides") or ()}
    containers = [named.get(one.name, {"name": one.name}) for one in record.containers]
    return {**record.overrides, "containerOverrides": containers}


def _container(call: Call, record: Task, one: ContainerRecord, task_arn: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "containerArn": store.arn(call, "container", record.cluster, record.id, one.id),
        "taskArn": task_arn,
        "name": one.name,
        "image": one.image,
        "lastStatus": one.status,
        "networkInterfaces": [],
        "healthStatus": one.health,
        "cpu": str(one.cpu),
    }
    if one.status != model.PENDING:
        told["runtimeId"] = f"{record.id}-{int(one.id[:8], 16) % 10**10}"
    if one.memory_mb:
        told["memory"] = str(one.memory_mb)
    if one.reserved_mb:
        told["memoryReservation"] = str(one.reserved_mb)
    if one.gpus:
        told["gpuIds"] = one.gpus
    if one.exit_code is not None:
        told["exitCode"] = one.exit_code
    if one.reason:
        told["reason"] = one.reason
    return told


def service(call: ReadCall, record: Service, *, with_tags: bool = False) -> dict[str, Any]:
    """A service with its counts."""
    mine = service_tasks(call, record)
    first = record.deployments[0] if record.deployments else None
    told: dict[str, Any] = {
        "serviceArn": store.arn(call, "service", record.cluster, record.name),
        "serviceName": record.name,
        "clusterArn": store.arn(call, "cluster", record.cluster),
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": record.status,
        "desiredCount": record.desired_count,
        "runningCount": _count(mine, model.RUNNING),
        "pendingCount": _count(mine, model.PENDING, model.PROVISIONING),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": record.breaks_circuit,
                "rollback": record.rolls_back,
            },
            "maximumPercent": record.maximum_percent,
            "minimumHealthyPercent": record.minimum_percent,
        },
        "deployments": [_deployment(call, record, one, mine) for one in record.deployments],
        "events": [
            {"id": name, "createdAt": utc(at_ms), "message": text}
            for name, at_ms, text in record.events
        ],
        "createdAt": utc(record.created_ms),
        "createdBy": record.created_by,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": False,
        "propagateTags": record.propagates,
        "enableExecuteCommand": False,
        "tags": store.tag_list(record.tags) if with_tags else [],
        **_PLATFORM.get(record.launch_type, {}),
        **record.others,
    }
    if first is not None:
        told["taskDefinition"] = store.arn(call, "task-definition", first.definition)
    if record.strategy:
        told["capacityProviderStrategy"] = record.strategy
    else:
        told["launchType"] = record.launch_type
    return told


def service_tasks(call: ReadCall, record: Service) -> list[Task]:
    """The service's tasks that have not stopped."""
    return [
        task
        for task in store.tasks(call, record.cluster)
        if task.service == record.name and task.status != model.STOPPED
    ]


def _count(tasks: list[Task], *statuses: str) -> int:
    return sum(task.status in statuses and task.desired == model.RUNNING for task in tasks)


def _deployment(call: Call, record: Service, one: Deployment, tasks: list[Task]) -> dict[str, Any]:
    mine = [task for task in tasks if task.deployment == one.id]
    return {
        "id": one.id,
        "status": one.status,
        "taskDefinition": store.arn(call, "task-definition", one.definition),
        "desiredCount": record.desired_count if one.status == model.PRIMARY else 0,
        "pendingCount": _count(mine, model.PENDING, model.PROVISIONING),
        "runningCount": _count(mine, model.RUNNING),
        "failedTasks": one.failed,
        "createdAt": utc(one.created_ms),
        "updatedAt": utc(one.updated_ms),
        "launchType": record.launch_type,
        "rolloutState": one.rollout,
        "rolloutStateReason": one.rollout_reason,
    }


def emit_task_change(call: WriteCall, record: Task) -> None:
    """Tell the default bus how a task is now, in order for each task.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    told = task(call, record)
    del told["tags"]
    detail = {**told, "updatedAt": utc(call.now_ms)}
    text = to_json(_plain(detail))
    entry = {
        "Source": "aws.ecs",
        "DetailType": "ECS Task State Change",
        "Detail": text,
        "Resources": [told["taskArn"]],
    }
    call.emit(
        Delivery(
            service="events",
            operation="PutEvents",
            input={"Entries": [entry]},
            principal="service:ecs.amazonaws.com",
            ordering_key=f"task {record.id}",
        )
    )


def _plain(value: Any) -> Any:
    """Times as the events write them."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if hasattr(value, "timestamp"):
        return iso8601(round(value.timestamp() * 1000))
    return value
