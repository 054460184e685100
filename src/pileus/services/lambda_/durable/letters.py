"""Dead letters of executions that were begun asynchronously and failed.

https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html
"""

from __future__ import annotations

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.lambda_ import outcomes
from pileus.services.lambda_ import store as functions_store
from pileus.services.lambda_.durable import payloads, store
from pileus.services.lambda_.durable.model import Execution
from pileus.services.lambda_.model import AsyncEvent, Configuration
from pileus.services.lambda_.outcomes import Condition, Ending
from pileus.values.errors import ServiceError


async def send_letter(call: StreamCall, function: str, execution_id: str) -> None:
    """Give the event of a failed execution to the function's dead-letter queue, if it has one."""
    found = call.read(lambda view: _addressed(view, execution_id))
    texts = payloads.Texts()
    if found is not None:
        await texts.load(call, (found[0].input, found[0].error))

    def step(write: WriteCall) -> None:
        if store.due(write, store.LETTER, function, execution_id) is None:
            return
        store.delete_due(write, store.LETTER, function, execution_id)
        if found is None:
            return
        execution, version = found
        error = texts.error(execution.error) if execution.error is not None else {}
        refusal = ServiceError(
            str(error.get("ErrorType", execution.status)),
            str(error.get("ErrorMessage", "")),
            status=200,
        )
        event = AsyncEvent(
            id=execution.id,
            function=execution.function,
            qualifier=execution.version,
            accepted_ms=execution.started_ms,
        )
        ended = (event, version, Ending(Condition.EXHAUSTED, None, refusal))
        payload = texts.text(execution.input).encode()
        write.emit(outcomes.dead_letter(version.dead_letter, ended, payload))

    await call.write(step)


def _addressed(view: ReadCall, execution_id: str) -> tuple[Execution, Configuration] | None:
    """The execution and the version with a dead-letter queue; None where there is nobody to tell."""
    execution = store.find(view, execution_id)
    if execution is None:
        return None
    try:
        function = functions_store.find_function(view, execution.function)
        version = functions_store.configuration(view, function, execution.version)
    except ServiceError:
        return None
    return (execution, version) if version.dead_letter else None
