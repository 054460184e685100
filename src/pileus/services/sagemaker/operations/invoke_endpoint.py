"""InvokeEndpoint.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.compute import reports
from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import stream
from pileus.runtime.model_server import CONTENT_TYPE, UNSUPPORTED_FORMAT, split_answer
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import Endpoint, Variant, choose
from pileus.services.sagemaker.running import Endpoints, model_context, scope_of
from pileus.values.body import Body
from pileus.values.errors import ServiceError

_UNSUPPORTED = (
    "EnableExplanations",
    "InferenceComponentName",
    "SessionId",
    "TargetContainerHostname",
    "TargetModel",
)
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


@stream
async def invoke_endpoint(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Let a variant of the endpoint answer one request."""
    for member in _UNSUPPORTED:
        if request.get(member):
            raise errors.runtime_invalid(f"Pileus does not support {member} of InvokeEndpoint yet.")
    draw = int.from_bytes(call.random_bytes(4), "big") / 2**32

    def look() -> tuple[Endpoint, Variant]:
        return call.read(lambda view: _found(view, request, draw))

    endpoint, variant = look()
    payload = request.get("Body") or b""
    if variant.serverless and len(payload) > LIMITS.serverless_bytes_max:
        raise errors.runtime_invalid(
            f"The body of {len(payload)} bytes exceeds the {LIMITS.serverless_bytes_max} bytes that "
            "a serverless variant takes."
        )
    compute_call = ComputeCall(
        request_id=call.context.request_id or call.new_id(),
        payload=payload,
        invoked_arn=store.arn_of(call, "endpoint", endpoint.name),
        trace=call.context.trace,
        client_context=model_context(request.get("ContentType") or "", request.get("Accept") or ""),
    )
    scope = scope_of(call.account, call.region)
    variant, result = await call.part(Endpoints).invoke(scope, look, compute_call)
    if result.function_error:
        raise _model_error(call, endpoint, result)
    head, answer = split_answer(result.payload)
    return {
        "Body": answer,
        "ContentType": head[CONTENT_TYPE],
        "InvokedProductionVariant": variant.name,
    }


def _found(view: ReadCall, request: Mapping[str, Any], draw: float) -> tuple[Endpoint, Variant]:
    endpoint: Endpoint | None = store.get(view, "endpoint", request["EndpointName"])
    if endpoint is None or not endpoint.is_serving:
        raise errors.endpoint_not_found(request["EndpointName"], view.account)
    wanted = request.get("TargetVariant")
    if not wanted:
        return endpoint, choose(endpoint.variants, draw)
    for variant in endpoint.variants:
        if variant.name == wanted:
            return endpoint, variant
    raise errors.variant_not_found(wanted, endpoint.name, view.account)


def _model_error(call: StreamCall, endpoint: Endpoint, result: Result) -> ServiceError:
    """From the document of a failed invocation to what a container's HTTP answer would be."""
    document: dict[str, Any] = orjson.loads(result.payload)
    kind = document.get("errorType") or ""
    text = str(document.get("errorMessage") or kind)
    status = 500
    if kind == reports.TIMED_OUT:
        status, text = 0, _TIMED_OUT
    elif kind == UNSUPPORTED_FORMAT:
        status = 415
    elif trace := document.get("stackTrace"):
        text = f"{text}\nTraceback (most recent call last):\n{''.join(trace)}{kind}: {text}"
    return errors.model_error(status, text, endpoint.name, call.region, call.account)
