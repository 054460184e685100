"""Tasks. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.compute.task_plan import USER_INITIATED
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.ports.tasks import Capacity, gpu_refusal
from pileus.services.ecs import definitions, errors, model, paging, store, tasking, telling
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.model import Cluster, Definition, Task, fingerprint
from pileus.services.ecs.names import short_name
from pileus.services.ecs.running import TaskRunner


async def _look_at_node(call: StreamCall, request: Mapping[str, Any]) -> Capacity:
    runner = call.part(TaskRunner)
    runner.ensure(call)
    return runner.capacity()


@write(prepare=_look_at_node)
def run_task(call: WriteCall, request: Mapping[str, Any], node: Capacity) -> dict[str, Any]:
    """Start up to ten tasks of a definition; where there is no room the failures say why."""
    cluster = store.find_cluster(call, request.get("cluster"))
    definition = store.usable_definition(call, request["taskDefinition"])
    asked = _checked(call, request, cluster, definition)
    count = asked["count"]
    token = request.get("clientToken")
    print_ = fingerprint(repr(sorted((k, repr(v)) for k, v in request.items())))
    if token and (known := store.token(call, "RunTask", token)):
        if known["request"] != print_:
            raise errors.conflict(known["arns"])
        return _told(call, [store.get_task(call, task_id) for task_id in known["ids"]], [])
    failure = _no_room(call, definition, asked, node)
    if failure:
        return {"tasks": [], "failures": [failure]}
    made = [tasking.new_task(call, definition, asked, cluster.name) for _ in range(count)]
    if token:
        arns = [store.arn(call, "task", cluster.name, task.id) for task in made]
        ids = [task.id for task in made]
        store.put_token(call, "RunTask", token, {"request": print_, "arns": arns, "ids": ids})
    return _told(call, made, [])


def _told(
    call: ReadCall, tasks: Sequence[Task | None], failures: list[dict[str, str]]
) -> dict[str, Any]:
    told = [telling.task(call, task, with_tags=True) for task in tasks if task is not None]
    return {"tasks": told, "failures": failures}


def _checked(
    call: ReadCall, request: Mapping[str, Any], cluster: Cluster, definition: Definition
) -> dict[str, Any]:
    """What to make the tasks from; raises ServiceError."""
    count = request.get("count") or 1
    if not 1 <= count <= LIMITS.run_count_max:
        raise errors.invalid(f"count must be between 1 and {LIMITS.run_count_max}.")
    if len(request.get("startedBy") or "") > LIMITS.started_by_max:
        raise errors.invalid("startedBy must be at most 128 characters.")
    if request.get("volumeConfigurations"):
        raise errors.unsupported("volumes configured at launch")
    launch, strategy = request.get("launchType"), request.get("capacityProviderStrategy")
    if launch and strategy:
        raise errors.invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    if not launch and not strategy:
        strategy = cluster.strategy
    if launch == "FARGATE" and "FARGATE" not in definition.body["compatibilities"]:
        raise errors.invalid("Task definition does not support launch_type FARGATE.")
    is_vpc = definition.body.get("networkMode") == "awsvpc"
    if is_vpc and not request.get("networkConfiguration"):
        raise errors.invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    overrides = request.get("overrides") or {}
    _check_overrides(definition, overrides, is_fargate=launch == "FARGATE")
    cpu = definitions.cpu_units(overrides.get("cpu")) or definition.cpu
    memory_mb = definitions.memory_of(overrides.get("memory")) or definition.memory_mb
    if launch == "FARGATE" and (overrides.get("cpu") or overrides.get("memory")):
        definitions.check_size(cpu, memory_mb)
    tags = store.tags_of(request.get("tags"))
    if request.get("propagateTags") == "TASK_DEFINITION":
        tags = {**definition.tags, **tags}
    return {
        **request,
        "capacityProviderStrategy": strategy,
        "count": count,
        "cpu": cpu,
        "memory_mb": memory_mb,
        "tag_map": tags,
    }


def _check_overrides(
    definition: Definition, overrides: Mapping[str, Any], *, is_fargate: bool
) -> None:
    names = {one["name"] for one in definition.body["containerDefinitions"]}
    for one in overrides.get("containerOverrides") or ():
        if one.get("name") not in names:
            raise errors.invalid(
                f"Override for container named {one.get('name')} is not a container in the "
                "TaskDefinition."
            )
        requirements = one.get("resourceRequirements") or ()
        definitions.check_requirements(one["name"], requirements, is_fargate=is_fargate)
    if len(orjson.dumps(overrides)) > 8192:
        raise errors.invalid("Overrides exceed the maximum length of 8192 characters.")


def _no_room(
    call: ReadCall, definition: Definition, asked: Mapping[str, Any], node: Capacity
) -> dict[str, str] | None:
    """Why the tasks cannot be placed, as a failure of RunTask."""
    arn = store.arn(call, "task-definition", definition.name)
    wanted = _gpus_asked(definition, asked) * asked["count"]
    # The node knows what runs, of all accounts; the store what it is about to be given as well.
    promised = sum(task.gpus for task in _active(call)) if wanted else 0
    free = max(0, min(node.gpus_free, node.gpus - promised))
    if wanted > free:
        return {
            "arn": arn,
            "reason": "RESOURCE:GPU",
            "detail": gpu_refusal(wanted, free, node.gpus),
        }
    wanted_mb = asked["memory_mb"] * asked["count"]
    if wanted_mb > node.memory_free_mb:
        detail = f"{wanted_mb} MiB asked, {node.memory_free_mb} of {node.memory_mb} MiB left"
        return {"arn": arn, "reason": "RESOURCE:MEMORY", "detail": detail}
    return None


def _gpus_asked(definition: Definition, asked: Mapping[str, Any]) -> int:
    given = (asked.get("overrides") or {}).get("containerOverrides") or ()
    overrides = {one["name"]: one for one in given}
    return sum(
        definitions.gpus_of(one, overrides.get(one["name"], {}))
        for one in definition.body["containerDefinitions"]
    )


def _active(call: ReadCall) -> list[Task]:
    found = (store.get_task(call, task_id) for task_id in store.active_tasks(call))
    return [task for task in found if task is not None]


@read
def start_task(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Refused: there are no container instances."""
    raise errors.start_task()


