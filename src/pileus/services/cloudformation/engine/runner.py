"""Drives one stack from phase to phase until its operation has ended.

Everything it knows is in State: after a crash another runner goes on where this one stopped. A step
that was begun is run again (see :class:`~pileus.kernel.calls.StepCall`), one that was not is begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pileus.kernel.calls import StreamCall
from pileus.languages.cfn import ResolvedTemplate, TemplateError
from pileus.services.cloudformation import store
from pileus.services.cloudformation.asking import Outside
from pileus.services.cloudformation.engine import phases
from pileus.services.cloudformation.engine.ensure import ensure
from pileus.services.cloudformation.engine.removal import delete
from pileus.services.cloudformation.engine.restore import restore
from pileus.services.cloudformation.engine.work import Work, log
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import Operation, StackOutput, Step
from pileus.services.cloudformation.proposals import environment_of, principal_of, settled
from pileus.services.cloudformation.templates import read_template
from pileus.services.cloudformation.values import KnownResources
from pileus.values.errors import ServiceError, StoreUnavailable

_AGAIN_S = 1.0
_ACTIONS: dict[str, Callable[[Work, Step], Awaitable[None]]] = {
    "ensure": ensure,
    "restore": restore,
    "delete": delete,
}
_STRICT = frozenset({"apply", "undo", "delete"})


def spawn(call: StreamCall, uuid: str, operation_id: str) -> None:
    """Let a runner carry out the operation that has begun."""
    own = call.in_account(call.account, call.region)
    own.spawn(f"stack {uuid}", run(own, uuid, operation_id))


async def run(call: StreamCall, uuid: str, operation_id: str) -> None:
    """Until the operation has ended, is paused, or another one has begun."""
    while True:
        try:
            operation = call.read(lambda c: store.operation(c.state, uuid))
            if operation is None or operation.is_paused or operation.id != operation_id:
                return
            await _run_phase(call, uuid, operation)
        except* StoreUnavailable as trouble:
            log.warning("stack %s waits for the store: %s", uuid, trouble.exceptions[0])
            await call.clock.sleep(_AGAIN_S)


async def _run_phase(call: StreamCall, uuid: str, operation: Operation) -> None:
    stack = call.read(lambda c: store.stack(c.state, uuid))
    work = Work(call, stack, operation, None, None)
    wanted: frozenset[str] = frozenset()
    outputs: list[StackOutput] | None = None
    problem = ""
    if operation.phase == "apply":
        try:
            work.resolved, work.outside = await _resolved(work)
            wanted = frozenset(work.resolved.resources)
            await _run_steps(work)
            outputs = await _outputs(work)
        except (ServiceError, TemplateError) as error:
            problem = error.message if isinstance(error, ServiceError) else str(error)
    else:
        await _run_steps(work)
    await call.write(lambda c: phases.advance(c, uuid, outputs, problem, wanted))


async def _resolved(work: Work) -> tuple[ResolvedTemplate, Outside]:
    stack, call = work.stack, work.call
    text = call.read(lambda c: store.template(c.state, stack.uuid, stack.wanted.template))
    outside = Outside(call, principal_of(work.operation.actor), stack.wanted.parameters)
    environment = environment_of(call, stack.name, stack.id, stack.wanted)
    return await settled(outside, read_template(text), stack.wanted, environment), outside


async def _outputs(work: Work) -> list[StackOutput] | None:
    """The outputs, with the exports they read noted; None when the phase failed."""
    resolved, outside = work.resolved, work.outside
    assert resolved is not None and outside is not None
    operation, records = work.call.read(
        lambda c: (store.operation(c.state, work.uuid), store.resources(c.state, work.uuid))
    )
    if operation is None or operation.is_failing:
        return None
    values = KnownResources(records)
    found = await outside.settle(lambda: resolved.outputs(values))
    if outside.imported:
        names, mark = sorted(outside.imported), operation.id.encode()
        await work.call.write(
            lambda c: [c.state.put(("import", name, work.uuid), mark) for name in names]
        )
    return [
        StackOutput(
            key=each.name, value=each.value, description=each.description, export=each.export_name
        )
        for each in found
    ]


async def _run_steps(work: Work) -> None:
    """Every step after those it needs, as many at once as that allows."""
    steps = work.call.read(lambda c: store.steps(c.state, work.uuid))
    ended = [asyncio.Event() for _ in steps]
    room = asyncio.Semaphore(LIMITS.steps_at_once)
    is_strict = work.operation.phase in _STRICT

    async def one(step: Step) -> None:
        for index in step.needs:
            await ended[index].wait()
        is_blocked = is_strict and any(steps[index].state != "done" for index in step.needs)
        if step.state in ("pending", "started") and not is_blocked:
            async with room:
                await _ACTIONS[step.action](work, step)
        ended[step.index].set()

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(one(step))
