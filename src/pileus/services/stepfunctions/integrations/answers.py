"""From what the door answers to a Task's result or failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.operations import Reply
from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.states import Resource
from pileus.services.stepfunctions.integrations import members
from pileus.services.stepfunctions.integrations.requests import Request, Unfit
from pileus.services.stepfunctions.limits import LIMITS
from pileus.values.errors import ServiceError

_OPTIMISED_CAUSE = "{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)"
_SDK_CAUSE = "{} (Service: {}, Status Code: {}, Request ID: {})"
_DATA_LIMIT = "States.DataLimitExceeded"


async def result(resource: Resource, request: Request, reply: Reply, request_id: str) -> str:
    """The task's result as JSON.

    Raises:
        Unfit: the function failed, or the answer is none that an execution can carry.
    """
    output = dict(reply.output)
    if request.operation.service == "lambda" and request.operation.name == "Invoke":
        _raise_function_error(output)
        if resource.kind == "lambda":
            return bytes(output.get("Payload") or b"null").decode()
    if reply.body is not None:
        stream = request.operation.output.streaming_member if request.operation.output else None
        if stream is not None:
            output[stream.name] = await _text(reply.body, resource)
    found = members.from_wire(request.operation.output, output)
    if request.is_sdk:
        return encode(found)
    if isinstance(found.get("Payload"), str):
        found["Payload"] = _decoded(found["Payload"])
    found |= _metadata(reply, request_id)
    return encode(dict(sorted(found.items())))


async def _text(body: Any, resource: Resource) -> bytes:
    try:
        found: bytes = await body.read(LIMITS.payload_bytes_max)
    except ValueError:
        raise Unfit(
            _DATA_LIMIT,
            f"The state/task '{resource.told}' returned a result with a size exceeding the maximum "
            "number of bytes service limit.",
        ) from None
    return found


def _raise_function_error(output: Mapping[str, Any]) -> None:
    if not output.get("FunctionError"):
        return
    text = bytes(output.get("Payload") or b"").decode("utf-8", "replace")
    told = _decoded(text)
    error = told.get("errorType") if isinstance(told, dict) else None
    raise Unfit(str(error or "Lambda.Unknown"), text)


def _decoded(text: str) -> Any:
    try:
        return decode(text or "null")
    except ValueError:
        return text


def _metadata(reply: Reply, request_id: str) -> dict[str, Any]:
    """What optimised integrations say of the call beside its answer."""
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": reply.status or 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def failure(request: Request, error: ServiceError, request_id: str) -> Unfit:
    """How a task fails whose call was refused."""
    code = error.code if error.code.endswith(("Exception", "Error")) else f"{error.code}Exception"
    name = f"{request.told}.{code}"
    if request.is_sdk:
        cause = _SDK_CAUSE.format(error.message, request.told, error.status, request_id)
    else:
        cause = _OPTIMISED_CAUSE.format(
            error.message, f"AWS{request.told}", error.status, error.code, request_id
        )
    return Unfit(name, cause)
