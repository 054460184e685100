"""What a room tells CloudFormation about a resource type it owns.

``services/<room>/resources.py`` holds ``RESOURCE_TYPES: dict[str, ResourceType]`` for the names in
the room's manifest. The functions act through the room's public operations (``call.invoke``).

A step may be run again after a crash, with the same request. Each write through the door then takes
effect once and answers as before, so a create needs no care for its own repetition; only operations
marked ``@stream`` must pass ``once=True`` to their ``call.write`` for that, and a handler that looks
before it creates asks ``call.is_answered`` first. A create that makes several calls makes the later
ones within :func:`completing`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pileus.kernel.calls import StepCall
from pileus.values.errors import PileusError, ServiceError


@dataclass(frozen=True, slots=True)
class Resource:
    """What exists now: ``Ref`` gives the physical id, ``Fn::GetAtt`` the attributes."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """One step of a stack operation.

    Attributes:
        properties: resolved properties, as the template gives them.
        token: twelve characters from the stack operation, for generated names.
        physical_id, old_properties, attributes: what is there, for update and delete.
    """

    type: str
    logical_id: str
    stack_id: str
    stack_name: str
    properties: Mapping[str, Any]
    token: str
    physical_id: str = ""
    old_properties: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def generated_name(self, length_max: int = 255, suffix: str = "") -> str:
        """``<stack>-<logical id>-<token>`` as CloudFormation names what has no name."""
        tail = f"-{self.token}{suffix}"
        half = (length_max - len(tail) - 1) // 2
        stack, logical = self.stack_name, self.logical_id
        if len(stack) + len(logical) + 1 + len(tail) > length_max:
            logical = logical[: max(half, length_max - len(tail) - 1 - len(stack))]
            stack = stack[: length_max - len(tail) - 1 - len(logical)]
        return f"{stack}-{logical}{tail}"


Act = Callable[[StepCall, ResourceRequest], Awaitable[Resource]]
End = Callable[[StepCall, ResourceRequest], Awaitable[None]]


class PartlyCreated(PileusError):
    """A create that failed after something came to exist: a rollback must delete ``resource``.

    ``error`` is what went wrong.
    """

    def __init__(self, resource: Resource, error: ServiceError) -> None:
        super().__init__(str(error))
        self.resource = resource
        self.error = error


@contextmanager
def completing(resource: Resource) -> Iterator[None]:
    """What is still to be done to a resource that exists already; a failure names it.

    Raises:
        PartlyCreated: a call within was refused.
    """
    try:
        yield
    except ServiceError as error:
        raise PartlyCreated(resource, error) from error


@dataclass(frozen=True, slots=True)
class Declared:
    """The properties that a type has at AWS, and what becomes of each here.

    Attributes:
        taken: they do here what they do there, or the room that owns the type refuses them itself.
        ignored: taken without effect, which does no harm; the stack's events tell.
        refused: AWS has them and Pileus does not, and a resource without them would be another one.
    """

    taken: frozenset[str]
    ignored: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def unknown(self, properties: Iterable[str]) -> list[str]:
        """Of a template's properties, those that the type does not have."""
        return [n for n in properties if n not in self.taken | self.ignored | self.refused]


def declared(taken: str, *, ignored: str = "", refused: str = "") -> Declared:
    """The same from names with spaces between them."""
    return Declared(*(frozenset(names.split()) for names in (taken, ignored, refused)))


@dataclass(frozen=True, slots=True)
class ResourceType:
    """How one type is created, updated in place and deleted.

    Attributes:
        replaced_by: properties whose change needs a new resource ("Update requires: Replacement").
        update: None when any change needs a new resource.
        taggable: the property that takes the stack's tags (a list of Key, Value), if any.
        properties: which there are; None where the type's own code looks, or takes any.
    """

    create: Act
    delete: End
    update: Act | None = None
    replaced_by: frozenset[str] = frozenset()
    taggable: str = ""
    properties: Declared | None = None

    def needs_replacement(self, changed: set[str]) -> bool:
        """True when changing those top-level properties cannot be done in place."""
        return self.update is None or bool(changed & self.replaced_by)


def tags_gone(request: ResourceRequest) -> list[str]:
    """The keys of tags that an update takes away."""
    kept = {tag["Key"] for tag in request.properties.get("Tags") or ()}
    old = request.old_properties.get("Tags") or ()
    return [tag["Key"] for tag in old if tag["Key"] not in kept]


def require(request: ResourceRequest, name: str) -> Any:
    """A property that must be there; ServiceError as CloudFormation words it."""
    if name not in request.properties:
        raise ServiceError("ValidationError", f"Property {name} cannot be empty.")
    return request.properties[name]
