"""Models. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.listing import page
from pileus.services.sagemaker.model import Model
from pileus.values.times import utc

_UNSUPPORTED = (
    "AdditionalModelDataSources",
    "InferenceSpecificationName",
    "ModelPackageName",
    "MultiModelConfig",
)


@write
def create_model(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Note where a model's archive lies and how it is served; nothing is fetched yet."""
    primary, listed = request.get("PrimaryContainer"), request.get("Containers")
    if primary and listed:
        raise errors.invalid(
            "Only one of PrimaryContainer and Containers can be given for a model."
        )
    containers = [primary] if primary else list(listed or ())
    if not containers:
        raise errors.invalid("A model needs a PrimaryContainer or Containers.")
    if len(containers) > 1:
        raise errors.unsupported("more than one entry in Containers", "CreateModel")
    for container in containers:
        _check(container)
    model = Model(
        name=request["ModelName"],
        created_ms=call.now_ms,
        containers=[dict(container) for container in containers],
        is_list=not primary,
        role=request.get("ExecutionRoleArn") or "",
        vpc=dict(request.get("VpcConfig") or {}),
        is_isolated=bool(request.get("EnableNetworkIsolation")),
        execution=dict(request.get("InferenceExecutionConfig") or {}),
        tags=store.tags_of(request),
    )
    return {"ModelArn": store.add(call, "model", model)}


@read
def describe_model(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A model as it was created."""
    model = store.find_model(call, request["ModelName"])
    output: dict[str, Any] = {
        "ModelName": model.name,
        "ModelArn": store.arn_of(call, "model", model.name),
        "CreationTime": utc(model.created_ms),
        "EnableNetworkIsolation": model.is_isolated,
    }
    if model.is_list:
        output["Containers"] = model.containers
    else:
        output["PrimaryContainer"] = {"Mode": "SingleModel", **model.containers[0]}
    optional = {
        "ExecutionRoleArn": model.role,
        "VpcConfig": model.vpc,
        "InferenceExecutionConfig": model.execution,
    }
    return {**output, **{name: value for name, value in optional.items() if value}}


@write
def delete_model(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Forget a model; endpoints that serve it go on."""
    store.remove(call, "model", request["ModelName"])


@read
def list_models(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Models, newest first unless asked otherwise."""

    def shown(model: Model) -> dict[str, Any]:
        return {
            "ModelName": model.name,
            "ModelArn": store.arn_of(call, "model", model.name),
            "CreationTime": utc(model.created_ms),
        }

    return page("Models", store.all_of(call, "model"), request, shown)


def _check(container: Mapping[str, Any]) -> None:
    for member in _UNSUPPORTED:
        if container.get(member):
            raise errors.unsupported(member, "CreateModel")
    if container.get("Mode") == "MultiModel":
        raise errors.unsupported("Mode MultiModel", "CreateModel")
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source and container.get("ModelDataUrl"):
        raise errors.invalid("Only one of ModelDataUrl and ModelDataSource can be given.")
    if source and (source["S3DataType"], source["CompressionType"]) != ("S3Object", "Gzip"):
        raise errors.unsupported("a ModelDataSource that is not one Gzip S3Object", "CreateModel")
