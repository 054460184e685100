"""Does what transactions left to be done: tasks, executions that were paused, whole ends.

What is due stands in the store in the order in which it became so. A task of the loop in every
space begins each piece of work once it is durable; whatever was under way when the platform
stopped is begun again, under the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.ports.state import Space
from pileus.services.stepfunctions import advancing, express, store, tasks
from pileus.services.stepfunctions.model import EXPRESS_RUN, GO_ON, STOP_ALL, TASK, Due

_LONG_MS = 3_600_000
_STOPPED_AT_ONCE = 100


class Dispatcher:
    """Sees to what is due in every space; the platform has one."""

    def __init__(self) -> None:
        self._attended: set[Space] = set()

    def attend(self, call: StreamCall) -> None:
        """See from now on to what is due in this space, what a previous run left included."""
        if call.space in self._attended:
            return
        self._attended.add(call.space)
        own = call.in_account(call.account, call.region)
        own.spawn(f"executions of {call.account}/{call.region}", self._attend(own))

    async def _attend(self, call: StreamCall) -> None:
        seen = 0
        while True:
            until_ms = call.clock.now_ms() + _LONG_MS
            look = partial(_due_after, number=seen)
            found = await call.until(store.DUE_KEY, until_ms, look)
            for number, work in found or ():
                seen = number
                call.spawn(f"{work.kind} of {work.item}", _do(call, number, work))


def _due_after(view: ReadCall, number: int) -> list[tuple[int, Due]] | None:
    return store.due_after(view, number) or None


async def _do(call: StreamCall, number: int, work: Due) -> None:
    if work.kind == TASK:
        await _task(call, work)
    elif work.kind == GO_ON:
        await call.write_at_last(_going_on(number, work), f"execution {work.item}")
    elif work.kind == STOP_ALL:
        while await call.write_at_last(_stopping(number, work), f"the end of {work.item}"):
            pass
    elif work.kind == EXPRESS_RUN:
        await express.run_accepted(call, number, work)
    else:
        raise NotImplementedError(work.kind)


async def _task(call: StreamCall, work: Due) -> None:
    task = call.read(lambda view: store.task(view, work.item, work.task_id))
    if task is None:
        return  # its execution was stopped, or is over, before it began
    step_id = f"{work.item}#{work.task_id}"
    happened = await tasks.perform(call, task, step_id, work.task_id)
    await call.write_at_last(
        lambda write: advancing.tell(write, work.item, happened), f"execution {work.item}"
    )


def _going_on(number: int, work: Due) -> Callable[[WriteCall], None]:
    def step(write: WriteCall) -> None:
        if store.is_due(write, number):
            store.delete_due(write, number)
            advancing.go_on(write, work.item)

    return step


def _stopping(number: int, work: Due) -> Callable[[WriteCall], bool]:
    def step(write: WriteCall) -> bool:
        names = store.live_names(write, work.item, _STOPPED_AT_ONCE)
        for name in names:
            advancing.stop(write, f"{work.item}:{name}", None, None)
        is_more = len(names) == _STOPPED_AT_ONCE
        if not is_more:
            # In the transaction that stops the last: until then nobody can make another of the name.
            store.delete_due(write, number)
        return is_more

    return step
