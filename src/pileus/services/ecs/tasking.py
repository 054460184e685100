"""Tasks made, stored and asked to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.ecs import definitions, model, store, telling
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.model import ContainerRecord, Definition, Task


def new_task(
    call: WriteCall, definition: Definition, asked: Mapping[str, Any], cluster: str
) -> Task:
    """A task of ``definition`` as RunTask (``asked``, in wire form) or a service wants it; stored.

    The runner starts it once this is durable.
    """
    overrides = dict(asked.get("overrides") or {})
    named = {one.get("name"): one for one in overrides.get("containerOverrides") or ()}
    containers = [
        _container(call, one, named.get(one["name"], {}))
        for one in definition.body["containerDefinitions"]
    ]
    strategy = asked.get("capacityProviderStrategy") or ()
    others = {}
    if strategy:
        others["capacityProviderName"] = strategy[0]["capacityProvider"]
    size_gib = overrides.get("ephemeralStorage") or definition.body.get("ephemeralStorage") or {}
    disk_mb = size_gib.get("sizeInGiB", 0) * 1024 or LIMITS.disk_mb_default
    task = Task(
        id=call.random_bytes(16).hex(),
        cluster=cluster,
        definition=definition.name,
        group=asked.get("group") or f"family:{definition.family}",
        launch_type=asked.get("launchType") or ("FARGATE" if strategy else "EC2"),
        created_ms=call.now_ms,
        credentials=call.new_id(),
        containers=containers,
        started_by=asked.get("startedBy") or "",
        overrides=overrides,
        others=others,
        cpu=asked.get("cpu", definition.cpu),
        memory_mb=asked.get("memory_mb", definition.memory_mb),
        disk_mb=disk_mb,
        gpus=sum(
            definitions.gpus_of(one, named.get(one["name"], {}))
            for one in definition.body["containerDefinitions"]
        ),
        service=asked.get("service") or "",
        deployment=asked.get("deployment") or "",
        tags=asked.get("tag_map") or {},
    )
    save(call, task)
    return task


def _container(
    call: WriteCall, one: Mapping[str, Any], override: Mapping[str, Any]
) -> ContainerRecord:
    return ContainerRecord(
        name=one["name"],
        image=one["image"],
        id=call.new_id(),
        cpu=override.get("cpu", one.get("cpu") or 0),
        memory_mb=override.get("memory", one.get("memory")) or 0,
        reserved_mb=override.get("memoryReservation", one.get("memoryReservation")) or 0,
    )


def save(call: WriteCall, task: Task) -> None:
    """Store a change of a task, tell the bus, and let its service look at it."""
    store.put_task(call, task)
    telling.emit_task_change(call, task)


def request_stop(call: WriteCall, task: Task, code: str, reason: str) -> None:
    """Want a task stopped; the runner does it. Nothing changes for one that is."""
    if task.desired == model.STOPPED:
        return
    task.desired = model.STOPPED
    task.stop_code, task.stop_reason = code, reason
    task.stopping_ms = call.now_ms
    task.version += 1
    save(call, task)
