"""Task definitions.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.ecs import definitions, errors, model, paging, store, telling
from pileus.services.ecs.model import Definition
from pileus.services.ecs.names import short_name


@write
def register_task_definition(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Register a family's next revision."""
    body, cpu, memory_mb = definitions.checked(request)
    family = request["family"]
    revision = store.latest_revision(call, family) + 1
    record = Definition(
        family=family,
        revision=revision,
        body=body,
        registered_ms=call.now_ms,
        registered_by=call.context.principal.arn,
        cpu=cpu,
        memory_mb=memory_mb,
        tags=store.tags_of(request.get("tags")),
    )
    call.state.put(("family", family), str(revision).encode())
    store.put_definition(call, record)
    return {
        "taskDefinition": telling.definition(call, record),
        "tags": store.tag_list(record.tags),
    }


@write
def deregister_task_definition(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Let nothing new be started from a revision; tasks that run go on."""
    name = request["taskDefinition"]
    if ":" not in short_name(name):
        raise errors.client("Missing revision in TaskDefinition id.")
    record = store.get_definition(call, name)
    if record is None or record.status == model.DELETE_IN_PROGRESS:
        raise errors.client("The specified task definition does not exist.")
    record.status = model.INACTIVE
    record.deregistered_ms = call.now_ms
    store.put_definition(call, record)
    return {"taskDefinition": telling.definition(call, record)}


@write
def delete_task_definitions(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete inactive revisions; those that tasks or services still use go on telling of them."""
    told, failures = [], []
    for name in request["taskDefinitions"]:
        record = store.get_definition(call, name)
        if record is None:
            failures.append({"arn": name, "reason": "TaskDefinition not found."})
        elif record.status == model.ACTIVE:
            failures.append(
                {"arn": name, "reason": "The task definition must be deregistered first."}
            )
        else:
            record.status = model.DELETE_IN_PROGRESS
            store.put_definition(call, record)
            told.append(telling.definition(call, record))
    return {"taskDefinitions": told, "failures": failures}


@read
def describe_task_definition(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One revision, or a family's latest active one."""
    record = store.get_definition(call, request["taskDefinition"])
    if record is None:
        raise errors.definition_unknown()
    told: dict[str, Any] = {"taskDefinition": telling.definition(call, record)}
    told["tags"] = store.tag_list(record.tags) if "TAGS" in (request.get("include") or ()) else []
    return told


@read
def list_task_definitions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """ARNs by family and revision, active ones unless told otherwise."""
    family, status = request.get("familyPrefix"), request.get("status") or model.ACTIVE
    arns = [
        store.arn(call, "task-definition", record.name)
        for record in store.definitions(call)
        if record.status == status and family in (None, record.family)
    ]
    if request.get("sort") == "DESC":
        arns.reverse()
    return paging.page("taskDefinitionArns", arns, request)


@read
def list_task_definition_families(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Families by prefix: with an active revision, without one, or all."""
    prefix, status = request.get("familyPrefix") or "", request.get("status") or "ALL"
    statuses: dict[str, set[str]] = {}
    for record in store.definitions(call):
        if record.status != model.DELETE_IN_PROGRESS:
            statuses.setdefault(record.family, set()).add(record.status)
    found = [
        family
        for family, known in statuses.items()
        if family.startswith(prefix)
        and (status == "ALL" or (model.ACTIVE in known) == (status == model.ACTIVE))
    ]
    return paging.page("families", sorted(found), request)