@write
def stop_task(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a task to end: the stop signal, and SIGKILL after its stop time-out."""
    cluster = store.find_cluster(call, request.get("cluster"))
    task = store.find_task(call, cluster.name, request["task"])
    reason = request.get("reason") or "Task stopped by user"
    tasking.request_stop(call, task, USER_INITIATED, reason)
    return {"task": telling.task(call, task, with_tags=True)}


@read
def describe_tasks(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Tasks by id or ARN; stopped ones for an hour."""
    cluster = store.find_cluster(call, request.get("cluster"))
    if not request["tasks"]:
        raise errors.invalid("Tasks cannot be empty.")
    if len(request["tasks"]) > LIMITS.describe_max:
        raise errors.invalid("Tasks cannot have more than 100 elements.")
    with_tags = "TAGS" in (request.get("include") or ())
    told, failures = [], []
    for name in request["tasks"]:
        task = store.get_task(call, short_name(name))
        if task is None or task.cluster != cluster.name:
            arn = store.arn(call, "task", cluster.name, short_name(name))
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            told.append(telling.task(call, task, with_tags=with_tags))
    return {"tasks": told, "failures": failures}


@read
def list_tasks(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """ARNs of a cluster's tasks whose desired status is RUNNING, or as asked."""
    cluster = store.find_cluster(call, request.get("cluster"))
    desired = request.get("desiredStatus") or model.RUNNING
    arns = [
        store.arn(call, "task", cluster.name, task.id)
        for task in store.tasks(call, cluster.name)
        if task.desired == desired and _matches(task, request)
    ]
    return paging.page("taskArns", arns, request)


def _matches(task: Task, request: Mapping[str, Any]) -> bool:
    wanted = {
        "family": task.definition.partition(":")[0],
        "serviceName": task.service,
        "startedBy": task.started_by,
        "launchType": task.launch_type,
    }
    return all(
        short_name(request[member]) == value
        for member, value in wanted.items()
        if request.get(member)
    ) and not request.get("containerInstance")
