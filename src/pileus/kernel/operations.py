"""The three kinds of operation, and what they may answer with.

An operation is a function in a room's ``operations/`` folder, marked with one of the decorators.
The door finds it by the file's name; nothing lists it a second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, overload

import msgspec

from pileus.values.body import Body
from pileus.values.keys import Key

Kind = Literal["write", "read", "stream"]


class Reply(msgspec.Struct, frozen=True):
    """What the door gives back.

    Attributes:
        output: members in wire names; blobs are bytes, timestamps aware datetimes.
        body: the streaming payload, where the operation has one.
        status: HTTP status where it differs from the model's.
    """

    output: Mapping[str, Any] = msgspec.field(default_factory=dict)
    body: Body | None = None
    status: int | None = None


class Wait(msgspec.Struct, frozen=True):
    """A write's answer "nothing yet": run me again when ``key`` is woken or at ``until_ms``."""

    key: Key
    until_ms: int


class OperationCode(msgspec.Struct, frozen=True):
    """A marked function: what it is and how it is run."""

    kind: Kind
    run: Callable[..., Any]
    prepare: Callable[..., Awaitable[Any]] | None = None

    def __call__(self, *arguments: Any) -> Any:
        return self.run(*arguments)


@overload
def write(run: Callable[..., Any], /) -> OperationCode: ...


@overload
def write(
    *, prepare: Callable[..., Awaitable[Any]]
) -> Callable[[Callable[..., Any]], OperationCode]: ...


def write(
    run: Callable[..., Any] | None = None,
    *,
    prepare: Callable[..., Awaitable[Any]] | None = None,
) -> OperationCode | Callable[[Callable[..., Any]], OperationCode]:
    """Mark ``run(call, request)`` as a write: synchronous, in one transaction of the room's space.

    It may run again, so all it does is through ``call``. It returns the output mapping, a Reply or
    a Wait. With ``prepare`` it is ``run(call, request, prepared)``: ``prepare(call, request)`` is
    awaited first, outside the transaction, and may ask other rooms.
    """
    if run is None:
        return lambda fn: OperationCode("write", fn, prepare)
    return OperationCode("write", run, prepare)


@overload
def read(run: Callable[..., Any], /) -> OperationCode: ...


@overload
def read(
    *, prepare: Callable[..., Awaitable[Any]]
) -> Callable[[Callable[..., Any]], OperationCode]: ...


def read(
    run: Callable[..., Any] | None = None,
    *,
    prepare: Callable[..., Awaitable[Any]] | None = None,
) -> OperationCode | Callable[[Callable[..., Any]], OperationCode]:
    """Mark ``run(call, request)`` as a read: synchronous, on a snapshot of what is durable."""
    if run is None:
        return lambda fn: OperationCode("read", fn, prepare)
    return OperationCode("read", run, prepare)


def stream(run: Callable[..., Any]) -> OperationCode:
    """Mark ``async run(call, request, body)``: moves bytes or waits for user code.

    Its changes of state go through short ``await call.write(step)`` steps.
    """
    return OperationCode("stream", run)
