"""What a request turned out to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.values.errors import ServiceError


class Target(msgspec.Struct):
    """The operation a request names, and the protocol it speaks.

    Attributes:
        service: the name inside the house (``sqs``); empty while unknown.
        operation: in wire spelling (``SendMessage``); empty while unknown.
        protocol: ``json``, ``query``, ``ec2``, ``rest-json``, ``rest-xml``, ``smithy-rpc-v2-cbor``.
        labels: values of the path template, decoded (``{"Bucket": "b", "Key": "a b"}``).
        method: the request's, so that answers to HEAD carry no body.
        json_version: ``1.0`` or ``1.1``, as the client spoke it.
    """

    service: str
    operation: str
    protocol: str
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    method: str = "POST"
    json_version: str = "1.1"


class Unroutable(ServiceError):
    """No operation is found. ``target`` says how the answer is to be worded."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        target: Target,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, status=status, fields=fields)
        self.target = target
