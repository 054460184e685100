"""Runs durable executions: the one place that waits for functions.

What is to be done is on disk (``store.all_due``) and done by a queue in memory; a task in every space
takes it from there. So a timer or a callback needs nothing but its own transaction.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import orjson

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.compute.work_queue import WorkQueue
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.ports.state import Space
from pileus.services.lambda_ import errors, running
from pileus.services.lambda_ import store as functions_store
from pileus.services.lambda_.durable import history, lives, payloads, store, wire
from pileus.services.lambda_.durable.answers import parsed
from pileus.services.lambda_.durable.asking import Asked
from pileus.services.lambda_.durable.chaining import Chaining
from pileus.services.lambda_.durable.letters import send_letter
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.measures import RunningExecutions
from pileus.services.lambda_.durable.model import FAILED, OPEN, SUCCEEDED, Execution
from pileus.services.lambda_.durable.names import checkpoint_token
from pileus.services.lambda_.model import Configuration, Function
from pileus.values.errors import ServiceError, StoreUnavailable

_STORE_PAUSE_MS = 1000
_GRACE_MS = 60_000
"""How long a caller waits past the moment at which the execution times out."""
_log = logging.getLogger("pileus.lambda.durable")


class DurableExecutions:
    """Begins executions and brings each to its end; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._chaining = Chaining(functions, self.begin)
        self._queue = WorkQueue(kernel.clock, kernel.supervisor, self._run)
        self._attended: set[Space] = set()
        self._measured = RunningExecutions(kernel)

    # -- for the room's operations ----------------------------------------------------------

    async def begin(self, call: StreamCall, asked: Asked) -> Execution:
        """A new execution, or the one that was begun before under the same name; returns at once.

        Raises:
            ServiceError: DurableExecutionAlreadyStartedException.
        """
        self.attend(call)
        self._measured.expect(call.space)
        execution_id = asked.id or _id(call)
        beginning = lives.Beginning(
            id=execution_id,
            name=asked.name,
            function=asked.function.name,
            version=asked.version,
            input=await payloads.stored(call, execution_id, asked.payload),
            digest=hashlib.sha256(asked.payload).hexdigest(),
            is_synchronous=asked.is_synchronous,
            trace=asked.trace,
            parent=asked.parent,
        )

        def step(write: WriteCall) -> dict[str, str]:
            return {"id": lives.begin(write, beginning)[0].id}

        begun = (await call.write(step, once=True))["id"]
        if begun != execution_id:
            await payloads.delete_all(call, execution_id)
        execution = call.read(lambda view: store.find(view, begun))
        if execution is None:
            raise errors.no_execution(begun)
        return execution

    async def run(
        self, scope: str, function: Function, version: Configuration, asked: ComputeCall
    ) -> Result:
        """Begin an execution and wait for its end, for callers that know functions only.

        Raises:
            ServiceError: InvalidParameterValueException where it may take longer than 15 minutes.
        """
        account, region = scope.split("/")
        call = self._kernel.stream_call((account, region, "lambda"))
        check_synchronous(version)
        execution = await self.begin(
            call,
            Asked(
                function=function,
                version=version,
                payload=asked.payload,
                is_synchronous=True,
                trace=asked.trace,
            ),
        )
        payload, error = await self.outcome(call, execution)
        return Result(payload, error, 0, None, 0, (), "")

    async def outcome(self, call: StreamCall, execution: Execution) -> tuple[bytes, str]:
        """What a synchronous caller gets when the execution has ended: payload and error kind.

        Raises:
            ServiceError: ServiceException where it does not end although its time is over.
        """
        until_ms = execution.deadline_ms + _GRACE_MS
        ended = await call.until(
            lives.ended_key(execution.id), until_ms, lambda view: _ended(view, execution.id)
        )
        if ended is None:
            raise errors.execution_unfinished(history.arn_of(call, execution))
        texts = payloads.Texts()
        await texts.load(call, (ended.result, ended.error))
        if ended.status == SUCCEEDED:
            text = texts.text(ended.result) if ended.result is not None else ""
            return text.encode() or b"null", ""
        error = texts.error(ended.error) if ended.error is not None else {}
        told = {
            "errorMessage": error.get("ErrorMessage", f"The execution is {ended.status}."),
            "errorType": error.get("ErrorType", ended.status),
        }
        for key, name in (("StackTrace", "stackTrace"), ("ErrorData", "errorData")):
            if error.get(key) is not None:
                told[name] = error[key]
        return orjson.dumps(told), "Unhandled"

    # -- what goes on without a request -----------------------------------------------------

    def recover(self, call: StreamCall) -> None:
        """Take up what a previous run left in this space."""
        known = call.read(_known)
        if not known:
            return
        self._attended.add(call.space)
        self._measured.expect(call.space)
        name = f"durable executions of {call.account}/{call.region}"
        call.spawn(name, self._attend(call.space, call.read(store.all_running)))
        name = f"sweep of durable payloads in {call.account}/{call.region}"
        call.spawn(name, payloads.orphans(call, known, call.now_ms))

    def attend(self, call: StreamCall) -> None:
        """See from now on to what is due in this space."""
        if call.space not in self._attended:
            self._attended.add(call.space)
            name = f"durable executions of {call.account}/{call.region}"
            self._kernel.supervisor.spawn(name, self._attend(call.space, []))

    async def _attend(self, space: Space, cut_off: list[str]) -> None:
        """``cut_off``: executions whose invocation a previous run did not live to see the end of."""
        call = self._kernel.stream_call(space)
        for execution_id in cut_off:
            await call.write_at_last(_lost(execution_id), f"execution {execution_id}")
        while True:
            waiter = self._kernel.state.waiter(space, store.DUE_KEY)
            for kind, function, item, due in call.read(store.all_due):
                lane = "/".join((kind, space[0], space[1], function))
                self._queue.submit(lane, f"{item}@{due.not_before_ms}", due.not_before_ms)
            await waiter

    async def _run(self, lane: str, item: str) -> int | None:
        kind, account, region, function = lane.split("/")
        call = self._kernel.stream_call((account, region, "lambda"))
        name, _, moment = item.rpartition("@")
        mine = int(moment)

        def is_mine() -> bool:
            due = call.read(lambda view: store.due(view, kind, function, name))
            return due is not None and due.not_before_ms == mine

        try:
            if is_mine():
                await self._do(call, kind, function, name)
        except StoreUnavailable as problem:
            _log.warning("durable work %s %s waits for the store: %s", kind, name, problem)
            return self._kernel.clock.now_ms() + _STORE_PAUSE_MS
        # What became due meanwhile for another moment has an item of its own.
        return self._kernel.clock.now_ms() if is_mine() else None

    async def _do(self, call: StreamCall, kind: str, function: str, name: str) -> None:
        if kind == store.INVOKE:
            await self._invoke(call, name)
        elif kind == store.CHAIN:
            await self._chaining.follow(call, function, name)
        elif kind == store.LETTER:
            await send_letter(call, function, name)
        else:
            await _remove(call, function, name)

    # -- one invocation ---------------------------------------------------------------------

    async def _invoke(self, call: StreamCall, execution_id: str) -> None:
        request_id = call.new_id()
        taken = await call.write(lambda write: lives.take_up(write, execution_id, request_id))
        if taken is None:
            return
        execution, seen_change = taken
        answer = await self._answer(call, execution, seen_change)
        await call.write_at_last(
            lambda write: lives.settle(write, execution_id, request_id, answer),
            f"execution {execution_id}",
        )

    async def _answer(
        self, call: StreamCall, execution: Execution, seen_change: int
    ) -> lives.Answer:
        found = call.read(lambda view: _version(view, execution))
        if found is None:
            arn = history.function_arn_of(call, execution)
            error = payloads.error_object("ResourceNotFoundException", f"Function not found: {arn}")
            return lives.Answer(status=FAILED, error=error)
        compute_call = ComputeCall(
            execution.invocation,
            await _event(call, execution, seen_change),
            history.function_arn_of(call, execution),
            execution.trace,
            is_queued=True,
        )
        scope = running.scope_of(call.account, call.region)
        try:
            result = await self._functions.invoke_once(scope, *found, compute_call)
        except ServiceError as error:
            _log.info("%s is not invoked now: %s", history.arn_of(call, execution), error)
            return lives.Answer(is_refused=True)
        return await parsed(call, execution, result)


