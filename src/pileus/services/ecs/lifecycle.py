"""How a task moves from what supervision reports. Every change is one write.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

from __future__ import annotations

from msgspec.structs import replace

from pileus.compute.task_plan import ContainerReport, Phase, TaskReport
from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.ecs import deploying, metering, model, store
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.metering import Usage
from pileus.services.ecs.model import Task
from pileus.services.ecs.tasking import save


def changed(call: WriteCall, task: Task) -> None:
    """The next version of a task."""
    task.version += 1
    save(call, task)
    if task.service:
        deploying.tend(call, task.cluster, task.service)


def pending(call: WriteCall, task_id: str, pull_began_ms: int, pull_ms: int) -> None:
    """The task has its place and, since ``pull_ms``, its images; its containers are being made."""
    task = store.get_task(call, task_id)
    if task is None or task.status != model.PROVISIONING:
        return
    task.status = model.PENDING
    task.pull_began_ms, task.pull_ms = pull_began_ms, pull_ms
    changed(call, task)


def take_report(call: WriteCall, task_id: str, report: TaskReport) -> None:
    """What supervision says, while the task goes on."""
    task = store.get_task(call, task_id)
    if task is None or task.status == model.STOPPED:
        return
    before = store.TASKS.encode(task)
    _take_containers(task, report)
    task.health = report.health
    if report.is_running and task.status in (model.PROVISIONING, model.PENDING):
        task.status = model.RUNNING
        task.started_ms = call.now_ms
    if report.stop_code and task.desired != model.STOPPED:
        task.desired = model.STOPPED
        task.stop_code, task.stop_reason = report.stop_code, report.stop_reason
        task.stopping_ms = call.now_ms
    if report.stop_code and task.status != model.DEPROVISIONING:
        task.status = model.DEPROVISIONING
    if store.TASKS.encode(task) != before:
        changed(call, task)


def _take_containers(task: Task, report: TaskReport) -> None:
    containers = []
    for one in task.containers:
        told = report.containers.get(one.name, ContainerReport())
        containers.append(
            replace(
                one,
                status=told.phase.value,
                exit_code=told.exit_code,
                reason=told.reason,
                health=told.health or "UNKNOWN",
                gpus=list(told.gpus) or one.gpus,
            )
        )
    task.containers = containers


def stopped(call: WriteCall, task_id: str, report: TaskReport) -> Usage:
    """The task is over; what it used."""
    task = store.get_task(call, task_id)
    if task is None or task.status == model.STOPPED:
        return Usage()
    _take_containers(task, report)
    for one in task.containers:
        one.status = Phase.STOPPED.value
    task.health = report.health
    if not task.stop_code:
        task.stop_code, task.stop_reason = report.stop_code, report.stop_reason
    has_run = any(one.started_ms for one in report.containers.values())
    if has_run and not task.started_ms and report.is_running:
        task.started_ms = min(one.started_ms for one in report.containers.values())
    if has_run:
        task.execution_stopped_ms = max(one.ended_ms for one in report.containers.values())
    task.desired = task.status = model.STOPPED
    task.stopping_ms = task.stopping_ms or call.now_ms
    task.stopped_ms = call.now_ms
    changed(call, task)
    at_ms = call.now_ms + LIMITS.stopped_kept_ms
    call.set_timer(Timer(name="forget_task", key=task.id, at_ms=at_ms, payload={"id": task.id}))
    return metering.note_end(call, task)
