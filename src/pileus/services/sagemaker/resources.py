"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.resources import (
    PartlyCreated,
    Resource,
    ResourceRequest,
    ResourceType,
    declared,
    require,
)
from pileus.services.sagemaker import store
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import FAILED, UNDER_WAY, Endpoint
from pileus.values.errors import ServiceError

_NAME_LENGTH_MAX = 63
_INTEGERS = frozenset(
    {"ContainerStartupHealthCheckTimeoutInSeconds", "InitialInstanceCount", "InitialSamplingPercentage",
     "MaxConcurrency", "MaxInstanceCount", "MemorySizeInMB", "MinInstanceCount",
     "ModelDataDownloadTimeoutInSeconds", "ProvisionedConcurrency", "VolumeSizeInGB"}
)  # fmt: skip
_BOOLEANS = frozenset({"EnableCapture", "EnableNetworkIsolation", "EnableSSMAccess"})
_MODEL = (
    "Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "InferenceExecutionConfig",
    "PrimaryContainer", "Tags", "VpcConfig",
)  # fmt: skip
_CONFIG = (
    "AsyncInferenceConfig", "DataCaptureConfig", "EnableNetworkIsolation", "ExecutionRoleArn",
    "ExplainerConfig", "KmsKeyId", "ProductionVariants", "ShadowProductionVariants", "Tags",
    "VpcConfig",
)  # fmt: skip
_ENDPOINT = (
    "DeploymentConfig", "ExcludeRetainedVariantProperties", "RetainAllVariantProperties",
    "RetainDeploymentConfig",
)  # fmt: skip


