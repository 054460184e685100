"""The life of an execution: begun, invoked again and again, ended once. Every step is a transaction.

An execution is invoked when there is something for it to do (``durable_due``), by one invocation at
a time. What happens meanwhile is told by the answer to its next checkpoint, or lets it be invoked
again when it ends without having seen it.
"""

from __future__ import annotations

import msgspec

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.lambda_ import errors
from pileus.services.lambda_.durable import history, store
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import (
    DELETING,
    FAILED,
    OPEN,
    PAUSED,
    PAUSING,
    RUNNING,
    STARTED,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Due,
    Execution,
    Operation,
    Parent,
    Pause,
    Payload,
)
from pileus.services.lambda_.durable.payloads import error_object
from pileus.services.lambda_.measures import Noted, noted
from pileus.services.lambda_.model import Configuration
from pileus.values.keys import Key

OPERATION_DUE, HEARTBEAT_DUE = "durable_operation_due", "durable_heartbeat_due"
EXECUTION_DUE, RETENTION_DUE = "durable_execution_due", "durable_retention_due"
_DAY_MS = 86_400_000
_STARTED = {"DurableExecutionStarted": 1.0}


def ended_key(execution_id: str) -> Key:
    """Woken when an execution has ended."""
    return ("durable_ended", execution_id)


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution is begun with; ``name`` is empty where the caller gave none."""

    id: str
    name: str
    function: str
    version: Configuration
    input: Payload
    digest: str
    is_synchronous: bool
    trace: str = ""
    parent: Parent | None = None


def begin(call: WriteCall, asked: Beginning) -> tuple[Execution, bool]:
    """A new execution and True, or the one that was begun before under the same name.

    Raises:
        ServiceError: DurableExecutionAlreadyStartedException where its payload was another.
    """
    if asked.name and (known := store.find_named(call, asked.function, asked.name)) is not None:
        if known.input_digest != asked.digest:
            raise errors.execution_already_started(asked.name)
        return known, False
    settings = asked.version.durable
    assert settings is not None
    execution = Execution(
        id=asked.id,
        name=asked.name or asked.id,
        function=asked.function,
        version=asked.version.version,
        started_ms=call.now_ms,
        deadline_ms=call.now_ms + settings.timeout_s * 1000,
        timeout_s=settings.timeout_s,
        retention_days=settings.retention_days,
        input=asked.input,
        input_digest=asked.digest,
        is_synchronous=asked.is_synchronous,
        trace=asked.trace,
        written_bytes=asked.input.size_bytes,
        parent=asked.parent,
    )
    itself = Operation(
        number=0,
        id=execution.id,
        type="EXECUTION",
        status=STARTED,
        started_ms=call.now_ms,
        name=execution.name,
        input=asked.input,
    )
    store.put_operation(call, execution, itself)
    started = {"ExecutionTimeout": execution.timeout_s}
    history.note(call, execution, "ExecutionStarted", started, {"Input": execution.input})
    _watch_timeout(call, execution)
    store.put_due(call, store.INVOKE, execution.function, execution.id)
    store.put_new(call, execution)
    history.tell_status(call, execution)
    call.measure(noted(execution.function, execution.version, _STARTED))
    return execution, True


def _watch_timeout(call: WriteCall, execution: Execution) -> None:
    call.set_timer(
        Timer(
            name=EXECUTION_DUE,
            key=execution.id,
            at_ms=execution.deadline_ms,
            payload={"execution": execution.id},
        )
    )


def has_news(call: WriteCall, execution: Execution) -> None:
    """Something happened that the function must be told; the caller stores the execution."""
    execution.news_change = execution.change_last
    if execution.status == RUNNING and not execution.invocation:
        if store.due(call, store.INVOKE, execution.function, execution.id) is None:
            store.put_due(call, store.INVOKE, execution.function, execution.id)
    elif execution.pause is not None:
        execution.pause.is_due = True


# -- one invocation ----------------------------------------------------------------------------


def take_up(call: WriteCall, execution_id: str, request_id: str) -> tuple[Execution, int] | None:
    """Begin an invocation; None where the execution does not want one now.

    From here on the tokens of earlier invocations are refused. With the execution comes the last
    change that an earlier invocation was told of.
    """
    execution = store.find(call, execution_id)
    if execution is None or execution.status != RUNNING or execution.invocation:
        if execution is not None:
            store.delete_due(call, store.INVOKE, execution.function, execution_id)
        return None
    store.delete_due(call, store.INVOKE, execution.function, execution_id)
    execution.invocation = request_id
    execution.invoked_ms = call.now_ms
    execution.token += 1
    execution.client_token = ""
    seen, execution.seen_change = execution.seen_change, execution.change_last
    execution.invoked_change = execution.change_last
    store.set_running(call, execution_id, is_running=True)
    store.put(call, execution)
    return execution, seen


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an invocation came to.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED`` or ``PENDING`` as the function said it; empty where it
            failed itself, then ``error`` tells how.
        is_refused: it did not run at all (throttled); it runs after a pause.
        is_lost: the platform stopped meanwhile; it runs again at once.
    """

    status: str = ""
    result: Payload | None = None
    error: Payload | None = None
    is_refused: bool = False
    is_lost: bool = False


