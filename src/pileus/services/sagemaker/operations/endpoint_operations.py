"""Endpoints. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.deploying import deploy, discard_later, planned
from pileus.services.sagemaker.listing import page
from pileus.services.sagemaker.model import (
    CREATING,
    IN_SERVICE,
    UNDER_WAY,
    UPDATING,
    Endpoint,
    Variant,
)
from pileus.services.sagemaker.running import Endpoints, scope_of
from pileus.values.body import Body
from pileus.values.times import utc


@stream
async def create_endpoint(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Make an endpoint; it is Creating until its models are fetched and checked."""

    def step(write: WriteCall) -> dict[str, Any]:
        config = store.find_config(write, request["EndpointConfigName"])
        endpoint = Endpoint(
            name=request["EndpointName"],
            config=config.name,
            status=CREATING,
            deployment=write.new_id(),
            created_ms=write.now_ms,
            modified_ms=write.now_ms,
            pending_config=config.name,
            pending=planned(write, config),
            tags=store.tags_of(request),
        )
        arn = store.add(write, "endpoint", endpoint)
        return {"EndpointArn": arn, "deployment": endpoint.deployment}

    return _begin(call, request["EndpointName"], await call.write(step, once=True))


@stream
async def update_endpoint(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Let an endpoint serve another configuration; until that stands, it serves the old one."""
    for member in ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties"):
        if request.get(member):
            raise errors.unsupported(member, "UpdateEndpoint")

    def step(write: WriteCall) -> dict[str, Any]:
        endpoint = store.find_endpoint(write, request["EndpointName"])
        arn = store.arn_of(write, "endpoint", endpoint.name)
        if endpoint.status in UNDER_WAY:
            raise errors.in_progress(arn)
        if endpoint.status != IN_SERVICE:
            raise errors.invalid(f'Cannot update endpoint "{arn}": it is {endpoint.status}.')
        config = store.find_config(write, request["EndpointConfigName"])
        endpoint.pending_config, endpoint.pending = config.name, planned(write, config)
        endpoint.deployment = write.new_id()
        endpoint.status, endpoint.failure = UPDATING, ""
        endpoint.modified_ms = write.now_ms
        store.put(write, "endpoint", endpoint)
        return {"EndpointArn": arn, "deployment": endpoint.deployment}

    return _begin(call, request["EndpointName"], await call.write(step, once=True))


def _begin(call: StreamCall, name: str, begun: dict[str, Any]) -> dict[str, Any]:
    own = call.in_account(call.account, call.region)
    call.spawn(f"deployment of endpoint {name}", deploy(own, name, begun["deployment"]))
    return {"EndpointArn": begun["EndpointArn"]}


@stream
async def delete_endpoint(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Forget an endpoint and end its instances."""

    def step(write: WriteCall) -> dict[str, Any]:
        endpoint = store.find_endpoint(write, request["EndpointName"])
        if endpoint.status in UNDER_WAY:
            raise errors.in_progress(store.arn_of(write, "endpoint", endpoint.name))
        store.remove(write, "endpoint", endpoint.name)
        return {"name": endpoint.name, "blobs": sorted({one.blob for one in endpoint.variants})}

    gone = await call.write(step, once=True)
    await call.part(Endpoints).retire(scope_of(call.account, call.region), gone["name"])
    discard_later(call.in_account(call.account, call.region), gone["blobs"])
    return {}


@read
def describe_endpoint(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint's state."""
    endpoint = store.find_endpoint(call, request["EndpointName"])
    output: dict[str, Any] = {
        **_summary(call, endpoint),
        "EndpointConfigName": endpoint.config,
    }
    if endpoint.failure:
        output["FailureReason"] = endpoint.failure
    if endpoint.variants:
        output["ProductionVariants"] = [_shown(endpoint, variant) for variant in endpoint.variants]
    if endpoint.status == UPDATING:
        output["PendingDeploymentSummary"] = {
            "EndpointConfigName": endpoint.pending_config,
            "StartTime": utc(endpoint.modified_ms),
        }
    return output


@read
def list_endpoints(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Endpoints, newest first unless asked otherwise."""
    endpoints = store.all_of(call, "endpoint")
    return page("Endpoints", endpoints, request, lambda endpoint: _summary(call, endpoint))


def _summary(call: ReadCall, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": store.arn_of(call, "endpoint", endpoint.name),
        "CreationTime": utc(endpoint.created_ms),
        "LastModifiedTime": utc(endpoint.modified_ms),
        "EndpointStatus": endpoint.status,
    }


def _shown(endpoint: Endpoint, variant: Variant) -> dict[str, Any]:
    output: dict[str, Any] = {
        "VariantName": variant.name,
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
    }
    if variant.image:
        image = {"SpecifiedImage": variant.image, "ResolutionTime": utc(endpoint.modified_ms)}
        output["DeployedImages"] = [image]
    if variant.serverless:
        output["CurrentServerlessConfig"] = variant.serverless
    else:
        output["CurrentInstanceCount"] = variant.concurrency_max
        output["DesiredInstanceCount"] = variant.concurrency_max
    return output