def _typed(name: str, value: Any) -> Any:
    """Numbers and booleans as such: templates may give them as text."""
    if isinstance(value, Mapping):
        if name == "Environment":
            return {key: _plain(item) for key, item in value.items()}
        return {key: _typed(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(name, item) for item in value]
    if name in _INTEGERS:
        return int(value)
    if name == "InitialVariantWeight":
        return float(value)
    if name in _BOOLEANS:
        return _plain(value) == "true"
    return value


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _chosen(properties: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _typed(name, properties[name]) for name in names if name in properties}


def _name(request: ResourceRequest, member: str) -> str:
    name: str = request.properties.get(member) or request.generated_name(_NAME_LENGTH_MAX)
    return name


def _named(arn: str) -> str:
    return arn.rpartition("/")[2]


async def _create_model(call: StreamCall, request: ResourceRequest) -> Resource:
    name = _name(request, "ModelName")
    given = {"ModelName": name, **_chosen(request.properties, _MODEL)}
    reply = await call.invoke("sagemaker", "CreateModel", given)
    return Resource(reply.output["ModelArn"], {"ModelName": name})


async def _delete_model(call: StreamCall, request: ResourceRequest) -> None:
    await _unless_gone(call, "DeleteModel", {"ModelName": _named(request.physical_id)})


async def _create_config(call: StreamCall, request: ResourceRequest) -> Resource:
    require(request, "ProductionVariants")
    name = _name(request, "EndpointConfigName")
    given = {"EndpointConfigName": name, **_chosen(request.properties, _CONFIG)}
    reply = await call.invoke("sagemaker", "CreateEndpointConfig", given)
    return Resource(reply.output["EndpointConfigArn"], {"EndpointConfigName": name})


async def _delete_config(call: StreamCall, request: ResourceRequest) -> None:
    given = {"EndpointConfigName": _named(request.physical_id)}
    await _unless_gone(call, "DeleteEndpointConfig", given)


async def _create_endpoint(call: StreamCall, request: ResourceRequest) -> Resource:
    name, config = _name(request, "EndpointName"), require(request, "EndpointConfigName")
    given = {
        "EndpointName": name,
        "EndpointConfigName": _named(config),
        **_chosen(request.properties, ("DeploymentConfig", "Tags")),
    }
    reply = await call.invoke("sagemaker", "CreateEndpoint", given)
    resource = Resource(reply.output["EndpointArn"], {"EndpointName": name})
    endpoint = await _settled(call, name)
    if endpoint is None or endpoint.status == FAILED:
        reason = endpoint.failure if endpoint else "the endpoint was deleted meanwhile"
        raise PartlyCreated(resource, _failed(name, reason))
    return resource


async def _update_endpoint(call: StreamCall, request: ResourceRequest) -> Resource:
    name = str(request.attributes.get("EndpointName") or _named(request.physical_id))
    config = _named(require(request, "EndpointConfigName"))
    if request.old_properties.get("EndpointConfigName") != request.properties["EndpointConfigName"]:
        given = {"EndpointName": name, "EndpointConfigName": config}
        await call.invoke(
            "sagemaker", "UpdateEndpoint", {**given, **_chosen(request.properties, _ENDPOINT)}
        )
        endpoint = await _settled(call, name)
        if endpoint is None or endpoint.failure:
            reason = endpoint.failure if endpoint else "the endpoint was deleted meanwhile"
            raise _failed(name, reason)
    await _retag(call, request)
    return Resource(request.physical_id, {"EndpointName": name})


async def _delete_endpoint(call: StreamCall, request: ResourceRequest) -> None:
    name = _named(request.physical_id)
    await _settled(call, name)
    await _unless_gone(call, "DeleteEndpoint", {"EndpointName": name})


async def _update_tags(call: StreamCall, request: ResourceRequest) -> Resource:
    await _retag(call, request)
    return Resource(request.physical_id, request.attributes)


async def _retag(call: StreamCall, request: ResourceRequest) -> None:
    old, new = store.tags_of(request.old_properties), store.tags_of(request.properties)
    where = {"ResourceArn": request.physical_id}
    if gone := [key for key in old if key not in new]:
        await call.invoke("sagemaker", "DeleteTags", {**where, "TagKeys": gone})
    if new != old and new:
        tags = [{"Key": key, "Value": value} for key, value in new.items()]
        await call.invoke("sagemaker", "AddTags", {**where, "Tags": tags})


async def _settled(call: StreamCall, name: str) -> Endpoint | None:
    """The endpoint once nothing is under way; None when there is none.

    Raises ServiceError when it takes too long.
    """

    def look(view: ReadCall) -> tuple[Endpoint | None] | None:
        endpoint: Endpoint | None = store.get(view, "endpoint", name)
        return None if endpoint is not None and endpoint.status in UNDER_WAY else (endpoint,)

    until_ms = call.clock.now_ms() + round(LIMITS.deploy_s_max * 1000)
    found = await call.until(("endpoint", name.lower()), until_ms, look)
    if found is None:
        raise _failed(name, f"it was not in service after {LIMITS.deploy_s_max:.0f} seconds")
    return found[0]


def _failed(name: str, reason: str) -> ServiceError:
    return ServiceError("GeneralServiceException", f"Endpoint {name} failed: {reason}")


async def _unless_gone(call: StreamCall, operation: str, given: Mapping[str, Any]) -> None:
    try:
        await call.invoke("sagemaker", operation, given)
    except ServiceError as error:
        if not error.message.startswith("Could not find"):
            raise


def _replaced_by(names: tuple[str, ...], own: str) -> frozenset[str]:
    return frozenset({own, *names} - {"Tags"})


RESOURCE_TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        create=_create_model,
        update=_update_tags,
        delete=_delete_model,
        replaced_by=_replaced_by(_MODEL, "ModelName"),
        taggable="Tags",
        properties=declared(
            "Containers EnableNetworkIsolation ExecutionRoleArn InferenceExecutionConfig "
            "ModelName PrimaryContainer Tags VpcConfig",
        ),
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        create=_create_config,
        update=_update_tags,
        delete=_delete_config,
        replaced_by=_replaced_by(_CONFIG, "EndpointConfigName"),
        taggable="Tags",
        properties=declared(
            "AsyncInferenceConfig DataCaptureConfig EnableNetworkIsolation EndpointConfigName "
            "ExecutionRoleArn ExplainerConfig KmsKeyId ProductionVariants "
            "ShadowProductionVariants Tags VpcConfig",
            ignored="MetricsConfig",
        ),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        create=_create_endpoint,
        update=_update_endpoint,
        delete=_delete_endpoint,
        replaced_by=frozenset({"EndpointName"}),
        taggable="Tags",
        properties=declared(
            "DeploymentConfig EndpointConfigName EndpointName "
            "ExcludeRetainedVariantProperties RetainAllVariantProperties "
            "RetainDeploymentConfig Tags",
        ),
    ),
}
