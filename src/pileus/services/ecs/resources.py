"""CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StepCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    require,
)
from pileus.values.errors import ServiceError

_POLL_S = 0.25
_STEADY_S = 3 * 3600
_NUMBERS = frozenset({
    "cpu", "memory", "memoryReservation", "containerPort", "hostPort", "interval", "timeout", "retries",
    "startPeriod", "softLimit", "hardLimit", "startTimeout", "stopTimeout", "size", "sharedMemorySize",
    "maxSwap", "swappiness", "sizeInGiB", "weight", "base",
})  # fmt: skip
_FLAGS = frozenset({
    "essential", "privileged", "readOnly", "readonlyRootFilesystem", "initProcessEnabled",
    "disableNetworking", "interactive", "pseudoTerminal", "enable", "rollback",
})  # fmt: skip
_AS_GIVEN = frozenset({"options", "dockerLabels", "driverOpts", "labels"})
_TASK_LEVEL_TEXTS = frozenset({"cpu", "memory"})


def wire(value: Any, *, is_top: bool = False) -> Any:
    """A property value in ECS's own names: first letters small, numbers and flags as such."""
    if isinstance(value, list):
        return [wire(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    told = {}
    for name, one in value.items():
        member = name[:1].lower() + name[1:]
        if member in _AS_GIVEN:
            told[member] = {key: str(text) for key, text in one.items()} if one else one
        elif member in _NUMBERS and not isinstance(one, (list, Mapping)):
            is_text = is_top and member in _TASK_LEVEL_TEXTS
            told[member] = str(one) if is_text else int(one)
        elif member in _FLAGS and not isinstance(one, (list, Mapping)):
            told[member] = str(one).lower() == "true"
        else:
            told[member] = wire(one)
    return told


def _tags(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": str(tag["Value"])} for tag in properties.get("Tags") or ()]


# -- clusters -------------------------------------------------------------------------------


async def _create_cluster(call: StepCall, request: ResourceRequest) -> Resource:
    properties = dict(request.properties)
    name = properties.pop("ClusterName", None) or request.generated_name(255)
    tags = _tags(properties)
    properties.pop("Tags", None)
    given = {"clusterName": name, **wire(properties), "tags": tags}
    reply = await call.invoke("ecs", "CreateCluster", given)
    return Resource(name, {"Arn": reply.output["cluster"]["clusterArn"]})


async def _update_cluster(call: StepCall, request: ResourceRequest) -> Resource:
    properties = wire({k: v for k, v in request.properties.items() if k != "Tags"})
    members = ("settings", "configuration", "serviceConnectDefaults")
    given = {name: properties[name] for name in members if name in properties}
    await call.invoke("ecs", "UpdateCluster", {"cluster": request.physical_id, **given})
    providers = properties.get("capacityProviders") or []
    strategy = properties.get("defaultCapacityProviderStrategy") or []
    await call.invoke(
        "ecs",
        "PutClusterCapacityProviders",
        {
            "cluster": request.physical_id,
            "capacityProviders": providers,
            "defaultCapacityProviderStrategy": strategy,
        },
    )
    return Resource(request.physical_id, request.attributes)


async def _delete_cluster(call: StepCall, request: ResourceRequest) -> None:
    try:
        await call.invoke("ecs", "DeleteCluster", {"cluster": request.physical_id})
    except ServiceError as error:
        if error.code != "ClusterNotFoundException":
            raise


# -- task definitions -----------------------------------------------------------------------


async def _create_definition(call: StepCall, request: ResourceRequest) -> Resource:
    properties = dict(request.properties)
    tags = _tags(properties)
    properties.pop("Tags", None)
    family = properties.pop("Family", None) or request.generated_name(255)
    given = {"family": family, **wire(properties, is_top=True), "tags": tags}
    given.setdefault("containerDefinitions", [])
    reply = await call.invoke("ecs", "RegisterTaskDefinition", given)
    arn = reply.output["taskDefinition"]["taskDefinitionArn"]
    return Resource(arn, {"TaskDefinitionArn": arn})


async def _delete_definition(call: StepCall, request: ResourceRequest) -> None:
    given = {"taskDefinition": request.physical_id}
    try:
        await call.invoke("ecs", "DeregisterTaskDefinition", given)
    except ServiceError as error:
        if error.code != "ClientException":
            raise


# -- services -------------------------------------------------------------------------------


def _service(request: ResourceRequest) -> dict[str, Any]:
    properties = dict(request.properties)
    for name in ("Tags", "ServiceName", "Cluster"):
        properties.pop(name, None)
    given: dict[str, Any] = wire(properties)
    if "desiredCount" in given:
        given["desiredCount"] = int(given["desiredCount"])
    configuration = given.get("deploymentConfiguration") or {}
    for name in ("minimumHealthyPercent", "maximumPercent"):
        if name in configuration:
            configuration[name] = int(configuration[name])
    return given


async def _create_service(call: StepCall, request: ResourceRequest) -> Resource:
    require(request, "TaskDefinition")
    name = request.properties.get("ServiceName") or request.generated_name(255)
    cluster = request.properties.get("Cluster") or "default"
    given = {"desiredCount": 1, **_service(request), "serviceName": name, "cluster": cluster}
    given["tags"] = _tags(request.properties)
    reply = await call.invoke("ecs", "CreateService", given)
    arn = reply.output["service"]["serviceArn"]
    resource = Resource(arn, {"Name": name, "ServiceArn": arn})
    with completing(resource):
        await _steady(call, cluster, name)
    return resource


async def _update_service(call: StepCall, request: ResourceRequest) -> Resource:
    cluster = request.properties.get("Cluster") or "default"
    given = _service(request)
    for name in ("launchType", "schedulingStrategy", "deploymentController", "serviceRegistries"):
        given.pop(name, None)
    given |= {"cluster": cluster, "service": request.physical_id}
    await call.invoke("ecs", "UpdateService", given)
    await _steady(call, cluster, request.physical_id)
    return Resource(request.physical_id, request.attributes)


async def _steady(call: StepCall, cluster: str, name: str) -> None:
    """Wait until the deployment is done, as CloudFormation does."""
    given = {"cluster": cluster, "services": [name]}
    until_ms = call.clock.now_ms() + _STEADY_S * 1000
    while call.clock.now_ms() < until_ms:
        reply = await call.invoke("ecs", "DescribeServices", given)
        first = reply.output["services"][0]["deployments"][0]
        if first["rolloutState"] == "COMPLETED":
            return
        if first["rolloutState"] == "FAILED":
            raise ServiceError(
                "GeneralServiceException", "Error occurred during operation 'ECS Deployment Circuit "
                "Breaker was triggered'."
            )  # fmt: skip
        await call.clock.sleep(_POLL_S)
    raise ServiceError("NotStabilized", f"Resource {name} did not stabilize.")


async def _delete_service(call: StepCall, request: ResourceRequest) -> None:
    cluster = request.properties.get("Cluster") or "default"
    given = {"cluster": cluster, "service": request.physical_id, "force": True}
    try:
        await call.invoke("ecs", "DeleteService", given)
    except ServiceError as error:
        if error.code in ("ClusterNotFoundException", "ServiceNotFoundException"):
            return
        raise
    asked = {"cluster": cluster, "services": [request.physical_id]}
    while True:
        reply = await call.invoke("ecs", "DescribeServices", asked)
        if all(one["status"] == "INACTIVE" for one in reply.output["services"]):
            return
        await call.clock.sleep(_POLL_S)


RESOURCE_TYPES = {
    "AWS::ECS::Cluster": ResourceType(
        create=_create_cluster,
        update=_update_cluster,
        delete=_delete_cluster,
        replaced_by=frozenset({"ClusterName"}),
        taggable="Tags",
        properties=declared(
            "CapacityProviders ClusterName ClusterSettings Configuration "
            "DefaultCapacityProviderStrategy ServiceConnectDefaults Tags",
        ),
    ),
    "AWS::ECS::TaskDefinition": ResourceType(
        create=_create_definition,
        delete=_delete_definition,
        taggable="Tags",
        properties=declared(
            "ContainerDefinitions Cpu EnableFaultInjection EphemeralStorage ExecutionRoleArn "
            "Family InferenceAccelerators IpcMode Memory NetworkMode PidMode "
            "PlacementConstraints ProxyConfiguration RequiresCompatibilities RuntimePlatform "
            "Tags TaskRoleArn Volumes",
        ),
    ),
    "AWS::ECS::Service": ResourceType(
        create=_create_service,
        update=_update_service,
        delete=_delete_service,
        replaced_by=frozenset(
            {"Cluster", "LaunchType", "SchedulingStrategy", "ServiceName", "Role"}
        ),
        taggable="Tags",
        properties=declared(
            "AvailabilityZoneRebalancing CapacityProviderStrategy Cluster "
            "DeploymentConfiguration DeploymentController DesiredCount EnableECSManagedTags "
            "EnableExecuteCommand ForceNewDeployment HealthCheckGracePeriodSeconds LaunchType "
            "LoadBalancers NetworkConfiguration PlacementConstraints PlacementStrategies "
            "PlatformVersion PropagateTags Role SchedulingStrategy "
            "ServiceConnectConfiguration ServiceName ServiceRegistries Tags TaskDefinition "
            "VolumeConfigurations VpcLatticeConfigurations",
            ignored="Monitoring",
            refused="GatewayConnectors",
        ),
    ),
}
