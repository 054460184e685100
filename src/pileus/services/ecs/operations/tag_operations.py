"""Tags. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.ecs import errors, store
from pileus.services.ecs.limits import LIMITS
from pileus.values.arns import Arn, is_arn

_Put = Callable[[WriteCall, Any], None]


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, or replace those with the same keys."""
    record, put = _resource(call, request["resourceArn"])
    tags = {**record.tags, **store.tags_of(request["tags"])}
    if len(tags) > LIMITS.tags_max:
        raise errors.invalid(f"The maximum number of tags ({LIMITS.tags_max}) was exceeded.")
    record.tags = tags
    put(call, record)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags by key."""
    record, put = _resource(call, request["resourceArn"])
    gone = set(request["tagKeys"])
    record.tags = {key: value for key, value in record.tags.items() if key not in gone}
    put(call, record)


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a cluster, task definition, task or service."""
    record, _ = _resource(call, request["resourceArn"])
    return {"tags": store.tag_list(record.tags)}


def _resource(call: ReadCall, arn: str) -> tuple[Any, _Put]:
    if not is_arn(arn):
        raise errors.invalid("The specified resourceArn is not valid.")
    kind, *names = Arn.parse(arn).resource.split("/")
    if kind == "cluster":
        return store.find_cluster(call, names[-1]), store.put_cluster
    if kind == "task-definition":
        found = store.get_definition(call, arn)
        if found is None:
            raise errors.definition_not_found()
        return found, store.put_definition
    if kind == "task":
        task = store.get_task(call, names[-1])
        if task is None:
            raise errors.task_not_found()
        return task, store.put_task
    if kind == "service" and len(names) == 2:
        return store.find_service(call, names[0], names[1]), store.put_service
    raise errors.invalid(f"Pileus has no tags on resources of type {kind}.")
