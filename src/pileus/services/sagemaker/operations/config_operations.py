"""Endpoint configurations.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.listing import page
from pileus.services.sagemaker.model import EndpointConfig
from pileus.values.times import utc

_UNSUPPORTED = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")
_UNSUPPORTED_OF_VARIANTS = (
    "AcceleratorPartitionLayouts",
    "AcceleratorType",
    "CapacityReservationConfig",
    "CoreDumpConfig",
    "InstancePools",
)
_KEPT = (
    "DataCaptureConfig",
    "EnableNetworkIsolation",
    "ExecutionRoleArn",
    "KmsKeyId",
    "MetricsConfig",
    "VpcConfig",
)
"""Members that are told again and change nothing here."""


@write
def create_endpoint_config(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Note which models an endpoint is to serve, and on what."""
    for member in _UNSUPPORTED:
        if request.get(member):
            raise errors.unsupported(member, "CreateEndpointConfig")
    if (request.get("DataCaptureConfig") or {}).get("EnableCapture"):
        raise errors.unsupported("DataCaptureConfig with EnableCapture", "CreateEndpointConfig")
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise errors.invalid("The names of production variants must be unique.")
    for variant in variants:
        _check(call, variant)
    config = EndpointConfig(
        name=request["EndpointConfigName"],
        created_ms=call.now_ms,
        variants=[{"InitialVariantWeight": 1.0, **variant} for variant in variants],
        others={name: request[name] for name in _KEPT if request.get(name) is not None},
        tags=store.tags_of(request),
    )
    return {"EndpointConfigArn": store.add(call, "endpoint-config", config)}


@read
def describe_endpoint_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as it was created."""
    config = store.find_config(call, request["EndpointConfigName"])
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": store.arn_of(call, "endpoint-config", config.name),
        "ProductionVariants": config.variants,
        "CreationTime": utc(config.created_ms),
        **config.others,
    }


@write
def delete_endpoint_config(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Forget a configuration; endpoints made from it go on."""
    store.remove(call, "endpoint-config", request["EndpointConfigName"])


@read
def list_endpoint_configs(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Configurations, newest first unless asked otherwise."""

    def shown(config: EndpointConfig) -> dict[str, Any]:
        return {
            "EndpointConfigName": config.name,
            "EndpointConfigArn": store.arn_of(call, "endpoint-config", config.name),
            "CreationTime": utc(config.created_ms),
        }

    return page("EndpointConfigs", store.all_of(call, "endpoint-config"), request, shown)


def _check(call: WriteCall, variant: Mapping[str, Any]) -> None:
    name = variant["VariantName"]
    for member in _UNSUPPORTED_OF_VARIANTS:
        if variant.get(member):
            raise errors.unsupported(f"{member} of variant {name}", "CreateEndpointConfig")
    if not variant.get("ModelName"):
        raise errors.unsupported(
            f"a variant without ModelName ({name}: inference components)", "CreateEndpointConfig"
        )
    store.find_model(call, variant["ModelName"])
    has_instances = "InstanceType" in variant or "InitialInstanceCount" in variant
    if has_instances == bool(variant.get("ServerlessConfig")):
        raise errors.invalid(
            f"Variant {name} needs either InstanceType and InitialInstanceCount, or "
            "ServerlessConfig."
        )
    if has_instances and not ("InstanceType" in variant and "InitialInstanceCount" in variant):
        raise errors.invalid(f"Variant {name} needs both InstanceType and InitialInstanceCount.")
