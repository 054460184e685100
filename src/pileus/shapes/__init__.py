"""AWS operation shapes, read from botocore's service models and compiled when first used."""

from pileus.shapes.catalog import known_services, service
from pileus.shapes.model import Member, Operation, Service, Shape, UnknownOperation, UnknownService
from pileus.shapes.names import snake
from pileus.shapes.sensitive import shown_input

__all__ = [
    "Member",
    "Operation",
    "Service",
    "Shape",
    "UnknownOperation",
    "UnknownService",
    "known_services",
    "service",
    "shown_input",
    "snake",
]
