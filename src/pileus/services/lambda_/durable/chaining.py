"""Functions that durable executions invoke and wait for."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import msgspec

from pileus.compute.calls import Call as ComputeCall
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.lambda_ import errors, running
from pileus.services.lambda_ import store as functions_store
from pileus.services.lambda_.durable import history, lives, payloads, store
from pileus.services.lambda_.durable.answers import error_of
from pileus.services.lambda_.durable.asking import Asked
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import (
    FAILED,
    OPEN,
    STARTED,
    SUCCEEDED,
    Due,
    Execution,
    Operation,
    Parent,
    Payload,
)
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.names import home
from pileus.values.errors import ServiceError

Begin = Callable[[StreamCall, Asked], Awaitable[Execution]]


class _Link(msgspec.Struct, frozen=True):
    """An operation that waits for a function."""

    execution: Execution
    operation: Operation


class Chaining:
    """Invokes what a CHAINED_INVOKE operation names and gives it the outcome.

    A durable function gets an execution of its own, whose end ends the operation in the same
    transaction. Any other is invoked until the outcome is on disk, so at least once.
    """

    def __init__(self, functions: running.Functions, begin: Begin) -> None:
        self._functions = functions
        self._begin = begin

    async def follow(self, call: StreamCall, function: str, item: str) -> None:
        """Do what is due for operation ``item`` (``execution/number``)."""
        link = call.read(lambda view: _link(view, item))
        if link is None:
            await call.write(lambda write: store.delete_due(write, store.CHAIN, function, item))
            return
        try:
            target = call.read(lambda view: _target(view, link.operation, call.random_bytes(2)))
        except ServiceError as error:
            await _finish(
                call, item, FAILED, None, payloads.error_object(error.code, error.message)
            )
            return
        texts = payloads.Texts()
        await texts.load(call, (link.operation.input,))
        given = link.operation.input
        payload = texts.text(given).encode() if given is not None else b""
        await _note_start(call, item, target, self._child_id(link))
        if target[1].durable is not None:
            await self._begin_child(call, item, link, (target, payload or b"{}"))
        else:
            await self._invoke(call, item, link, (target, payload or b"{}"))

    @staticmethod
    def _child_id(link: _Link) -> str:
        """The same at every repetition."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{link.execution.id}/{link.operation.id}"))

    async def _begin_child(self, call: StreamCall, item: str, link: _Link, work: _Work) -> None:
        (function, version), payload = work
        child = self._child_id(link)
        asked = Asked(
            function=function,
            version=version,
            payload=payload,
            name=child,
            trace=link.operation.trace,
            parent=Parent(execution=link.execution.id, operation=link.operation.id),
            id=child,
        )
        await self._begin(call, asked)
        await call.write(
            lambda write: store.delete_due(write, store.CHAIN, link.execution.function, item)
        )

    async def _invoke(self, call: StreamCall, item: str, link: _Link, work: _Work) -> None:
        (function, version), payload = work
        arn = functions_store.arn_of(call, function.name, version.version)
        compute_call = ComputeCall(call.new_id(), payload, arn, link.operation.trace)
        scope = running.scope_of(call.account, call.region)
        try:
            result = await self._functions.invoke_once(scope, function, version, compute_call)
        except ServiceError:
            # Throttled, or the platform's fault: it is tried again.
            await call.write(lambda write: _put_off(write, link.execution.function, item))
            return
        execution_id = link.execution.id
        if result.function_error:
            data = payloads.error_bytes(error_of(result.payload))
            stored = await payloads.stored(call, execution_id, data)
            await _finish(call, item, FAILED, None, stored)
        elif len(result.payload) > DURABLE_LIMITS.payload_bytes_max:
            message = (
                "CHAINED_INVOKE output payload size must be less than or equal to "
                f"{DURABLE_LIMITS.payload_bytes_max} bytes."
            )
            error = payloads.error_object("InvalidParameterValueException", message)
            await _finish(call, item, FAILED, None, error)
        else:
            stored = await payloads.stored(call, execution_id, result.payload)
            await _finish(call, item, SUCCEEDED, stored, None)


_Work = tuple[tuple[Function, Configuration], bytes]


def _link(view: ReadCall, item: str) -> _Link | None:
    """The operation as long as it waits."""
    execution_id, _, number = item.rpartition("/")
    execution = store.find(view, execution_id)
    operation = store.operation(view, execution_id, int(number))
    if execution is None or operation is None:
        return None
    if execution.status not in OPEN or operation.status != STARTED:
        return None
    return _Link(execution, operation)


def _target(view: ReadCall, operation: Operation, chance: bytes) -> tuple[Function, Configuration]:
    """What the operation names.

    Raises:
        ServiceError: it is not there, lies elsewhere, or is durable and named without qualifier.
    """
    region, account = home(operation.target)
    if region not in ("", view.region):
        raise errors.unreachable_region(region, view.region)
    if account not in ("", view.account):
        raise errors.not_authorized(
            view.context.principal.arn, "lambda:InvokeFunction", operation.target
        )
    name, qualifier = functions_store.split({"FunctionName": operation.target})
    function = functions_store.find_function(view, name, qualifier)
    version = functions_store.chosen(view, function, qualifier, chance)
    if version.durable is not None and not qualifier:
        raise errors.unqualified_durable()
    return function, version


async def _note_start(
    call: StreamCall, item: str, target: tuple[Function, Configuration], child: str
) -> None:
    """Note once what is invoked."""

    def step(write: WriteCall) -> None:
        link = _link(write, item)
        if link is None or link.operation.attempt:
            return
        execution, operation = link.execution, link.operation
        operation.attempt = 1
        function, version = target
        details = {"FunctionName": operation.target, "ExecutedVersion": version.version}
        if version.durable is not None:
            whole = functions_store.arn_of(write, function.name, version.version)
            details["DurableExecutionArn"] = f"{whole}/durable-execution/{child}/{child}"
        history.note_operation(
            write, execution, operation, "Started", {"Input": operation.input}, **details
        )
        store.keep_operation(write, execution.id, operation)
        store.put(write, execution)

    await call.write(step)


async def _finish(
    call: StreamCall, item: str, status: str, result: Payload | None, error: Payload | None
) -> None:
    def step(write: WriteCall) -> None:
        execution_id = item.rpartition("/")[0]
        execution = store.find(write, execution_id)
        if execution is None:
            return
        store.delete_due(write, store.CHAIN, execution.function, item)
        link = _link(write, item)
        if link is not None:
            _note_unstarted(write, execution, link.operation)
            lives.finish_operation(write, execution, link.operation, status, result, error)
            store.put(write, execution)

    await call.write(step)


def _note_unstarted(write: WriteCall, execution: Execution, operation: Operation) -> None:
    """A function that could not be found was asked for all the same."""
    if not operation.attempt:
        details = {"FunctionName": operation.target}
        payload = {"Input": operation.input}
        history.note_operation(write, execution, operation, "Started", payload, **details)


def _put_off(write: WriteCall, function: str, item: str) -> None:
    due = store.due(write, store.CHAIN, function, item)
    if due is None:
        return
    pause_s = min(2**due.attempts, DURABLE_LIMITS.throttle_pause_last_s)
    later = Due(not_before_ms=write.now_ms + pause_s * 1000, attempts=min(due.attempts + 1, 16))
    store.put_due(write, store.CHAIN, function, item, later)
