"""What the operations that begin something on a stack have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.services.cloudformation import store
from pileus.services.cloudformation.asking import Outside
from pileus.services.cloudformation.engine.begin import Start
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import Stack, Wanted
from pileus.services.cloudformation.proposals import (
    actor_of,
    environment_of,
    principal_of,
    settled,
)
from pileus.services.cloudformation.templates import read_template


async def start_of(
    call: StreamCall,
    stack: Stack,
    wanted: Wanted,
    request: Mapping[str, Any],
    text: str | None = None,
) -> Start:
    """How to carry out what is wanted; ``text`` where the template is not kept yet.

    Raises:
        ServiceError: ValidationError when the template does not resolve any more.
    """
    if text is None:
        text = call.read(lambda c: store.template(c.state, stack.uuid, wanted.template))
    actor = actor_of(call, wanted.role_arn)
    outside = Outside(call, principal_of(actor), wanted.parameters, tolerates_missing_exports=True)
    environment = environment_of(call, stack.name, stack.id, wanted)
    resolved = await settled(outside, read_template(text), wanted, environment)
    order = [name for level in resolved.levels for name in level]
    return Start(
        id=call.new_id(),
        actor=actor,
        endpoint=call.context.endpoint,
        needs={name: resolved.needs[name] for name in order},
        client_token=request.get("ClientRequestToken") or "",
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
    )


async def settle_soon(call: StreamCall, uuid: str, operation_id: str) -> None:
    """Give a short operation the moment it takes, so that pollers find it done at their first look.

    The answer means the same either way: the operation has begun.
    """

    def look(call: ReadCall) -> bool | None:
        operation = store.operation(call.state, uuid)
        return True if operation is None or operation.id != operation_id else None

    until_ms = call.clock.now_ms() + LIMITS.answer_wait_ms
    await call.until(store.wake_key(uuid), until_ms, look)
