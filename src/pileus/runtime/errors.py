"""Faults that the Python client reports in AWS's words, and error documents.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html and the payloads that AWS's
open runtime interface client produces.
"""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

IMPORT_MODULE = "Runtime.ImportModuleError"
HANDLER_NOT_FOUND = "Runtime.HandlerNotFound"
MALFORMED_HANDLER_NAME = "Runtime.MalformedHandlerName"
BUILT_IN_MODULE_CONFLICT = "Runtime.BuiltInModuleConflict"
USER_CODE_SYNTAX = "Runtime.UserCodeSyntaxError"
MARSHAL = "Runtime.MarshalError"
UNMARSHAL = "Runtime.UnmarshalError"
CONTEXT_UNMARSHAL = "Runtime.LambdaContextUnmarshalError"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"

_INDENT = "\u00a0"  # AWS indents trace lines in logs with no-break spaces
_OUR_FILES = "/pileus/runtime/"


class Fault(Exception):
    """Something the runtime itself objects to, with the type name AWS documents for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


def document(error: BaseException, request_id: str) -> dict[str, Any]:
    """The error document of an exception, without our own frames at its top."""
    if isinstance(error, Fault):
        return {
            "errorMessage": str(error),
            "errorType": error.kind,
            "requestId": request_id,
            "stackTrace": error.trace,
        }
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": stack(error.__traceback__),
    }


def stack(trace: TracebackType | None) -> list[str]:
    """The user's frames as text, outermost first."""
    frames = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line)
        for frame in traceback.extract_tb(trace)
    ]
    while frames and _OUR_FILES in frames[0][0]:
        del frames[0]
    return traceback.format_list(frames)


def log_text(error: dict[str, Any]) -> str:
    """The log record AWS's Python runtime writes for an error document."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}".rstrip(": ")]
    lines.append("Traceback (most recent call last):")
    for element in error["stackTrace"]:
        for line in element.splitlines():
            bare = line.lstrip(" ")
            lines.append(_INDENT * (len(line) - len(bare)) + bare)
    return "\n".join(lines)