def settle(call: WriteCall, execution_id: str, request_id: str, answer: Answer) -> None:
    """End an invocation and let the execution end, wait, pause or be invoked again."""
    execution = store.find(call, execution_id)
    if execution is None or execution.invocation != request_id:
        return
    if answer.is_refused:
        execution.invocation = ""
        store.set_running(call, execution_id, is_running=False)
        pause_s = min(2**execution.refusals, DURABLE_LIMITS.throttle_pause_last_s)
        execution.refusals = min(execution.refusals + 1, 16)
        _invoke_again(call, execution, Due(not_before_ms=call.now_ms + pause_s * 1000))
        store.put(call, execution)
        return
    execution.refusals = 0
    _lay_down(call, execution, None if answer.status else answer.error)
    if execution.status in OPEN:
        _go_on(call, execution, answer)
    store.put(call, execution)


def _lay_down(call: WriteCall, execution: Execution, error: Payload | None) -> None:
    times = {
        "StartTimestamp": execution.invoked_ms,
        "EndTimestamp": call.now_ms,
        "RequestId": execution.invocation,
    }
    history.note(call, execution, "InvocationCompleted", times, {"Error": error})
    execution.invocation = ""
    store.set_running(call, execution.id, is_running=False)


def interrupt(call: WriteCall, execution: Execution) -> None:
    """Take a pausing execution from its invocation, which has no token any more."""
    _lay_down(call, execution, None)
    pause_now(call, execution)
    assert execution.pause is not None
    execution.pause.is_due = True


def _go_on(call: WriteCall, execution: Execution, answer: Answer) -> None:
    if answer.status in (SUCCEEDED, FAILED):
        end(call, execution, answer.status, answer.result, answer.error)
    elif answer.status:
        _suspend(call, execution)
    elif answer.is_lost:
        _invoke_again(call, execution, Due())
    else:
        pauses_s = DURABLE_LIMITS.invocation_pauses_s
        if execution.attempts >= len(pauses_s):
            end(call, execution, FAILED, None, answer.error)
            return
        pause_s = pauses_s[execution.attempts]
        execution.attempts += 1
        _invoke_again(call, execution, Due(not_before_ms=call.now_ms + pause_s * 1000))


def _invoke_again(call: WriteCall, execution: Execution, due: Due) -> None:
    if execution.status == PAUSING:
        pause_now(call, execution)
    if execution.pause is not None:
        execution.pause.is_due = True
    elif execution.status == RUNNING:
        store.put_due(call, store.INVOKE, execution.function, execution.id, due)


