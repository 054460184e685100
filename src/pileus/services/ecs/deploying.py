"""Services: which tasks to start and which to stop, decided in the write that changed something.

Rolling update as documented: between ``minimumHealthyPercent`` and ``maximumPercent`` of the desired count.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.task_plan import HEALTH_BAD, SCHEDULER_INITIATED, USER_INITIATED
from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.ecs import model, store, tasking
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.model import Deployment, Service, Task

_BREAKER_MIN, _BREAKER_MAX = 3, 200
_DEPLOYMENT_BYTES = 8
_CONSISTENCY_AFTER = 3


class Steps(msgspec.Struct, frozen=True):
    """What to do now: how many tasks of the wanted deployment to start, and which to stop."""

    start: int
    stop: tuple[str, ...]


def decide(service: Service, tasks: list[Task], leaving: int = 0) -> Steps:
    """The next steps towards the desired count of the first deployment. Pure.

    Args:
        tasks: of the service, that are not stopped nor on their way to it.
        leaving: tasks on their way: they count against the maximum until they are gone.
    """
    wanted = service.desired_count
    if service.status != model.ACTIVE or not service.deployments:
        return Steps(0, tuple(task.id for task in tasks))
    least = -(-wanted * service.minimum_percent // 100)
    most = wanted * service.maximum_percent // 100
    primary = service.deployments[0].id
    fresh = [task for task in tasks if task.deployment == primary]
    stale = [task for task in tasks if task.deployment != primary]
    sick = [task for task in fresh if task.health == HEALTH_BAD]
    stop = [task.id for task in _weakest_first(fresh)[: max(0, len(fresh) - wanted)]]
    stop += [task.id for task in sick if task.id not in stop]
    good = sum(_is_good(task) for task in tasks if task.id not in stop)
    for task in _weakest_first(stale):
        if not _is_good(task):
            stop.append(task.id)
        elif good > least:
            stop.append(task.id)
            good -= 1
    missing = wanted - sum(task.id not in stop for task in fresh)
    return Steps(max(0, min(missing, most - len(tasks) - leaving)), tuple(stop))


def _is_good(task: Task) -> bool:
    return task.status == model.RUNNING and task.health != HEALTH_BAD


def _weakest_first(tasks: list[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (_is_good(task), -task.created_ms, task.id))


def deploy(call: WriteCall, service: Service, definition: str, reason: str = "") -> None:
    """Begin a new deployment; the caller tends the service."""
    for one in service.deployments:
        one.status = model.ACTIVE
    name = f"ecs-svc/{int.from_bytes(call.random_bytes(_DEPLOYMENT_BYTES), 'big'):019d}"
    made = Deployment(
        id=name,
        definition=definition,
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
        rollout_reason=reason or f"ECS deployment {name} in progress.",
    )
    service.deployments = [made, *service.deployments]


def say(call: WriteCall, service: Service, text: str) -> None:
    """Add an event to the service."""
    message = f"(service {service.name}) {text}"
    kept = service.events[: LIMITS.service_events_max - 1]
    service.events = [(call.new_id(), call.now_ms, message), *kept]


def tend(call: WriteCall, cluster: str, name: str) -> None:
    """Bring a service one step nearer to what is wanted. Run after every change of it or its tasks."""
    service = store.get_service(call, cluster, name)
    if service is None or service.status == model.INACTIVE:
        return
    _count_ends(call, service)
    tasks = [task for task in store.tasks(call, cluster) if task.service == name]
    living = [task for task in tasks if task.status != model.STOPPED]
    staying = [task for task in living if task.desired == model.RUNNING]
    steps = decide(service, staying, len(living) - len(staying))
    _stop(call, service, living, steps.stop)
    if steps.start:
        _start(call, service, steps.start)
    _conclude(call, service, living)
    store.put_service(call, service)


def _stop(call: WriteCall, service: Service, tasks: list[Task], ids: tuple[str, ...]) -> None:
    for task in tasks:
        if task.id in ids:
            is_sick = task.health == HEALTH_BAD
            reason = (
                "Task failed container health checks"
                if is_sick
                else f"Scaling activity initiated by (deployment {task.deployment})"
            )
            tasking.request_stop(call, task, SCHEDULER_INITIATED, reason)
    if ids:
        listed = " ".join(f"(task {task_id})" for task_id in ids)
        say(call, service, f"has stopped {len(ids)} running tasks: {listed}.")


def _start(call: WriteCall, service: Service, count: int) -> None:
    primary = service.deployments[0]
    if call.now_ms < primary.retry_ms:
        timer = Timer(
            name="tend_service",
            key=f"{service.cluster}/{service.name}",
            at_ms=primary.retry_ms,
            payload={"cluster": service.cluster, "service": service.name},
        )
        call.set_timer(timer)
        return
    definition = store.get_definition(call, primary.definition)
    assert definition is not None
    tags: dict[str, str] = {}
    if service.propagates == "SERVICE":
        tags = dict(service.tags)
    elif service.propagates == "TASK_DEFINITION":
        tags = dict(definition.tags)
    asked: dict[str, Any] = {
        "group": f"service:{service.name}",
        "startedBy": primary.id,
        "launchType": service.launch_type,
        "capacityProviderStrategy": service.strategy,
        "service": service.name,
        "deployment": primary.id,
        "tag_map": tags,
    }
    made = [tasking.new_task(call, definition, asked, service.cluster) for _ in range(count)]
    listed = " ".join(f"(task {task.id})" for task in made)
    say(call, service, f"has started {count} tasks: {listed}.")
    primary.is_told_steady = False


def _count_ends(call: WriteCall, service: Service) -> None:
    """Tasks of the wanted deployment that ended of themselves since the last look."""
    if not service.deployments or service.status != model.ACTIVE:
        return
    primary = service.deployments[0]
    for task in store.tasks(call, service.cluster):
        is_ours = task.service == service.name and task.deployment == primary.id
        is_asked = task.stop_code in (SCHEDULER_INITIATED, USER_INITIATED)
        if not is_ours or is_asked or task.status != model.STOPPED:
            continue
        if call.state.get(("counted", task.id)) is not None:
            continue
        call.state.put(("counted", task.id), b"")
        is_failure = not task.started_ms
        if is_failure and primary.rollout == model.IN_PROGRESS:
            primary.failed += 1
        is_short = is_failure or task.stopped_ms - task.started_ms < LIMITS.short_life_ms
        primary.short_lives = primary.short_lives + 1 if is_short else 0
        if is_short and primary.short_lives > 1:
            pause_s = min(2 ** (primary.short_lives - 2), LIMITS.retry_s_max)
            primary.retry_ms = call.now_ms + pause_s * 1000
        if primary.short_lives == _CONSISTENCY_AFTER:
            say(call, service, "is unable to consistently start tasks successfully.")
        _break_circuit(call, service, primary)


def _break_circuit(call: WriteCall, service: Service, primary: Deployment) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""
    bound = min(max(-(-service.desired_count // 2), _BREAKER_MIN), _BREAKER_MAX)
    is_over = primary.rollout != model.IN_PROGRESS or primary.failed < bound
    if not service.breaks_circuit or is_over:
        return
    primary.rollout = model.FAILED
    primary.rollout_reason = "ECS deployment circuit breaker: tasks failed to start."
    primary.updated_ms = call.now_ms
    say(call, service, f"(deployment {primary.id}) deployment failed: tasks failed to start.")
    if service.rolls_back and service.settled and service.settled != primary.definition:
        say(call, service, f"rolling back to deployment of {service.settled}.")
        reason = "ECS deployment circuit breaker: rolling back to the last completed deployment."
        deploy(call, service, service.settled, reason)
    else:
        primary.retry_ms = call.now_ms + 365 * 24 * 3_600_000


def _conclude(call: WriteCall, service: Service, tasks: list[Task]) -> None:
    """Whether a deployment is done, the service steady, or a drained one gone."""
    if service.status == model.DRAINING:
        if not tasks:
            service.status = model.INACTIVE
            service.deployments = []
        return
    if not service.deployments:
        return
    primary = service.deployments[0]
    mine = [task for task in tasks if task.deployment == primary.id]
    good = sum(_is_good(task) and task.desired == model.RUNNING for task in mine)
    others = [task for task in tasks if task.deployment != primary.id]
    kept = {task.deployment for task in others}
    service.deployments = [one for one in service.deployments if one is primary or one.id in kept]
    if good != service.desired_count or others or len(mine) != good:
        primary.is_told_steady = False
        return
    if primary.rollout == model.IN_PROGRESS:
        primary.rollout = model.COMPLETED
        primary.rollout_reason = f"ECS deployment {primary.id} completed."
        primary.updated_ms = call.now_ms
        service.settled = primary.definition
        say(call, service, f"(deployment {primary.id}) deployment completed.")
    if not primary.is_told_steady:
        primary.is_told_steady = True
        say(call, service, "has reached a steady state.")
