"""Deployments: fetch, unpack and check the models of an endpoint, then let it serve them.

No instance is started: the first request does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from pileus.compute.errors import PackageError
from pileus.compute.model_store import MODEL_DIR
from pileus.compute.requirements import unsatisfied
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.ports.blobs import BlobsUnavailable
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import FAILED, IN_SERVICE, Endpoint, EndpointConfig, Variant
from pileus.services.sagemaker.running import (
    PROGRAM,
    PROGRAM_DEFAULT,
    SERVICE,
    Endpoints,
    scope_of,
)
from pileus.values.context import Principal
from pileus.values.errors import PileusError, ServiceError

REQUIREMENTS = "PILEUS_REQUIREMENTS"
UNCHECKED = "unchecked"
_SUBMIT = "SAGEMAKER_SUBMIT_DIRECTORY"
_CODE = "code"
_REASON_LENGTH_MAX = 1024
_DRAIN_S = 2 * LIMITS.invoke_s_max


class DeploymentFailed(PileusError):
    """What an endpoint tells as its FailureReason."""


def planned(call: ReadCall, config: EndpointConfig) -> list[Variant]:
    """The variants of a configuration with what is known of their models now.

    Raises:
        ServiceError: ValidationException for a model that is gone.
    """
    return [_variant(call, given) for given in config.variants]


def _variant(call: ReadCall, given: dict[str, Any]) -> Variant:
    model = store.find_model(call, given["ModelName"])
    container = model.containers[0]
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    serverless = dict(given.get("ServerlessConfig") or {})
    scaling = given.get("ManagedInstanceScaling") or {}
    count = given.get("InitialInstanceCount") or 1
    if scaling.get("Status") == "ENABLED":
        count = max(count, scaling.get("MaxInstanceCount") or 1)
    return Variant(
        name=given["VariantName"],
        model=model.name,
        image=container.get("Image") or "",
        role=model.role,
        model_data=container.get("ModelDataUrl") or source.get("S3Uri") or "",
        environment=dict(container.get("Environment") or {}),
        weight=float(given.get("InitialVariantWeight", 1.0)),
        concurrency_max=serverless.get("MaxConcurrency") or count,
        memory_mb=serverless.get("MemorySizeInMB") or LIMITS.memory_mb_default,
        startup_s=float(
            given.get("ContainerStartupHealthCheckTimeoutInSeconds") or LIMITS.startup_s_default
        ),
        serverless=serverless,
    )


async def deploy(call: StreamCall, name: str, deployment: str) -> None:
    """Carry a deployment out, unless it is not the endpoint's latest any more.

    Done twice, also after a crash, it ends the same.
    """
    endpoints = call.part(Endpoints)
    if deployment in endpoints.deploying:
        return
    endpoints.deploying.add(deployment)
    try:
        await _deploy(call, endpoints, name, deployment)
    finally:
        endpoints.deploying.discard(deployment)


async def _deploy(call: StreamCall, endpoints: Endpoints, name: str, deployment: str) -> None:
    endpoint: Endpoint | None = call.read(lambda view: store.get(view, "endpoint", name))
    if endpoint is None or endpoint.deployment != deployment or not endpoint.pending:
        return
    fetched: dict[tuple[str, str], str] = {}
    failure = ""
    try:
        for variant in endpoint.pending:
            await _prepare(call, endpoints, variant, fetched)
    except DeploymentFailed as failed:
        failure = str(failed)[:_REASON_LENGTH_MAX]
        await discard(call, set(fetched.values()))
    finished = endpoint
    has_ended = await call.write(lambda write: _finish(write, finished, failure))
    if failure:
        return
    if not has_ended:
        await discard(call, set(fetched.values()))
        return
    scope = scope_of(call.account, call.region)
    await endpoints.retire(scope, endpoint.name)
    served = call.read(lambda view: store.get(view, "endpoint", name))
    if served is not None and served.is_serving:
        endpoints.warm_up(scope, served)
    discard_later(call, {variant.blob for variant in endpoint.variants})


def _finish(call: WriteCall, prepared: Endpoint, failure: str) -> bool:
    """Note the end of a deployment; False when another one or a deletion came first."""
    endpoint: Endpoint | None = store.get(call, "endpoint", prepared.name)
    if endpoint is None or endpoint.deployment != prepared.deployment or not endpoint.pending:
        return False
    endpoint.failure = failure
    if not failure:
        endpoint.config = endpoint.pending_config
        endpoint.variants = prepared.pending
        endpoint.serving = endpoint.deployment
    # A failed update leaves what served before; a failed creation leaves nothing to serve.
    endpoint.status = IN_SERVICE if endpoint.variants else FAILED
    endpoint.pending, endpoint.pending_config = [], ""
    endpoint.modified_ms = call.now_ms
    store.put(call, "endpoint", endpoint)
    return True


def blob_prefix(call: StreamCall) -> str:
    """Where the copies of archives of this account and region lie."""
    return f"{call.account}/sagemaker/{call.region}/"


async def discard(call: StreamCall, blobs: Iterable[str]) -> None:
    """Delete copies of archives and what was unpacked from them."""
    for blob in blobs:
        await call.part(Endpoints).models.forget(blob)
        await call.blobs.delete(blob)


def discard_later(call: StreamCall, blobs: Iterable[str]) -> None:
    """The same once no request that began before can still be running.

    A stop of the platform before then leaves them to ``background``.
    """
    kept = sorted(blobs)

    async def work() -> None:
        await call.clock.sleep(_DRAIN_S)
        await discard(call, kept)

    call.spawn("discarding archives that serve no more", work())


async def _prepare(
    call: StreamCall, endpoints: Endpoints, variant: Variant, fetched: dict[tuple[str, str], str]
) -> None:
    if not variant.model_data:
        raise DeploymentFailed(
            f"Model {variant.model} has no ModelDataUrl. Pileus runs the inference script of a "
            "model archive; it does not run container images."
        )
    submit = variant.environment.get(_SUBMIT, "")
    if submit.startswith("s3://"):
        raise DeploymentFailed(
            f"{_SUBMIT} {submit} of model {variant.model} is not supported: put the script into "
            f"{_CODE}/ of the model archive."
        )
    source = (variant.model_data, variant.role)
    if source not in fetched:
        fetched[source] = await _fetch(call, endpoints, variant)
    variant.blob = fetched[source]
    try:
        folder = await endpoints.models.folder(variant.blob)
    except PackageError as error:
        raise DeploymentFailed(f"{variant.model_data}: {error}") from error
    await asyncio.to_thread(_check, folder / MODEL_DIR, variant, endpoints.host.folders)


async def _fetch(call: StreamCall, endpoints: Endpoints, variant: Variant) -> str:
    """A copy of the archive in Blobs: what is deployed stays, whatever becomes of the object."""
    bucket, _, key = variant.model_data.removeprefix("s3://").partition("/")
    if not variant.model_data.startswith("s3://") or not bucket or not key:
        raise DeploymentFailed(f"ModelDataUrl {variant.model_data!r} is no s3:// address.")
    try:
        principal = Principal.service(SERVICE, call.account)
        if variant.role:
            principal = await endpoints.assume(scope_of(call.account, call.region), variant.role)
        given = {"Bucket": bucket, "Key": key}
        reply = await call.invoke("s3", "GetObject", given, principal=principal)
        body = reply.body
        if body is None:
            raise errors.invalid("the object has no body")
        blob = f"{blob_prefix(call)}{call.random_bytes(16).hex()}"
        await call.blobs.put(blob, _chunks(body))
    except ServiceError as error:
        raise DeploymentFailed(
            f'Failed to download model data for container "container_1" from URL: '
            f'"{variant.model_data}". Please ensure that there is an object located at the URL and '
            "that the role passed to CreateModel has permissions to download the model. "
            f"({error.code}: {error.message})"
        ) from error
    except BlobsUnavailable as error:
        raise DeploymentFailed(f"{variant.model_data} could not be stored: {error}") from error
    return blob


async def _chunks(body: Any) -> AsyncIterator[bytes]:
    async for chunk in body:
        yield chunk


def _check(folder: Path, variant: Variant, folders: tuple[str, ...]) -> None:
    """Raise DeploymentFailed unless the script is there and finds its requirements."""
    program = variant.environment.get(PROGRAM) or PROGRAM_DEFAULT
    script = folder / _CODE / program
    if not program.endswith(".py") or ".." in Path(program).parts or not script.is_file():
        raise DeploymentFailed(
            f"The archive {variant.model_data} has no script {_CODE}/{program} ({PROGRAM})."
        )
    requirements = folder / _CODE / "requirements.txt"
    if not requirements.is_file() or variant.environment.get(REQUIREMENTS) == UNCHECKED:
        return
    text = requirements.read_text(errors="replace")
    if missing := unsatisfied(text, [str(folder / _CODE / "lib"), *folders]):
        raise DeploymentFailed(
            f"Requirements of {_CODE}/requirements.txt are not satisfied: {', '.join(missing)}. "
            "Install them into the environment that Pileus runs in, put them into "
            f"{_CODE}/lib of the archive, or set {REQUIREMENTS}={UNCHECKED} for the model."
        )
