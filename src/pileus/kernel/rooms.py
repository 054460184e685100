"""A room's manifest, and the registry: the one place that imports rooms, when they are needed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import msgspec

from pileus.kernel.operations import OperationCode
from pileus.ports.state import Space
from pileus.shapes import UnknownOperation, UnknownService, service, snake
from pileus.shapes.validation import Violation, validator, violation_error
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError, no_service, not_implemented


def modelled_error(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """What most AWS services answer to input that does not fit its shape."""
    return violation_error(service, violations)


def any_resource(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    """The resource of operations that are about none in particular."""
    return "*"


def callers_own(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """What is asked for lies in the caller's own account and region."""
    return context


class BodyLimit(msgspec.Struct, frozen=True):
    """How large the body of an operation's request may be, and what is answered to a larger one."""

    bytes_max: int
    refusal: ServiceError


def common_limit(operation: str) -> BodyLimit | None:
    """None: whatever the gateway reads into memory of any request."""
    return None


class Room(msgspec.Struct, frozen=True):
    """A service's manifest: everything about it but its operations, which are found by folder.

    Attributes:
        package: the room's package; ``operations``, ``hooks``, ``resources`` and ``background``
            below it are imported when first needed.
        services: wire ids it answers to; the first names its spaces.
        is_regional: False for services with one space per account (IAM, S3).
        uses: services it may call through the door.
        resource_types: the CloudFormation types that ``resources.py`` knows.
        resource_arn: the ARN that an operation with that input is about, for authorisation.
        invalid_input: ``(service, operation, violations)`` → the error for input that violates
            its shape.
        owner: ``(context, operation, input)`` → the context with the account and region of what is
            asked for, where the input may name another's (a queue's address).
        body_limit: operation → its own limit, where it differs from what the gateway reads of others.
        has_background: ``background.start(call)`` runs at start-up for every space with data.
        namespace: under which CloudWatch shows what ``measures.py`` measures (``AWS/SQS``); empty
            where there is none.
    """

    package: str
    services: tuple[str, ...]
    is_regional: bool = True
    uses: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    resource_arn: Callable[[CallContext, str, Mapping[str, Any]], str] = any_resource
    invalid_input: Callable[[str, str, Sequence[Violation]], ServiceError] = modelled_error
    owner: Callable[[CallContext, str, Mapping[str, Any]], CallContext] = callers_own
    body_limit: Callable[[str], BodyLimit | None] = common_limit
    has_background: bool = False
    namespace: str = ""

    def space(self, account: str, region: str) -> Space:
        """The space that holds this room's state for an account and region."""
        return (account, region if self.is_regional else "global", self.services[0])


class BoundOperation(msgspec.Struct, frozen=True):
    """An operation ready to run."""

    room: Room
    name: str
    code: OperationCode
    violations: Callable[[Mapping[str, Any]], list[Violation]]


class Registry:
    """Rooms by wire id. ``services`` is the package whose sub-packages are the rooms."""

    def __init__(self, services: str = "pileus.services") -> None:
        self._rooms: dict[str, Room] = {}
        self._types: dict[str, Room] = {}
        self._bound: dict[tuple[str, str], BoundOperation] = {}
        self.rooms: list[Room] = []
        for found in pkgutil.iter_modules(importlib.import_module(services).__path__):
            if not found.ispkg:
                continue
            manifest = f"{services}.{found.name}.room"
            try:
                self._add(importlib.import_module(manifest).ROOM)
            except ModuleNotFoundError as error:
                if error.name != manifest:
                    raise  # something that a manifest imports: not a folder without one

    def _add(self, room: Room) -> None:
        self.rooms.append(room)
        for wire_id in room.services:
            self._rooms[wire_id] = room
        for resource_type in room.resource_types:
            self._types[resource_type] = room

    def room(self, wire_id: str) -> Room:
        """The room that answers to ``wire_id``; ServiceError naming it where there is none."""
        room = self._rooms.get(wire_id)
        if room is None:
            raise no_service(wire_id)
        return room

    def serves(self, wire_id: str) -> bool:
        """Whether some room answers to ``wire_id``."""
        return wire_id in self._rooms

    def body_limit(self, wire_id: str, operation: str) -> BodyLimit | None:
        """The limit of requests for an operation, where it has one of its own."""
        room = self._rooms.get(wire_id)
        return room.body_limit(operation) if room is not None else None

    def operation(self, wire_id: str, name: str) -> BoundOperation:
        """The operation, imported at its first use; ServiceError where there is none."""
        bound = self._bound.get((wire_id, name))
        if bound is None:
            bound = self._bound[(wire_id, name)] = self._bind(wire_id, name)
        return bound

    def _bind(self, wire_id: str, name: str) -> BoundOperation:
        room = self.room(wire_id)
        try:
            violations = validator(wire_id, name)
        except (UnknownOperation, UnknownService):
            raise ServiceError(
                "UnknownOperationException", f"The operation {name} is not one of {wire_id}'s."
            ) from None
        code = _operation_code(room.package, snake(name))
        if code is None:
            raise not_implemented(wire_id, name)
        return BoundOperation(room, name, code, violations)

    def operations(self, wire_id: str) -> list[str]:
        """The wire names of the operations this house implements of a service."""
        names = service(wire_id).operations
        package = self.room(wire_id).package
        return [name for name in names if _operation_code(package, snake(name)) is not None]

    def hook(self, wire_id: str, name: str) -> Callable[..., Any]:
        """``<room>/hooks.py:<name>(call, payload)``."""
        hooks = importlib.import_module(f"{self.room(wire_id).package}.hooks")
        hook: Callable[..., Any] = getattr(hooks, name)
        return hook

    def background(self, room: Room) -> ModuleType:
        """``<room>/background.py``."""
        return importlib.import_module(f"{room.package}.background")

    def measures(self, room: Room) -> ModuleType:
        """``<room>/measures.py``."""
        return importlib.import_module(f"{room.package}.measures")

    def resource_type(self, name: str) -> Any | None:
        """The handler of a CloudFormation type, from its room's ``resources.RESOURCE_TYPES``."""
        room = self._types.get(name)
        if room is None:
            return None
        return importlib.import_module(f"{room.package}.resources").RESOURCE_TYPES[name]

    def resource_room(self, name: str) -> Room | None:
        """The room that owns a CloudFormation type."""
        return self._types.get(name)

    def resource_type_names(self) -> list[str]:
        """Every CloudFormation type some room knows."""
        return sorted(self._types)


def _operation_code(package: str, name: str) -> OperationCode | None:
    """``operations/<name>.py:<name>``, or ``<name>`` in whichever file there groups it."""
    folder = importlib.import_module(f"{package}.operations")
    if hasattr(folder, "__path__"):
        code = _grouped(folder.__name__).get(name)
        if name in _modules(folder.__name__):
            code = getattr(importlib.import_module(f"{folder.__name__}.{name}"), name)
    else:
        code = getattr(folder, name, None)
    return code if isinstance(code, OperationCode) else None


@cache
def _modules(package: str) -> frozenset[str]:
    path = importlib.import_module(package).__path__
    return frozenset(module.name for module in pkgutil.iter_modules(path))


@cache
def _grouped(package: str) -> dict[str, OperationCode]:
    """Operations of the files that are not named after an operation themselves."""
    found: dict[str, OperationCode] = {}
    for name in sorted(_modules(package)):
        if name.endswith("_operations"):
            module = importlib.import_module(f"{package}.{name}")
            found.update({n: c for n, c in vars(module).items() if isinstance(c, OperationCode)})
    return found
