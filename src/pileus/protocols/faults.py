"""Which model, code, status and fields an error has on the wire; shared by all protocols."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pileus import shapes
from pileus.shapes.model import Service, Shape
from pileus.values.errors import ServiceError


@cache
def service_or_none(name: str) -> Service | None:
    """The service, or None where AWS has none of that name (an unroutable request)."""
    try:
        return shapes.service(name)
    except shapes.UnknownService:
        return None


def error_shape(service: str, error: ServiceError) -> Shape | None:
    """The modelled shape an error's code names, by shape name or by older code."""
    known = service_or_none(service)
    return None if known is None else known.errors.get(error.code)


def status_of(error: ServiceError, shape: Shape | None) -> int:
    """The error's own status; the model's where the error leaves it at 400."""
    if error.status == 400 and shape is not None and shape.error_status:
        return shape.error_status
    return error.status


def old_code(error: ServiceError, shape: Shape | None) -> str:
    """The code of the XML wires (``AWS.SimpleQueueService.NonExistentQueue``)."""
    return error.query_code or (shape.code if shape is not None else error.code)


def fields_of(error: ServiceError, shape: Shape | None) -> dict[str, Any]:
    """Message and further members, under the names the model gives them."""
    names: Mapping[str, object] = shape.members if shape is not None else {}
    message_name = "Message" if "Message" in names and "message" not in names else "message"
    fields: dict[str, Any] = dict(error.fields)
    if message_name not in fields and (error.message or message_name in names):
        fields[message_name] = error.message
    if "Type" in names and "Type" not in fields:
        fields["Type"] = "User" if error.fault == "Sender" else "Service"
    return fields
