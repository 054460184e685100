"""Task supervision: one task from its first container to its last line of output.

A run can begin anew at any moment, over a task that is on the node already: containers that were started
are found, those that were not are started when their conditions hold, and what has ended is told. What it
tells goes to a callback of the room, which makes it durable.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec

from pileus.compute import task_plan
from pileus.compute.task_output import TaskOutput
from pileus.compute.task_plan import (
    HEALTH_BAD,
    HEALTH_GOOD,
    HEALTH_UNKNOWN,
    ContainerPlan,
    ContainerReport,
    HealthCheck,
    Phase,
    TaskPlan,
    TaskReport,
    Verdict,
)
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import (
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    TaskHandle,
    TaskNodes,
    TaskRefused,
    TaskSpec,
)
from pileus.values.errors import ServiceError

_KILL_GRACE_MS = 10_000
_FAR_MS = 3_600_000
_SIGNAL_BASE = 128
ANSWERS_EVERY_S = 3600.0
"""Answers hold for several times as long."""
Report = Callable[[TaskReport], Awaitable[None]]
Answers = Callable[[], Awaitable[Mapping[str, str]]]


class TaskRun:
    """Runs one task.

    Args:
        service: the room's wire id, in whose name output is written.
        answers: what the node is to answer at the metadata address while the platform is away.
    """

    def __init__(
        self,
        kernel: Kernel,
        nodes: TaskNodes,
        service: str,
        plan: TaskPlan,
        answers: Answers | None = None,
    ) -> None:
        self.plan = plan
        self._answers = answers
        self._kernel = kernel
        self._clock = kernel.clock
        self._nodes = nodes
        self._handle: TaskHandle | None = None
        self._outputs = {
            one.name: TaskOutput(kernel, plan.scope, service, one.log) for one in plan.containers
        }
        self._healths: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self._begun_ms: dict[str, int] = {}
        self._signalled_ms: dict[str, int] = {}
        self._killed: set[str] = set()
        self._stop: tuple[str, str] = ("", "")
        self._within_s: float | None = None
        self._moved = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()
        self._told: TaskReport | None = None
        self._ships: dict[str, asyncio.Task[None]] = {}

    def stop(self, code: str, reason: str, within_s: float | None = None) -> None:
        """Ask for an orderly end; the first reason stays.

        ``within_s`` shortens the containers' stop time-outs.
        """
        self._within_s = within_s if within_s is not None else self._within_s
        if not self._stop[0]:
            self._stop = (code, reason)
            self._moved.set()

    async def run(self, report: Report) -> TaskReport:
        """Until every container is over and all output is shipped; the last report.

        ``report`` is awaited at every change but the last, which is returned.
        """
        try:
            self._handle = await self._nodes.open(self.plan.spec)
        except TaskRefused as error:
            self.stop(task_plan.FAILED_TO_START, f"ResourceInitializationError: {error}")
            return self._report({})
        self._handle.on_change = self._moved.set
        try:
            if not await self._are_logs_open():
                return self._report(self._handle.containers())
            await self._leave_answers(self._handle)
            return await self._watch(self._handle, report)
        finally:
            for work in self._work:
                work.cancel()

    async def close(self) -> None:
        """Remove the task from the node: after its end is durable."""
        if self._handle is not None:
            await self._handle.close()

    async def _leave_answers(self, handle: TaskHandle) -> None:
        """Before anything runs that may ask, and fresh ones from time to time."""
        if self._answers is None:
            return
        handle.leave_answers(await self._answers())

        async def renew(answers: Answers) -> None:
            while True:
                await self._clock.sleep(ANSWERS_EVERY_S)
                handle.leave_answers(await answers())

        self._spawn(renew(self._answers))

    # -- the loop ---------------------------------------------------------------------------

    async def _watch(self, handle: TaskHandle, report: Report) -> TaskReport:
        if not handle.containers() and not self._stop[0]:
            self._told = self._report({})  # as it was stored: nothing of it has begun
        for name in handle.containers():
            self._begun_ms[name] = self._clock.now_ms()
            self._begin(name)
        while True:
            self._moved.clear()
            told = self._report(handle.containers())
            self._decide(told)
            told = self._report(handle.containers())
            if self._is_over(told):
                await self._ship_all(handle)
                return told
            if told != self._told:
                self._told = told
                await report(told)
                continue
            self._act(handle, told)
            self._ship(handle)
            await self._until_moved(told)

    def _decide(self, told: TaskReport) -> None:
        """Find reasons to stop."""
        if self._handle is not None and self._handle.is_lost:
            self.stop(task_plan.NODE_LOST, task_plan.LOST_REASON)
        for container in self.plan.containers:
            one = told.containers[container.name]
            if container.name in self._failures:
                self.stop(task_plan.FAILED_TO_START, self._failures[container.name])
            elif one.phase is Phase.STOPPED and not one.started_ms:
                self.stop(task_plan.FAILED_TO_START, one.reason)
            elif one.phase is Phase.STOPPED and container.is_essential:
                self.stop(task_plan.ESSENTIAL_EXITED, task_plan.ESSENTIAL_REASON)
        for container in self._unstarted(told):
            verdict = task_plan.may_start(container, told.containers)
            if verdict is Verdict.NEVER or self._has_waited_too_long(container, told):
                self.stop(task_plan.FAILED_TO_START, "Task failed to start")

    def _act(self, handle: TaskHandle, told: TaskReport) -> None:
        if self._stop[0]:
            self._stop_containers(handle, told)
            return
        for container in self._unstarted(told):
            is_free = container.name not in self._begun_ms
            if is_free and task_plan.may_start(container, told.containers) is Verdict.START:
                self._begun_ms[container.name] = self._clock.now_ms()
                self._spawn(self._start(handle, container))

    async def _start(self, handle: TaskHandle, container: ContainerPlan) -> None:
        try:
            await handle.start(container.spec)
        except TaskRefused as error:
            self._failures[container.name] = f"CannotStartContainerError: {error}"
            self._moved.set()
            return
        self._begin(container.name)

    def _begin(self, name: str) -> None:
        """What goes on beside a container that was started."""
        container = next((one for one in self.plan.containers if one.name == name), None)
        if container is not None and container.health is not None:
            self._spawn(self._check(name, container.health))
        self._moved.set()

    def _stop_containers(self, handle: TaskHandle, told: TaskReport) -> None:
        """Those nothing depends on get the signal; what outlives its time-out is killed."""
        now_ms = self._clock.now_ms()
        living = self._living(told)
        for name in task_plan.stop_order(self.plan.containers, living):
            signalled_ms = self._signalled_ms.setdefault(name, now_ms)
            if signalled_ms == now_ms:
                handle.signal(name, self._container(name).stop_signal)
            elif now_ms - signalled_ms >= self._stop_timeout_ms(name):
                self._killed.add(name)
                handle.signal(name, signal.SIGKILL)

    async def _until_moved(self, told: TaskReport) -> None:
        moments = [self._clock.now_ms() + _FAR_MS]
        if self._stop[0]:
            for name in self._living(told):
                if name in self._signalled_ms:
                    at_ms = self._signalled_ms[name] + self._stop_timeout_ms(name)
                    moments.append(at_ms + (_KILL_GRACE_MS if name in self._killed else 0))
        for container in self.plan.containers:
            if container.start_timeout_s is not None and container.name in self._begun_ms:
                at_ms = self._begun_ms[container.name] + round(container.start_timeout_s * 1000)
                moments.append(at_ms)
        now_ms = self._clock.now_ms()
        waiter = asyncio.ensure_future(self._moved.wait())
        try:
            await self._clock.wait(waiter, min(max(at_ms, now_ms + 1) for at_ms in moments))
        finally:
            waiter.cancel()

    def _is_over(self, told: TaskReport) -> bool:
        if self._work_starting():
            return False
        is_waited_for = not self._stop[0] and self._unstarted(told)
        return not is_waited_for and not self._living(told)

    def _work_starting(self) -> bool:
        """Whether a start is under way whose outcome is not known."""
        handle = self._handle
        known = handle.containers() if handle else {}
        return any(
            name not in self._failures
            and (name not in known or known[name].status is ContainerStatus.STARTING)
            for name in self._begun_ms
        )

    # -- output -----------------------------------------------------------------------------

    async def _are_logs_open(self) -> bool:
        for name, output in self._outputs.items():
            try:
                await output.open()
            except ServiceError as error:
                self._failures[name] = (
                    "ResourceInitializationError: failed to validate logger args: create stream "
                    "has been retried 1 times: failed to create Cloudwatch log stream: "
                    f"{error.code}: {error.message} : exit status 1"
                )
                self.stop(task_plan.FAILED_TO_START, self._failures[name])
                return False
        return True

    def _ship(self, handle: TaskHandle) -> None:
        for name in handle.containers():
            under_way = self._ships.get(name)
            if name in self._outputs and (under_way is None or under_way.done()):
                work = self._spawn(self._outputs[name].ship(handle, name))
                self._ships[name] = work

    async def _ship_all(self, handle: TaskHandle) -> None:
        if self._ships:
            await asyncio.wait(self._ships.values())
        for name in handle.containers():
            if name in self._outputs:
                await self._outputs[name].ship(handle, name)

    # -- health -----------------------------------------------------------------------------

    async def _check(self, name: str, health: HealthCheck) -> None:
        handle = self._handle
        assert handle is not None
        began_ms, failures = self._clock.now_ms(), 0
        while True:
            await self._clock.sleep(health.interval_s)
            state = handle.containers().get(name)
            if state is None or state.status is not ContainerStatus.RUNNING:
                return
            if await handle.execute(name, health.command, health.timeout_s) == 0:
                failures, found = 0, HEALTH_GOOD
            else:
                is_early = self._clock.now_ms() - began_ms < health.start_period_s * 1000
                failures += 0 if is_early else 1
                found = HEALTH_BAD if failures >= health.retries else self._healths.get(name, "")
            if found and self._healths.get(name) != found:
                self._healths[name] = found
                self._moved.set()

    # -- reports ----------------------------------------------------------------------------

    def _report(self, states: Any) -> TaskReport:
        reports = {
            container.name: self._container_report(container, states.get(container.name))
            for container in self.plan.containers
        }
        told = TaskReport(reports)
        is_running = not self._unstarted(told) and all(
            one.started_ms and one.phase is not Phase.PENDING for one in reports.values()
        )
        return TaskReport(
            reports, is_running, *self._stop, task_plan.task_health(self.plan.containers, reports)
        )

    def _container_report(
        self, container: ContainerPlan, state: ContainerState | None
    ) -> ContainerReport:
        health = self._healths.get(container.name, HEALTH_UNKNOWN) if container.health else ""
        gpus: tuple[str, ...] = ()
        if container.spec.gpus and self._handle is not None:
            gpus = self._handle.gpus(container.name)
        if container.name in self._failures:
            return ContainerReport(Phase.STOPPED, reason=self._failures[container.name])
        if state is None:
            is_never = self._stop[0] and container.name not in self._begun_ms
            return ContainerReport(Phase.STOPPED if is_never else Phase.PENDING, health=health)
        if state.status is ContainerStatus.FAILED:
            reason = f"CannotStartContainerError: Error response from daemon: {state.detail}"
            return ContainerReport(Phase.STOPPED, reason=reason, ended_ms=state.ended_ms)
        if state.status is ContainerStatus.ENDED and state.exit is not None:
            return ContainerReport(
                Phase.STOPPED,
                exit_code_of(state.exit),
                _reason_of(state),
                health,
                state.started_ms or state.ended_ms or 1,
                state.ended_ms,
                gpus,
            )
        is_running = state.status is ContainerStatus.RUNNING
        phase = Phase.RUNNING if is_running else Phase.PENDING
        return ContainerReport(phase, None, "", health, state.started_ms, gpus=gpus)

    def _stop_timeout_ms(self, name: str) -> int:
        timeout_s = self._container(name).stop_timeout_s
        return round(
            (timeout_s if self._within_s is None else min(timeout_s, self._within_s)) * 1000
        )

    # -- small things -----------------------------------------------------------------------

    def _container(self, name: str) -> ContainerPlan:
        return next(one for one in self.plan.containers if one.name == name)

    def _unstarted(self, told: TaskReport) -> list[ContainerPlan]:
        known = self._handle.containers() if self._handle else {}
        return [
            one
            for one in self.plan.containers
            if one.name not in known and one.name not in self._failures
        ]

    def _living(self, told: TaskReport) -> set[str]:
        return {
            name
            for name, one in told.containers.items()
            if one.started_ms and one.phase is not Phase.STOPPED
        }

    def _has_waited_too_long(self, container: ContainerPlan, told: TaskReport) -> bool:
        now_ms = self._clock.now_ms()
        for name, _ in container.dependencies:
            limit_s = self._container(name).start_timeout_s
            began_ms = told.containers[name].started_ms or self._begun_ms.get(name, now_ms)
            is_met = task_plan.may_start(container, told.containers) is Verdict.START
            if limit_s is not None and not is_met and now_ms - began_ms >= limit_s * 1000:
                return True
        return False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._kernel.supervisor.spawn(f"task {self.plan.spec.id}", work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def exit_code_of(exit: Exit) -> int | None:
    """As a shell would see it; None for what nobody saw end."""
    if exit.reason is ExitReason.LOST:
        return None
    if exit.signal:
        return _SIGNAL_BASE + exit.signal
    return exit.code


def _reason_of(state: ContainerState) -> str:
    assert state.exit is not None
    if state.exit.reason is ExitReason.OUT_OF_MEMORY:
        return task_plan.OUT_OF_MEMORY_REASON
    return state.detail


class Ran(msgspec.Struct, frozen=True):
    """How :func:`run_in` ended. ``detail`` says why it could not start, else it is empty."""

    exit_code: int | None
    detail: str = ""


async def run_in(
    nodes: TaskNodes,
    task: TaskSpec,
    container: ContainerSpec,
    take_output: Callable[[bytes], None],
) -> Ran:
    """Run one container to its end and give its output as it comes: a step of an image's build.

    What it writes to its root stays in ``container.upper_dir`` where that is given. Cancelling ends
    it.

    Raises:
        TaskRefused: the node cannot.
    """
    handle = await nodes.open(task)
    moved = asyncio.Event()
    handle.on_change = moved.set
    position = 0
    try:
        await handle.start(container)
        while True:
            moved.clear()
            state = handle.containers()[container.name]
            pieces, end = handle.read_output(container.name, position)
            for piece in pieces:
                take_output(piece.data)
            if end != position:
                position = end
                handle.forget_output(container.name, end)
                continue
            if state.status is ContainerStatus.FAILED:
                return Ran(None, state.detail)
            if state.exit is not None:
                return Ran(exit_code_of(state.exit), _reason_of(state))
            await moved.wait()
    finally:
        await handle.close()
