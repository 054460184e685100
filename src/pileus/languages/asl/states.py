"""A definition as it runs: states whose expressions are functions.

Blocks (the machine itself, branches of Parallel, processors of Map) are numbered in the order in
which they stand, so that a stored execution can name where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pileus.languages.asl.choice import Rule
from pileus.languages.asl.frames import Frame, Reader

Merge = Callable[[Any, Any], Any]
"""A state's raw input and its result in, what ResultPath makes of them out."""
Assigner = Callable[[Any, Frame], dict[str, Any]]
"""The values of the variables that a state assigns."""


class Resource(msgspec.Struct, frozen=True):
    """What a Task state does its work with.

    Attributes:
        kind: ``lambda``, ``activity`` or ``integration``.
        arn: as written.
        service, action: of an integration, as history events name them (``aws-sdk:sqs``,
            ``sendMessage.waitForTaskToken``).
        pattern: ``""`` (request and response), ``sync``, ``sync:2`` or ``waitForTaskToken``.
    """

    kind: str
    arn: str
    service: str = ""
    action: str = ""
    pattern: str = ""

    @property
    def told(self) -> str:
        """How the service calls it in sentences."""
        return self.service or self.arn


class Retrier(msgspec.Struct, frozen=True):
    """One entry of ``Retry``; times are seconds."""

    errors: frozenset[str]
    interval_s: int = 1
    attempts_max: int = 3
    backoff: float = 2.0
    delay_max_s: int | None = None
    has_jitter: bool = False


class Catcher(msgspec.Struct, frozen=True):
    """One entry of ``Catch``."""

    errors: frozenset[str]
    next: str
    merge: Merge | None = None
    output: Reader | None = None
    assign: Assigner | None = None


class Branching(msgspec.Struct, frozen=True):
    """One rule of a Choice state, or its default, which has no test."""

    next: str
    test: Rule | None = None
    output: Reader | None = None
    assign: Assigner | None = None


class Distribution(msgspec.Struct, frozen=True):
    """What only a distributed Map has.

    Attributes:
        execution_type: of its children, ``STANDARD`` or ``EXPRESS``.
        reader, writer: give ``ItemReader`` and ``ResultWriter`` with their arguments filled in.
        items_max: gives how many items are read at most.
        tolerated_count, tolerated_percentage: give how many children may fail.
        label: of its children's state machine.
    """

    execution_type: str
    reader: Reader | None = None
    items_max: Reader | None = None
    writer: Reader | None = None
    tolerated_count: Reader | None = None
    tolerated_percentage: Reader | None = None
    label: str | None = None


class Mapping(msgspec.Struct, frozen=True):
    """What a Map state does beside its processor.

    Attributes:
        block: its processor.
        items: gives the array; None where an ItemReader does.
        selector: makes an iteration's input.
        batch_size, batch_bytes, batch_input: of ItemBatcher.
        concurrency: iterations at a time, 0 for all.
        distribution: of a distributed Map, None for an inline one.
    """

    block: int
    items: Reader | None
    selector: Reader | None = None
    concurrency: Reader | None = None
    batch_size: Reader | None = None
    batch_bytes: Reader | None = None
    batch_input: Reader | None = None
    distribution: Distribution | None = None


class State(msgspec.Struct):
    """One state, ready to run.

    Attributes:
        next: None where the state ends its block.
        input, parameters, selector, merge, output_path: the JSONPath data flow; None where a
            field is not given.
        output: the JSONata ``Output``.
        arguments: the JSONata ``Arguments``.
    """

    name: str
    type: str
    is_jsonata: bool = False
    next: str | None = None
    entered: str = ""
    exited: str = ""
    input: Reader | None = None
    parameters: Reader | None = None
    selector: Reader | None = None
    merge: Merge | None = None
    output_path: Reader | None = None
    output: Reader | None = None
    arguments: Reader | None = None
    assign: Assigner | None = None
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()
    has_result: bool = False
    result: Any = None
    resource: Resource | None = None
    credentials: Reader | None = None
    timeout: Reader | None = None
    heartbeat: Reader | None = None
    wait: Reader | None = None
    error: Reader | None = None
    cause: Reader | None = None
    choices: tuple[Branching, ...] = ()
    blocks: tuple[int, ...] = ()
    mapping: Mapping | None = None


class Block(msgspec.Struct):
    """States that run one after the other."""

    start_at: str
    states: dict[str, State]


class Program(msgspec.Struct):
    """A state machine, compiled.

    Attributes:
        blocks: the machine itself first.
        timeout_s: how long an execution may take.
    """

    blocks: list[Block]
    timeout_s: int | None = None
    comment: str | None = None
    version: str = "1.0"


def parse_resource(arn: str) -> Resource:
    """What a Task's ``Resource`` names.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
    """
    parts = arn.split(":")
    if len(parts) >= 7 and parts[2] == "states" and parts[5] == "activity":
        return Resource("activity", arn)
    if len(parts) >= 7 and parts[2] == "states":
        *service, action = parts[5:]
        if action == "2" and service and service[-1].endswith(".sync"):
            action = f"{service.pop()}:2"
        return Resource("integration", arn, ":".join(service), action, action.partition(".")[2])
    return Resource("lambda", arn)
