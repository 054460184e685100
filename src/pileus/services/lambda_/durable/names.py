"""ARNs, checkpoint tokens and callback ids. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from pileus.services.lambda_.names import function_arn

_ARN = re.compile(
    r"arn:[a-zA-Z0-9-]+:lambda:(?P<region>[a-zA-Z0-9-]+):(?P<account>\d{12}):function:"
    r"(?P<function>[a-zA-Z0-9_-]+):(?P<version>\$LATEST(?:\.PUBLISHED)?|[0-9]+)"
    r"/durable-execution/(?P<name>[a-zA-Z0-9_-]+)/(?P<id>[a-zA-Z0-9_-]+)"
)


class ExecutionName(msgspec.Struct, frozen=True):
    """What an execution's ARN says."""

    account: str
    region: str
    function: str
    version: str
    name: str
    id: str


def parse_arn(text: str) -> ExecutionName | None:
    """The parts of a durable execution's ARN; None where it is none."""
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    found = match.groupdict()
    return ExecutionName(
        found["account"],
        found["region"],
        found["function"],
        found["version"],
        found["name"],
        found["id"],
    )


def execution_arn(name: ExecutionName) -> str:
    """The ARN whose last part is the id of the execution and of its EXECUTION operation."""
    whole = function_arn(name.region, name.account, name.function, name.version)
    return f"{whole}/durable-execution/{name.name}/{name.id}"


def _packed(value: Mapping[str, Any]) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


def _unpacked(text: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        return None


def checkpoint_token(execution: str, number: int) -> str:
    """The ``number``-th token of an execution."""
    return _packed({"execution": execution, "token": number})


def token_number(text: str, execution: str) -> int | None:
    """Which token of ``execution`` this is; None where it is none of its tokens."""
    found = _unpacked(text)
    if not isinstance(found, dict) or found.get("execution") != execution:
        return None
    number = found.get("token")
    return number if isinstance(number, int) else None


def callback_id(execution: str, operation: str, secret: str) -> str:
    """What a callback is answered by; ``secret`` keeps it from being guessed."""
    return _packed({"execution": execution, "operation": operation, "secret": secret})


def callback_of(text: str) -> tuple[str, str] | None:
    """Execution and operation that a callback id names; None where it is none."""
    found = _unpacked(text)
    if not isinstance(found, dict):
        return None
    execution, operation = found.get("execution"), found.get("operation")
    if isinstance(execution, str) and isinstance(operation, str):
        return execution, operation
    return None