def _suspend(call: WriteCall, execution: Execution) -> None:
    """The function returned PENDING: something else must let it go on.

    What came meanwhile may have been told by the answer to a checkpoint that a suspended branch no
    longer looked at: the next invocation sees it in any case.
    """
    has_unseen = execution.news_change > execution.invoked_change
    if execution.status in (PAUSING, PAUSED):
        if execution.status == PAUSING:
            pause_now(call, execution)
        assert execution.pause is not None
        execution.pause.is_due = execution.pause.is_due or has_unseen
    elif has_unseen or store.is_ready(call, execution.id):
        _invoke_again(call, execution, Due())
    elif not store.is_waiting(call, execution.id):
        message = "Cannot return PENDING status with no pending operations."
        error = error_object("InvalidParameterValueException", message)
        end(call, execution, FAILED, None, error)


# -- the end -----------------------------------------------------------------------------------

_ENDED = {
    SUCCEEDED: "ExecutionSucceeded",
    FAILED: "ExecutionFailed",
    TIMED_OUT: "ExecutionTimedOut",
    STOPPED: "ExecutionStopped",
}


def end(
    call: WriteCall,
    execution: Execution,
    status: str,
    result: Payload | None = None,
    error: Payload | None = None,
) -> None:
    """End an execution and tell everyone who waits for that; the caller stores it afterwards."""
    execution.status, execution.ended_ms = status, call.now_ms
    execution.result, execution.error = result, error
    execution.pause = None
    itself = store.operation(call, execution.id, 0)
    assert itself is not None
    itself.status, itself.ended_ms = status, call.now_ms
    store.put_operation(call, execution, itself)
    for waiting in store.waiting(call, execution.id):
        stop_clocks(call, execution, waiting)
    call.state.delete_range(("durable_waiting", execution.id))
    store.delete_due(call, store.INVOKE, execution.function, execution.id)
    call.cancel_timer(EXECUTION_DUE, execution.id)
    retained_ms = call.now_ms + execution.retention_days * _DAY_MS
    payload = {"execution": execution.id}
    call.set_timer(Timer(name=RETENTION_DUE, key=execution.id, at_ms=retained_ms, payload=payload))
    noted = {"Result": result} if status == SUCCEEDED else {"Error": error}
    history.note(call, execution, _ENDED[status], None, noted)
    history.tell_status(call, execution)
    call.measure(_ended_noted(execution))
    call.wake(ended_key(execution.id))
    if execution.parent is not None:
        _tell_parent(call, execution.parent, status, result, error)
    elif not execution.is_synchronous and status in (FAILED, TIMED_OUT):
        store.put_due(call, store.LETTER, execution.function, execution.id)


def _ended_noted(execution: Execution) -> Noted:
    values = {
        f"Durable{_ENDED[execution.status]}": 1.0,
        "DurableExecutionDuration": float(execution.ended_ms - execution.started_ms),
        "DurableExecutionOperations": float(execution.operation_last),
        "DurableExecutionStorageWrittenBytes": float(execution.written_bytes),
    }
    return noted(execution.function, execution.version, values)


def _tell_parent(
    call: WriteCall, parent: Parent, status: str, result: Payload | None, error: Payload | None
) -> None:
    execution = store.find(call, parent.execution)
    if execution is None:
        return
    operation = store.operation_named(call, parent.execution, parent.operation)
    if operation is not None:
        finish_operation(call, execution, operation, status, result, error)
        store.put(call, execution)


