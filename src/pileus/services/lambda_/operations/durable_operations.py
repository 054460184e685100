"""What durable functions call while they run: checkpoints and the state to replay.

https://docs.aws.amazon.com/lambda/latest/api/API_CheckpointDurableExecution.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import stream
from pileus.services.lambda_ import errors
from pileus.services.lambda_.durable import lives, payloads, store, wire
from pileus.services.lambda_.durable.applying import Content, apply
from pileus.services.lambda_.durable.checking import Update, check_request
from pileus.services.lambda_.durable.finding import of_arn
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import OPEN, PAUSING, Execution
from pileus.services.lambda_.durable.names import checkpoint_token, token_number
from pileus.values.body import Body

_BAD_TOKEN = "Invalid checkpoint token"


@stream
async def checkpoint_durable_execution(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Make updates durable, all or none, and tell what else changed; the token is used up."""
    updates = request.get("Updates") or []
    execution = call.read(lambda view: _execution(view, request))
    is_repeated = call.read(lambda view: _is_repeated(execution, request))
    contents: list[Content] = []
    if not is_repeated:
        _check_token(execution, request)
        check_request(updates, is_synchronous=execution.is_synchronous)
        contents = [await _content(call, execution.id, update) for update in updates]
    page = wire.Page(DURABLE_LIMITS.page_max, DURABLE_LIMITS.page_bytes_max)

    def step(write: WriteCall) -> tuple[Execution, bool]:
        changed = _execution(write, request)
        page.operations, page.marker = [], ""
        if _is_repeated(changed, request):
            wire.change_page(write, changed.id, changed.replay_change, page)
            return changed, changed.status in OPEN
        return changed, _checkpoint(write, changed, (request, contents), page)

    changed, has_token = await call.write(step)
    texts = payloads.Texts()
    await texts.load(call, wire.operation_payloads(page.operations))
    state: dict[str, Any] = {
        "Operations": [wire.operation_shown(one, texts) for one in page.operations]
    }
    if page.marker:
        state["NextMarker"] = page.marker
    output: dict[str, Any] = {"NewExecutionState": state}
    if has_token:
        output["CheckpointToken"] = checkpoint_token(changed.id, changed.token)
    return output


def _execution(view: ReadCall, request: Mapping[str, Any]) -> Execution:
    """The execution; these operations know no ResourceNotFoundException."""
    execution = of_arn(view, request["DurableExecutionArn"])
    if execution is None:
        raise errors.invalid(f"Durable execution not found: {request['DurableExecutionArn']}")
    return execution


def _check_token(execution: Execution, request: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueException for a token of another invocation or one used before."""
    number = token_number(request["CheckpointToken"], execution.id)
    if number != execution.token or not execution.invocation or execution.status not in OPEN:
        raise errors.invalid(_BAD_TOKEN)


def _is_repeated(execution: Execution, request: Mapping[str, Any]) -> bool:
    """Whether the client, which did not hear the answer, asks the same again."""
    given = request.get("ClientToken")
    number = token_number(request["CheckpointToken"], execution.id)
    return bool(given) and given == execution.client_token and number == execution.token - 1


async def _content(call: StreamCall, execution_id: str, update: Update) -> Content:
    """What an update brings, stored before the transaction that names it."""
    payload = error = None
    if update.get("Payload") is not None:
        payload = await payloads.stored(call, execution_id, update["Payload"].encode())
    if update.get("Error") is not None:
        data = payloads.error_bytes(update["Error"])
        error = await payloads.stored(call, execution_id, data)
    return Content(payload, error)


def _checkpoint(
    write: WriteCall,
    execution: Execution,
    given: tuple[Mapping[str, Any], list[Content]],
    page: wire.Page,
) -> bool:
    """Apply a checkpoint; whether there is a token for a next one."""
    request, contents = given
    _check_token(execution, request)
    for update, content in zip(request.get("Updates") or (), contents, strict=True):
        apply(write, execution, update, content)
    if contents:
        execution.attempts = 0
    wire.change_page(write, execution.id, execution.seen_change, page)
    execution.replay_change = execution.seen_change
    execution.seen_change = execution.change_last
    execution.client_token = request.get("ClientToken") or ""
    execution.token += 1
    has_token = execution.status in OPEN
    if execution.status == PAUSING:
        lives.interrupt(write, execution)
        has_token = False
    store.put(write, execution)
    return has_token


@stream
async def get_durable_execution_state(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """A page of the operations that a replay needs to know, or of those that changed."""
    marker = request.get("Marker") or "o0"
    if marker[0] not in "oc" or not marker[1:].isdecimal():
        raise errors.invalid("Invalid pagination marker.")
    wanted = request.get("MaxItems") or DURABLE_LIMITS.page_default
    page = wire.Page(wanted, DURABLE_LIMITS.page_bytes_max)

    def look(view: ReadCall) -> None:
        execution = _execution(view, request)
        _check_token(execution, request)
        fill = wire.state_page if marker[0] == "o" else wire.change_page
        fill(view, execution.id, int(marker[1:]), page)

    call.read(look)
    texts = payloads.Texts()
    await texts.load(call, wire.operation_payloads(page.operations))
    output: dict[str, Any] = {
        "Operations": [wire.operation_shown(one, texts) for one in page.operations]
    }
    if page.marker:
        output["NextMarker"] = page.marker
    return output