def check_synchronous(version: Configuration) -> None:
    """Raise InvalidParameterValueException where nobody could wait for the end."""
    durable = version.durable
    if durable is not None and durable.timeout_s > DURABLE_LIMITS.synchronous_s_max:
        raise errors.invalid(
            "You cannot synchronously invoke a durable function with an executionTimeout greater "
            "than 15 minutes."
        )


def _id(call: StreamCall) -> str:
    """The same for every redelivery of an event."""
    if call.context.delivery_id:
        digest = hashlib.sha256(call.context.delivery_id.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    return call.new_id()


def _ended(view: ReadCall, execution_id: str) -> Execution | None:
    execution = store.find(view, execution_id)
    return None if execution is None or execution.status in OPEN else execution


def _known(view: ReadCall) -> set[str]:
    return {str(key[1]) for key, _ in view.state.range(("durable",))}


def _lost(execution_id: str) -> Callable[[WriteCall], None]:
    def step(write: WriteCall) -> None:
        execution = store.find(write, execution_id)
        if execution is None:
            store.set_running(write, execution_id, is_running=False)
            return
        error = payloads.error_object(
            "Sandbox.Interrupted", "The platform stopped during the invocation."
        )
        answer = lives.Answer(error=error, is_lost=True)
        lives.settle(write, execution_id, execution.invocation, answer)

    return step


def _version(view: ReadCall, execution: Execution) -> tuple[Function, Configuration] | None:
    """The function as the execution began on it; None where it or the version is gone."""
    try:
        function = functions_store.find_function(view, execution.function)
        return function, functions_store.configuration(view, function, execution.version)
    except ServiceError:
        return None


async def _event(call: StreamCall, execution: Execution, seen_change: int) -> bytes:
    """What the function is invoked with."""
    page = wire.Page(DURABLE_LIMITS.page_max, DURABLE_LIMITS.state_bytes_max)

    def look(view: ReadCall) -> list[str]:
        wire.state_page(view, execution.id, 0, page)
        changed = store.changed_numbers(view, execution.id, seen_change)
        found = [store.operation(view, execution.id, number) for _, number in changed]
        return [one.id for one in found if one is not None]

    updated = call.read(look)
    texts = payloads.Texts()
    await texts.load(call, wire.operation_payloads(page.operations))
    state: dict[str, Any] = {
        "Operations": [
            wire.operation_shown(one, texts, wire.as_milliseconds) for one in page.operations
        ]
    }
    if page.marker:
        state["NextMarker"] = page.marker
    return orjson.dumps(
        {
            "DurableExecutionArn": history.arn_of(call, execution),
            "CheckpointToken": checkpoint_token(execution.id, execution.token),
            "InitialExecutionState": state,
            "UpdatedOperationIds": updated,
        }
    )


async def _remove(call: StreamCall, function: str, execution_id: str) -> None:
    """Delete what is left of an execution: payloads first, so that none is forgotten."""
    await payloads.delete_all(call, execution_id)

    def step(write: WriteCall) -> None:
        execution = store.find(write, execution_id)
        if execution is not None:
            store.delete(write, execution)
        store.delete_due(write, store.REMOVE, function, execution_id)

    await call.write(step)
