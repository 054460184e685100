"""What a task is told of itself, and the keys of its role.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.kernel import Kernel
from pileus.services.ecs import store, telling
from pileus.services.ecs.model import Definition, Task
from pileus.services.ecs.planning import Planner
from pileus.services.ecs.role_keys import keys_document
from pileus.services.ecs.running import Known, TaskRunner
from pileus.services.ecs.secret_values import CannotPlan
from pileus.values.times import iso8601

_UNITS = 1024


class Metadata:
    """Answers paths below ``http://169.254.170.2``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def answer(self, path: str) -> dict[str, Any] | None:
        """``/v2/credentials/<id>``, ``/v3/<id>…`` and ``/v4/<id>…``; None for all else."""
        version, _, rest = path.lstrip("/").partition("/")
        if version == "v2" and rest.startswith("credentials/"):
            known = self._kernel.part(TaskRunner).known(rest.removeprefix("credentials/"))
            return await self._credentials(known) if known else None
        token, _, what = rest.partition("/")
        known = self._kernel.part(TaskRunner).known(token)
        if version not in ("v3", "v4") or known is None:
            return None
        call = self._kernel.stream_call(known.space)
        told = call.read(lambda view: _documents(view, known, token))
        return told.get(what.strip("/")) if told else None

    async def _credentials(self, known: Known) -> dict[str, Any] | None:
        kernel = self._kernel
        call = kernel.stream_call(known.space)
        task, definition = call.read(lambda view: _records(view, known.task_id))
        if task is None or definition is None or task.credentials == known.task_id:
            return None
        scope = f"{call.account}/{call.region}"
        try:
            return await keys_document(kernel, kernel.part(Planner), scope, task, definition)
        except CannotPlan:
            return None


def _records(view: Any, task_id: str) -> tuple[Task | None, Definition | None]:
    task = store.get_task(view, task_id)
    return task, store.get_definition(view, task.definition) if task else None


def _documents(view: Any, known: Known, token: str) -> dict[str, Any] | None:
    task, definition = _records(view, known.task_id)
    if task is None or definition is None:
        return None
    told = telling.task(view, task)
    containers = {one["name"]: _container(task, definition, one) for one in told["containers"]}
    own = next((one.name for one in task.containers if one.id == token), None)
    whole = {
        "Cluster": told["clusterArn"],
        "TaskARN": told["taskArn"],
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": task.desired,
        "KnownStatus": task.status,
        "AvailabilityZone": told["availabilityZone"],
        "LaunchType": task.launch_type,
        "Containers": list(containers.values()),
        "Limits": {"CPU": task.cpu / _UNITS, "Memory": task.memory_mb},
        "PullStartedAt": iso8601(task.pull_began_ms),
        "PullStoppedAt": iso8601(task.pull_ms),
    }
    documents: dict[str, Any] = {"task": whole}
    if own is not None:
        documents[""] = containers[own]
    return documents


def _container(task: Task, definition: Definition, told: dict[str, Any]) -> dict[str, Any]:
    name = told["name"]
    return {
        "DockerId": told.get("runtimeId", f"{task.id}-{name}"),
        "Name": name,
        "DockerName": name,
        "Image": told["image"],
        "ImageID": "",
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster,
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-arn": told["taskArn"],
            "com.amazonaws.ecs.task-definition-family": definition.family,
            "com.amazonaws.ecs.task-definition-version": str(definition.revision),
        },
        "DesiredStatus": task.desired,
        "KnownStatus": told["lastStatus"],
        "Limits": {"CPU": int(told["cpu"]), "Memory": int(told.get("memory", 0))},
        "Type": "NORMAL",
        "ContainerARN": told["containerArn"],
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["127.0.0.1"]}],
    }
