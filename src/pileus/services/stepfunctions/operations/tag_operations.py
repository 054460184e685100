"""Tags. https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.stepfunctions import errors, store, tagging
from pileus.services.stepfunctions.model import Activity, Machine
from pileus.services.stepfunctions.names import activity_name, machine_name


def _tagged(call: ReadCall, arn: str) -> Machine | Activity:
    parts = arn.split(":")
    found: Machine | Activity | None
    if len(parts) > 5 and parts[5] == "activity":
        found = store.activity(call, activity_name(arn))
    else:
        found = store.machine(call, machine_name(arn))
    if found is None:
        raise errors.resource_not_found(arn)
    return found


def _change(call: WriteCall, arn: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    found = _tagged(call, arn)
    found.tags = change(found.tags)
    if isinstance(found, Activity):
        store.put_activity(call, found)
    else:
        store.put_machine(call, found)


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, or change their values."""
    arn = request["resourceArn"]
    _change(call, arn, lambda tags: tagging.added(arn, tags, request["tags"]))


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take tags away; those that are not there are no error."""
    gone = set(request["tagKeys"])
    _change(
        call,
        request["resourceArn"],
        lambda tags: {key: value for key, value in tags.items() if key not in gone},
    )


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of one resource."""
    return {"tags": tagging.shown(_tagged(call, request["resourceArn"]).tags)}
