"""What a durable function's invocation returned, judged."""

from __future__ import annotations

from typing import Any

import orjson

from pileus.compute.calls import Result
from pileus.kernel.calls import StreamCall
from pileus.services.lambda_.durable import payloads
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.lives import Answer
from pileus.services.lambda_.durable.model import FAILED, PENDING, SUCCEEDED, Execution

_KEYS = {
    "ErrorMessage": "errorMessage",
    "ErrorType": "errorType",
    "StackTrace": "stackTrace",
}


async def parsed(call: StreamCall, execution: Execution, result: Result) -> Answer:
    """What the execution is to do after an invocation; long payloads are stored."""
    if result.function_error:
        data = payloads.error_bytes(error_of(result.payload))
        return Answer(error=await payloads.stored(call, execution.id, data))
    document = _document(result.payload)
    status = document.get("Status")
    text, error = document.get("Result"), document.get("Error")
    problem = _problem(execution, (status, text, error))
    if problem:
        wrong = payloads.error_object("InvalidParameterValueException", problem)
        return Answer(status=FAILED, error=wrong)
    if status == SUCCEEDED:
        stored = await payloads.stored(call, execution.id, (text or "").encode())
        return Answer(status=SUCCEEDED, result=stored if text is not None else None)
    if status == FAILED:
        data = payloads.error_bytes(error)
        return Answer(status=FAILED, error=await payloads.stored(call, execution.id, data))
    return Answer(status=PENDING)


def _problem(execution: Execution, found: tuple[Any, Any, Any]) -> str:
    status, text, error = found
    if status not in (SUCCEEDED, FAILED, PENDING):
        return "Invalid Status in invocation output."
    if not isinstance(text, str | None) or not isinstance(error, dict | None):
        return "Invalid Result or Error in invocation output."
    if status == SUCCEEDED and error is not None:
        return "Cannot provide an Error for SUCCEEDED status."
    if status == FAILED and text is not None:
        return "Cannot provide a Result for FAILED status."
    limit = DURABLE_LIMITS.payload_bytes_max
    if execution.is_synchronous:
        limit = DURABLE_LIMITS.execution_payload_bytes_max
    if len((text or "").encode()) > limit:
        return f"Execution output payload size must be less than or equal to {limit} bytes."
    if len(payloads.error_bytes(error)) > DURABLE_LIMITS.error_bytes_max:
        return f"Error object size must be less than {DURABLE_LIMITS.error_bytes_max} bytes."
    return ""


def _document(payload: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def error_of(payload: bytes) -> dict[str, Any]:
    """The ErrorObject of a function's error document."""
    document = _document(payload)
    found = {key: document[name] for key, name in _KEYS.items() if document.get(name)}
    return found or {"ErrorMessage": payload.decode("utf-8", "replace")[:1024]}
