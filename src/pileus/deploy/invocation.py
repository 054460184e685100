"""Invoking a deployed function."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 200, or 202 for an event that was accepted to be run later.
        payload: the response or the error document, as the function wrote it.
        error: ``Unhandled`` when the function failed; empty otherwise.
        log: the last 4 KiB of its log, when asked for.
        execution: ARN of the execution of a durable function; empty for any other.
    """

    status: int
    payload: bytes
    error: str
    log: str
    execution: str = ""


def invoke(
    api: Api,
    function: str,
    payload: bytes,
    *,
    is_event: bool = False,
    wants_log: bool = False,
    execution_name: str = "",
) -> Answer:
    """Invoke by the deployed name; ``execution_name`` is for durable functions.

    Raises:
        DeployError: there is no such function.
        ApiError: throttled, too large, and whatever else Lambda refuses.
    """
    named = {"DurableExecutionName": execution_name} if execution_name else {}
    try:
        answer = api.call(
            "lambda",
            "Invoke",
            FunctionName=function,
            InvocationType="Event" if is_event else "RequestResponse",
            LogType="Tail" if wants_log and not is_event else "None",
            Payload=payload,
            **named,
        )
    except ApiError as error:
        if error.code == "ResourceNotFoundException":
            raise DeployError(
                f"there is no function {function} in account {api.account}, {api.region}; "
                "deploy it with: pileus deploy"
            ) from error
        raise
    return Answer(
        answer["StatusCode"],
        answer["Payload"].read(),
        answer.get("FunctionError", ""),
        base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"),
        answer.get("DurableExecutionArn", ""),
    )