def finish_operation(
    call: WriteCall,
    execution: Execution,
    operation: Operation,
    status: str,
    result: Payload | None = None,
    error: Payload | None = None,
) -> bool:
    """End an operation that waits; False where it had ended. The caller stores the execution."""
    if execution.status not in OPEN or operation.status != STARTED:
        return False
    operation.status, operation.ended_ms = status, call.now_ms
    operation.result, operation.error = result, error
    stop_clocks(call, execution, operation)
    store.put_operation(call, execution, operation)
    payloads = {"Result": result} if status == SUCCEEDED else {"Error": error}
    words = {SUCCEEDED: "Succeeded", FAILED: "Failed", TIMED_OUT: "TimedOut", STOPPED: "Stopped"}
    if operation.type == "WAIT":
        duration = {"Duration": operation.duration_s}
        history.note_operation(call, execution, operation, words[status], None, **duration)
    else:
        history.note_operation(call, execution, operation, words[status], payloads)
    for payload in (result, error):
        execution.written_bytes += payload.size_bytes if payload else 0
    has_news(call, execution)
    return True


def clock_key(execution: Execution, operation: Operation) -> str:
    """How an operation's timers are called."""
    return f"{execution.id}/{operation.number}"


def stop_clocks(call: WriteCall, execution: Execution, operation: Operation) -> None:
    """Cancel what an operation would have been woken by."""
    key = clock_key(execution, operation)
    if operation.due_ms:
        call.cancel_timer(OPERATION_DUE, key)
    if operation.heartbeat_ms:
        call.cancel_timer(HEARTBEAT_DUE, key)


def remove(call: WriteCall, execution: Execution) -> None:
    """Let an ended execution and its data go."""
    execution.status = DELETING
    call.cancel_timer(RETENTION_DUE, execution.id)
    store.put(call, execution)
    store.put_due(call, store.REMOVE, execution.function, execution.id)


# -- pausing -----------------------------------------------------------------------------------


def pause_now(call: WriteCall, execution: Execution) -> None:
    """Pause: no invocation is in progress, or its token is taken away."""
    pause = execution.pause
    assert pause is not None
    pause.began_ms = call.now_ms
    execution.status = PAUSED
    if pause.stops_timeout:
        _watch_lifetime(call, execution)
    details = {
        "PauseRequestTimestamp": pause.requested_ms,
        "ExecutionTimeoutPaused": pause.stops_timeout,
    }
    history.note(call, execution, "ExecutionPaused", details, _reason(pause.reason))
    history.tell_status(call, execution)


def _reason(reason: str) -> dict[str, Payload | None]:
    if not reason:
        return {}
    data = reason.encode()
    return {"Reason": Payload(data=data, size_bytes=len(data))}


def _watch_lifetime(call: WriteCall, execution: Execution) -> None:
    """An execution with a paused timeout ends 366 days after its start."""
    at_ms = execution.started_ms + DURABLE_LIMITS.lifetime_s_max * 1000
    payload = {"execution": execution.id}
    call.set_timer(Timer(name=EXECUTION_DUE, key=execution.id, at_ms=at_ms, payload=payload))


def pause(call: WriteCall, execution: Execution, asked: Pause) -> None:
    """Pause now, or when the invocation in progress comes to its next checkpoint."""
    execution.pause = asked
    due = store.due(call, store.INVOKE, execution.function, execution.id)
    if due is not None:
        asked.is_due = True
        store.delete_due(call, store.INVOKE, execution.function, execution.id)
    if execution.invocation:
        execution.status = PAUSING
        history.tell_status(call, execution)
    else:
        pause_now(call, execution)
    store.put(call, execution)


def resume(call: WriteCall, execution: Execution, reason: str) -> None:
    """Let a pausing or paused execution go on."""
    paused = execution.pause
    assert paused is not None
    execution.pause, execution.status = None, RUNNING
    execution.resumed_ms = call.now_ms
    if paused.began_ms and paused.stops_timeout:
        execution.deadline_ms += call.now_ms - paused.began_ms
        _watch_timeout(call, execution)
    if paused.began_ms:
        details = {"ResumeRequestTimestamp": call.now_ms}
        history.note(call, execution, "ExecutionResumed", details, _reason(reason))
    history.tell_status(call, execution)
    if paused.is_due and not execution.invocation:
        store.put_due(call, store.INVOKE, execution.function, execution.id)
    store.put(call, execution)
