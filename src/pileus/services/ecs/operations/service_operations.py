"""Services. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.ecs import deploying, errors, model, paging, store, telling
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.model import Service
from pileus.services.ecs.names import short_name
from pileus.services.ecs.running import TaskRunner

_KEPT = ("networkConfiguration", "placementConstraints", "placementStrategy",
         "healthCheckGracePeriodSeconds", "enableECSManagedTags", "enableExecuteCommand",
         "platformVersion", "availabilityZoneRebalancing")  # fmt: skip
_NOT_HERE = {
    "loadBalancers": "load balancers in front of services",
    "serviceRegistries": "service discovery",
    "serviceConnectConfiguration": "Service Connect",
    "volumeConfigurations": "volumes configured at launch",
    "vpcLatticeConfigurations": "VPC Lattice",
}
_DESCRIBE_MAX = 10


async def _ready(call: StreamCall, request: Mapping[str, Any]) -> None:
    call.part(TaskRunner).ensure(call)


@write(prepare=_ready)
def create_service(call: WriteCall, request: Mapping[str, Any], _: None) -> dict[str, Any]:
    """Keep so many tasks of a definition alive."""
    cluster = store.find_cluster(call, request.get("cluster"))
    name = request["serviceName"]
    _refuse(request)
    old = store.get_service(call, cluster.name, name)
    if old is not None and old.status != model.INACTIVE:
        raise errors.invalid("Creation of service was not idempotent.")
    if not request.get("taskDefinition"):
        raise errors.invalid("TaskDefinition can not be blank.")
    if request.get("desiredCount") is None:
        raise errors.invalid("DesiredCount is required.")
    definition = store.usable_definition(call, request["taskDefinition"])
    is_vpc = definition.body.get("networkMode") == "awsvpc"
    if is_vpc and not request.get("networkConfiguration"):
        raise errors.invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    launch = request.get("launchType")
    if launch == "FARGATE" and "FARGATE" not in definition.body["compatibilities"]:
        raise errors.invalid("Task definition does not support launch_type FARGATE.")
    strategy = list(request.get("capacityProviderStrategy") or ())
    service = Service(
        name=name,
        cluster=cluster.name,
        desired_count=request["desiredCount"],
        launch_type=launch or ("FARGATE" if strategy else "EC2"),
        created_ms=call.now_ms,
        created_by=call.context.principal.arn,
        others=_kept(request),
        propagates=request.get("propagateTags") or "NONE",
        tags=store.tags_of(request.get("tags")),
        strategy=strategy,
    )
    _configure(service, request)
    deploying.deploy(call, service, definition.name)
    return _tended(call, service)


@write(prepare=_ready)
def update_service(call: WriteCall, request: Mapping[str, Any], _: None) -> dict[str, Any]:
    """Change a service; a new definition, or ``forceNewDeployment``, begins a deployment."""
    cluster = store.find_cluster(call, request.get("cluster"))
    service = store.find_service(call, cluster.name, request["service"])
    if service.status != model.ACTIVE:
        raise errors.service_not_active()
    _refuse(request)
    if request.get("desiredCount") is not None:
        service.desired_count = request["desiredCount"]
    service.others = {**service.others, **_kept(request)}
    _configure(service, request)
    current = service.deployments[0].definition
    definition = current
    if request.get("taskDefinition"):
        definition = store.usable_definition(call, request["taskDefinition"]).name
    if definition != current or request.get("forceNewDeployment"):
        deploying.deploy(call, service, definition)
    return _tended(call, service)


@write(prepare=_ready)
def delete_service(call: WriteCall, request: Mapping[str, Any], _: None) -> dict[str, Any]:
    """Stop a service's tasks and let it go."""
    cluster = store.find_cluster(call, request.get("cluster"))
    service = store.find_service(call, cluster.name, request["service"])
    if service.desired_count and not request.get("force"):
        raise errors.invalid("The service cannot be stopped while it is scaled above 0.")
    service.status = model.DRAINING
    service.desired_count = 0
    return _tended(call, service)


def _tended(call: WriteCall, service: Service) -> dict[str, Any]:
    store.put_service(call, service)
    deploying.tend(call, service.cluster, service.name)
    found = store.get_service(call, service.cluster, service.name)
    assert found is not None
    return {"service": telling.service(call, found, with_tags=True)}


def _refuse(request: Mapping[str, Any]) -> None:
    for member, what in _NOT_HERE.items():
        if request.get(member):
            raise errors.unsupported(what)
    if request.get("schedulingStrategy") == "DAEMON":
        raise errors.unsupported("the DAEMON scheduling strategy")
    controller = (request.get("deploymentController") or {}).get("type") or "ECS"
    if controller != "ECS":
        raise errors.unsupported(f"the deployment controller {controller}")


def _kept(request: Mapping[str, Any]) -> dict[str, Any]:
    return {member: request[member] for member in _KEPT if request.get(member) is not None}


def _configure(service: Service, request: Mapping[str, Any]) -> None:
    given = request.get("deploymentConfiguration") or {}
    if given.get("strategy") not in (None, "ROLLING"):
        raise errors.unsupported(f"the deployment strategy {given['strategy']}")
    least, most = given.get("minimumHealthyPercent"), given.get("maximumPercent")
    service.minimum_percent = service.minimum_percent if least is None else least
    service.maximum_percent = service.maximum_percent if most is None else most
    if (
        service.maximum_percent <= service.minimum_percent
        and service.maximum_percent <= 100
        and (service.minimum_percent >= 100)
    ):
        raise errors.invalid(
            "Invalid deployment configuration: both maximumPercent and minimumHealthyPercent "
            "cannot be 100 as this will block deployments."
        )
    breaker = given.get("deploymentCircuitBreaker")
    if breaker:
        service.breaks_circuit = breaker["enable"]
        service.rolls_back = breaker["rollback"]


@read
def describe_services(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Services by name or ARN."""
    cluster = store.find_cluster(call, request.get("cluster"))
    if len(request["services"]) > _DESCRIBE_MAX:
        raise errors.invalid("Services cannot have more than 10 elements.")
    with_tags = "TAGS" in (request.get("include") or ())
    told, failures = [], []
    for name in request["services"]:
        service = store.get_service(call, cluster.name, name)
        if service is None:
            arn = store.arn(call, "service", cluster.name, short_name(name))
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            told.append(telling.service(call, service, with_tags=with_tags))
    return {"services": told, "failures": failures}


@read
def list_services(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """ARNs of a cluster's services."""
    cluster = store.find_cluster(call, request.get("cluster"))
    arns = [
        store.arn(call, "service", cluster.name, service.name)
        for service in store.services(call, cluster.name)
        if service.status != model.INACTIVE
        and request.get("launchType") in (None, service.launch_type)
    ]
    limit = request.get("maxResults") or _DESCRIBE_MAX
    return paging.page(
        "serviceArns", arns, {**request, "maxResults": min(limit, LIMITS.list_default)}
    )
