"""Answers the orchestrator for a person who followed the link."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3

_lambda = boto3.client("lambda")


def handle(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Approve (or with ``"refuse": why`` refuse) what ``link`` asks about, as ``by``."""
    [callback] = parse_qs(urlsplit(event["link"]).query)["callback"]
    if event.get("refuse"):
        error = {"ErrorType": "Refused", "ErrorMessage": str(event["refuse"])}
        _lambda.send_durable_execution_callback_failure(CallbackId=callback, Error=error)
        return {"status": "refused"}
    by = str(event["by"])
    _lambda.send_durable_execution_callback_success(CallbackId=callback, Result=by.encode())
    return {"status": "approved"}
