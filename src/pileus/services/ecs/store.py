"""Where clusters, definitions, tasks and services lie.

``cluster, name``                      Cluster
``family, family``                     number of the latest revision
``definition, family, revision``       Definition
``task, cluster, id``                  Task
``where, id``                          the task's cluster
``active, id``                         a task that has not stopped
``counted, id``                        a stopped task that its service has taken note of
``service, cluster, name``             Service
``usage, cluster``                     what its tasks that have ended used (``metering.py``)
``token, operation, token``            what a client token stands for
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.ecs import errors, model
from pileus.services.ecs.model import Cluster, Definition, Service, Task
from pileus.services.ecs.names import short_name

CLUSTERS = RecordCodec(Cluster)
DEFINITIONS = RecordCodec(Definition)
TASKS = RecordCodec(Task)
SERVICES = RecordCodec(Service)
CHANGED = ("tasks",)
"""Woken when the runner has something to look at."""
DEFAULT_CLUSTER = "default"


def arn(call: Call, kind: str, *names: str) -> str:
    """``arn:aws:ecs:…:<kind>/<names>``."""
    return f"arn:aws:ecs:{call.region}:{call.account}:{kind}/{'/'.join(names)}"


# -- clusters -------------------------------------------------------------------------------


def get_cluster(call: ReadCall, name: str) -> Cluster | None:
    """A cluster by name or ARN, whatever its status."""
    raw = call.state.get(("cluster", short_name(name)))
    return None if raw is None else CLUSTERS.decode(raw)


def find_cluster(call: ReadCall, name: str | None) -> Cluster:
    """An active cluster; raises ClusterNotFoundException."""
    cluster = get_cluster(call, name or DEFAULT_CLUSTER)
    if cluster is None or cluster.status != model.ACTIVE:
        raise errors.cluster_not_found()
    return cluster


def put_cluster(call: WriteCall, cluster: Cluster) -> None:
    """Store a cluster."""
    call.state.put(("cluster", cluster.name), CLUSTERS.encode(cluster))


def clusters(call: ReadCall) -> list[Cluster]:
    """Every cluster, by name."""
    return [CLUSTERS.decode(raw) for _, raw in call.state.range(("cluster",))]


# -- definitions ----------------------------------------------------------------------------


def get_definition(call: ReadCall, name: str) -> Definition | None:
    """``family`` (its latest active revision), ``family:revision`` or either's ARN."""
    family, _, revision = short_name(name).partition(":")
    if revision:
        return _definition(call, family, int(revision)) if revision.isdigit() else None
    latest = latest_revision(call, family)
    for number in range(latest, 0, -1):
        found = _definition(call, family, number)
        if found is not None and found.status == model.ACTIVE:
            return found
    return None


def _definition(call: ReadCall, family: str, revision: int) -> Definition | None:
    raw = call.state.get(("definition", family, revision))
    return None if raw is None else DEFINITIONS.decode(raw)


def latest_revision(call: ReadCall, family: str) -> int:
    """The highest revision ever registered; 0 for none."""
    raw = call.state.get(("family", family))
    return int(raw) if raw else 0


def usable_definition(call: ReadCall, name: str) -> Definition:
    """An active definition to run; raises ClientException."""
    found = get_definition(call, name)
    if found is None:
        raise errors.definition_not_found()
    if found.status != model.ACTIVE:
        raise errors.definition_inactive()
    return found


def put_definition(call: WriteCall, definition: Definition) -> None:
    """Store a revision."""
    key = ("definition", definition.family, definition.revision)
    call.state.put(key, DEFINITIONS.encode(definition))


def definitions(call: ReadCall) -> list[Definition]:
    """Every revision, by family and number."""
    return [DEFINITIONS.decode(raw) for _, raw in call.state.range(("definition",))]


# -- tasks ----------------------------------------------------------------------------------


def get_task(call: ReadCall, task_id: str) -> Task | None:
    """A task by its id."""
    where = call.state.get(("where", task_id))
    raw = where and call.state.get(("task", where.decode(), task_id))
    return TASKS.decode(raw) if raw else None


def find_task(call: ReadCall, cluster: str, name: str) -> Task:
    """A task of a cluster by id or ARN; raises InvalidParameterException."""
    raw = call.state.get(("task", cluster, short_name(name)))
    if raw is None:
        raise errors.task_not_found()
    return TASKS.decode(raw)


def put_task(call: WriteCall, task: Task) -> None:
    """Store a task, and let the runner and whoever waits look at it."""
    call.state.put(("task", task.cluster, task.id), TASKS.encode(task))
    call.state.put(("where", task.id), task.cluster.encode())
    if task.status == model.STOPPED:
        call.state.delete(("active", task.id))
    else:
        call.state.put(("active", task.id), b"")
    call.wake(CHANGED)


def remove_task(call: WriteCall, task: Task) -> None:
    """Forget a task that stopped long ago."""
    call.state.delete(("task", task.cluster, task.id))
    for kind in ("where", "active", "counted"):
        call.state.delete((kind, task.id))


def tasks(call: ReadCall, cluster: str) -> list[Task]:
    """Tasks of a cluster, stopped ones included."""
    return [TASKS.decode(raw) for _, raw in call.state.range(("task", cluster))]


def active_tasks(call: ReadCall) -> dict[str, str]:
    """Id → desired status of every task that has not stopped."""
    found = {}
    for key, _ in call.state.range(("active",)):
        task = get_task(call, key[1])
        if task is not None:
            found[task.id] = task.desired
    return found


# -- services -------------------------------------------------------------------------------


def get_service(call: ReadCall, cluster: str, name: str) -> Service | None:
    """A service by name or ARN, whatever its status."""
    raw = call.state.get(("service", cluster, short_name(name)))
    return None if raw is None else SERVICES.decode(raw)


def find_service(call: ReadCall, cluster: str, name: str) -> Service:
    """A service that is not gone; raises ServiceNotFoundException."""
    found = get_service(call, cluster, name)
    if found is None or found.status == model.INACTIVE:
        raise errors.service_not_found()
    return found


def put_service(call: WriteCall, service: Service) -> None:
    """Store a service."""
    key = ("service", service.cluster, service.name)
    call.state.put(key, SERVICES.encode(service))


def services(call: ReadCall, cluster: str) -> list[Service]:
    """Services of a cluster."""
    return [SERVICES.decode(raw) for _, raw in call.state.range(("service", cluster))]


# -- tokens ---------------------------------------------------------------------------------


def token(call: ReadCall, operation: str, name: str) -> dict[str, Any] | None:
    """What was made for a client token."""
    raw = call.state.get(("token", operation, name))
    return orjson.loads(raw) if raw else None


def put_token(call: WriteCall, operation: str, name: str, made: dict[str, Any]) -> None:
    """Note what was made for a client token."""
    call.state.put(("token", operation, name), orjson.dumps(made))


# -- tags -----------------------------------------------------------------------------------


def tags_of(given: Any) -> dict[str, str]:
    """A list of key and value as a mapping."""
    return {tag.get("key", ""): tag.get("value", "") for tag in given or ()}


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """The mapping as a list again."""
    return [{"key": key, "value": value} for key, value in tags.items()]
