"""Keeps every task that is wanted running, and every other one not.

One coroutine for each account and region looks at what the store wants and lets one driver run for each
task that has not stopped. The store is the truth: after a crash the drivers of the next platform find on the
node what the earlier ones left.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import orjson

from pileus.compute import task_plan
from pileus.compute.task_plan import TaskPlan, TaskReport
from pileus.compute.tasks import TaskRun
from pileus.kernel.calls import Call, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.state import Space
from pileus.ports.tasks import Capacity, TaskNodes, TaskRefused, TaskSpec
from pileus.services.ecs import lifecycle, metering, model, store
from pileus.services.ecs.metering import Usage
from pileus.services.ecs.model import Definition, Task
from pileus.services.ecs.planning import Planner
from pileus.services.ecs.role_keys import keys_document, keys_path
from pileus.services.ecs.secret_values import CannotPlan

_log = logging.getLogger("pileus.ecs")
_LOOK_MS = 3_600_000
_CLOSE_S = 8.0
_REMOVE_S = 20.0
"""What a slow node may take beyond that to end and remove them."""
_TELL_AFTER_MS = 50


class Known(msgspec.Struct, frozen=True):
    """A task under way: where it belongs, and what the metadata service needs of it."""

    space: Space
    task_id: str
    credentials: str


class TaskRunner:
    """The platform has one.

    Args:
        stops_at_close: whether tasks end with the platform when it ends in order.
    """

    def __init__(
        self, kernel: Kernel, nodes: TaskNodes, planner: Planner, *, stops_at_close: bool
    ) -> None:
        self._kernel = kernel
        self._nodes = nodes
        self._planner = planner
        self._stops_at_close = stops_at_close
        self._spaces: set[Space] = set()
        self._drivers: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, TaskRun] = {}
        self._known: dict[str, Known] = {}
        self._is_closing = False
        self._has_swept = False

    def capacity(self) -> Capacity:
        """What the node has left."""
        return self._nodes.capacity()

    def ensure(self, call: Call) -> None:
        """Look after the tasks of the call's account and region from now on."""
        if call.space in self._spaces:
            return
        self._spaces.add(call.space)
        own = self._kernel.stream_call(call.space)
        self._meter(call.account, own.read(metering.ended_everywhere))
        self._kernel.supervisor.spawn(f"tasks of {'/'.join(call.space[:2])}", self._look(own))
        if not self._has_swept:
            self._has_swept = True
            self._kernel.supervisor.spawn("tasks nobody knows", self._sweep())

    def known(self, token: str) -> Known | None:
        """The task under way that an id stands for: its own, its containers', its credentials'."""
        return self._known.get(token)

    async def close(self) -> None:
        """The platform ends in order: end the tasks as well, unless told otherwise."""
        self._is_closing = True
        if self._stops_at_close:
            for run in self._runs.values():
                run.stop(task_plan.NODE_LOST, "Pileus was stopped.", within_s=_CLOSE_S)
            if self._drivers:
                await asyncio.wait(self._drivers.values(), timeout=_CLOSE_S + _REMOVE_S)
        await self._nodes.close()

    # -- what there is to do ----------------------------------------------------------------

    async def _look(self, call: StreamCall) -> None:
        while True:
            wanted = call.read(store.active_tasks)
            for task_id, desired in wanted.items():
                self._attend(call, task_id, desired)
            until_ms = self._kernel.clock.now_ms() + _LOOK_MS

            def changed(view: Any, wanted: dict[str, str] = wanted) -> dict[str, str] | None:
                found = store.active_tasks(view)
                return found if found != wanted else None

            await call.until(store.CHANGED, until_ms, changed)

    def _attend(self, call: StreamCall, task_id: str, desired: str) -> None:
        if task_id not in self._drivers:
            if not self._is_closing:
                work = self._drive(call, task_id)
                driver = self._kernel.supervisor.spawn(f"task {task_id}", work)
                self._drivers[task_id] = driver
                driver.add_done_callback(lambda _: self._drivers.pop(task_id, None))
        elif desired == model.STOPPED and task_id in self._runs:
            self._tell_stop(call, task_id)

    def _tell_stop(self, call: StreamCall, task_id: str) -> None:
        task = call.read(lambda view: store.get_task(view, task_id))
        if task is not None and task.desired == model.STOPPED:
            self._runs[task_id].stop(task.stop_code, task.stop_reason)

    async def _sweep(self) -> None:
        """End what is on the node and belongs to no task that goes on."""
        for task_id in await self._nodes.found():
            if not self._is_wanted(task_id):
                _log.info("task %s is on the node, but is not wanted", task_id)
                try:
                    handle = await self._nodes.open(TaskSpec(task_id, task_id))
                    await handle.close()
                except TaskRefused as error:
                    _log.warning("task %s cannot be removed: %s", task_id, error)

    def _is_wanted(self, task_id: str) -> bool:
        for space in self._kernel.state.spaces():
            if space[2] == "ecs":
                call = self._kernel.stream_call(space)
                if call.read(lambda view: view.state.get(("active", task_id))) is not None:
                    return True
        return False

    # -- one task ---------------------------------------------------------------------------

    async def _drive(self, call: StreamCall, task_id: str) -> None:
        task, definition = call.read(lambda view: _both(view, task_id))
        if task is None or definition is None or task.status == model.STOPPED:
            return
        known = Known(call.space, task_id, task.credentials)
        tokens = [task_id, task.credentials, *(one.id for one in task.containers)]
        self._known.update(dict.fromkeys(tokens, known))
        try:
            await self._run(call, task, definition)
            self._planner.release(task)
        finally:
            self._runs.pop(task_id, None)
            for token in tokens:
                self._known.pop(token, None)

    async def _run(self, call: StreamCall, task: Task, definition: Definition) -> None:
        is_there = task.id in await self._nodes.found()
        may_start = task.status in (model.PROVISIONING, model.PENDING)
        if not is_there and (not may_start or task.desired == model.STOPPED):
            lost = (task_plan.NODE_LOST, task_plan.LOST_REASON)
            await self._end(call, task, TaskReport({}, False, *(("", "") if may_start else lost)))
            return
        scope = f"{call.account}/{call.region}"
        refusal = ""
        began_ms = self._kernel.clock.now_ms()
        plan = self._planner.bare_plan(scope, task, definition)
        try:
            if may_start:
                plan = await self._planner.plan(scope, task, definition)
            else:
                await self._planner.hold(scope, task)
        except CannotPlan as error:
            if may_start:
                refusal = str(error)
            else:
                _log.warning("layers of task %s are not kept: %s", task.id, error)
        if refusal and not is_there:
            report = TaskReport({}, False, task_plan.FAILED_TO_START, refusal)
            await self._end(call, task, report)
            return
        is_under_way = asyncio.Event()
        noting = asyncio.ensure_future(
            self._note_place(call, task.id, (began_ms, self._kernel.clock.now_ms()), is_under_way)
        )
        try:
            await self._supervise(call, (task, definition), (plan, refusal), (noting, is_under_way))
        finally:
            noting.cancel()

    async def _note_place(
        self, call: StreamCall, task_id: str, pull: tuple[int, int], is_under_way: asyncio.Event
    ) -> None:
        """Let containers come first: what is told of this costs as much as making one."""
        clock = self._kernel.clock
        waiter = asyncio.ensure_future(is_under_way.wait())
        try:
            await clock.wait(waiter, clock.now_ms() + _TELL_AFTER_MS)
        finally:
            waiter.cancel()
        await call.write_at_last(
            lambda write: lifecycle.pending(write, task_id, *pull), f"task {task_id}"
        )

    async def _supervise(
        self,
        call: StreamCall,
        what: tuple[Task, Definition],
        planned: tuple[TaskPlan, str],
        noting: tuple[asyncio.Future[None], asyncio.Event],
    ) -> None:
        """From its place on the node to its end; ``noting`` that it has one may go on beside it, and is
        to be done once more is known."""
        (task, definition), (plan, refusal) = what, planned
        noted, is_under_way = noting
        scope = f"{call.account}/{call.region}"

        async def answers() -> dict[str, str]:
            return await self._answers(scope, task, definition)

        run = self._runs[task.id] = TaskRun(self._kernel, self._nodes, "ecs", plan, answers)
        if refusal:  # some of its containers were started by an earlier platform, others never
            run.stop(task_plan.FAILED_TO_START, refusal)
        self._tell_stop(call, task.id)

        async def take(report: TaskReport) -> None:
            is_under_way.set()
            await noted
            await call.write_at_last(
                lambda write: lifecycle.take_report(write, task.id, report), f"task {task.id}"
            )

        last = await run.run(take)
        await take(last)
        await self._end(call, task, last)
        await run.close()

    async def _answers(self, scope: str, task: Task, definition: Definition) -> dict[str, str]:
        """What containers ask for with little patience: their role's keys."""
        try:
            keys = await keys_document(self._kernel, self._planner, scope, task, definition)
        except CannotPlan as error:
            _log.warning("task %s gets no keys while the platform is away: %s", task.id, error)
            return {}
        return {keys_path(task): orjson.dumps(keys).decode()} if keys else {}

    async def _end(self, call: StreamCall, task: Task, last: TaskReport) -> None:
        used = await call.write_at_last(
            lambda write: lifecycle.stopped(write, task.id, last), f"task {task.id}"
        )
        self._meter(call.account, used)

    def _meter(self, account: str, used: Usage) -> None:
        for name in used.__struct_fields__:
            self._kernel.meter.add_quantity(account, f"ecs:{name}", getattr(used, name))


def _both(view: Any, task_id: str) -> tuple[Task | None, Definition | None]:
    task = store.get_task(view, task_id)
    return task, store.get_definition(view, task.definition) if task else None
