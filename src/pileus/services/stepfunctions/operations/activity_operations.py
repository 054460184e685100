"""Activities. https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateActivity.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import Wait, read, write
from pileus.languages.asl.commands import TaskStarted
from pileus.services.stepfunctions import advancing, errors, paging, store, tagging
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import Activity
from pileus.services.stepfunctions.names import activity_arn, activity_name, check_name
from pileus.values.times import utc


@write
def create_activity(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create one; one that is there stays as it is."""
    name = check_name(request["name"])
    arn = activity_arn(call, name)
    found = store.activity(call, name)
    if found is None:
        if len(store.activities(call)) >= LIMITS.activities_max:
            raise errors.activity_limit(LIMITS.activities_max)
        tags = tagging.added(arn, {}, request.get("tags") or ())
        found = Activity(name=name, created_ms=call.now_ms, tags=tags)
        store.put_activity(call, found)
    return {"activityArn": arn, "creationDate": utc(found.created_ms)}


@write
def delete_activity(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete one; one that is not there is no error."""
    call.state.delete(("activity", activity_name(request["activityArn"])))


def _shown(call: Call, activity: Activity) -> dict[str, Any]:
    return {
        "activityArn": activity_arn(call, activity.name),
        "name": activity.name,
        "creationDate": utc(activity.created_ms),
    }


@read
def describe_activity(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One activity."""
    return _shown(call, _found(call, request["activityArn"]))


def _found(call: ReadCall, arn: str) -> Activity:
    found = store.activity(call, activity_name(arn))
    if found is None:
        raise errors.activity_not_found(arn)
    return found


@read
def list_activities(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, by name."""
    found = [_shown(call, each) for each in store.activities(call)]
    return paging.page("activities", found, request)


@write
def get_activity_task(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any] | Wait:
    """The task that has waited longest, for which a worker waits up to a minute."""
    activity = _found(call, request["activityArn"])
    while (offered := store.take_offer(call, activity.name)) is not None:
        execution_id, task_id = offered
        task = store.task(call, execution_id, task_id)
        if task is None:
            continue  # it timed out, or its execution ended, before anybody asked
        worker = request.get("workerName")
        advancing.tell(call, execution_id, TaskStarted(task_id, worker))
        advancing.set_task_timer(
            call, execution_id, task_id, advancing.HEARTBEAT, task.heartbeat_ms
        )
        return {"taskToken": task.token, "input": task.arguments}
    until_ms = call.started_ms + LIMITS.poll_s * 1000
    if call.now_ms >= until_ms:
        return {}
    return Wait(("activity_task", activity.name), until_ms)
