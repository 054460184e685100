"""Tags of alarms and dashboards.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import read, write
from pileus.services.cloudwatch import errors, store, tagging
from pileus.services.cloudwatch.model import Alarm, Dashboard
from pileus.values.arns import Arn, is_arn


def _tagged(state: Any, arn: str) -> Alarm | Dashboard:
    resource = Arn.parse(arn).resource if is_arn(arn) else ""
    found: Alarm | Dashboard | None = None
    if resource.startswith("alarm:"):
        found = store.find_alarm(state, resource.removeprefix("alarm:"))
    elif resource.startswith("dashboard/"):
        found = store.find_dashboard(state, resource.removeprefix("dashboard/"))
    if found is None:
        raise errors.resource_not_found(arn)
    return found


def _put(call: WriteCall, record: Alarm | Dashboard) -> None:
    if isinstance(record, Alarm):
        store.put_alarm(call.state, record)
    else:
        call.state.put(("dashboard", record.name), store.DASHBOARDS.encode(record))


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags; a key that is there gets the new value."""
    found = _tagged(call.state, request["ResourceARN"])
    found.tags = tagging.merged(found.tags, request["Tags"])
    _put(call, found)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take tags away; keys that are not there are left out."""
    found = _tagged(call.state, request["ResourceARN"])
    gone = set(request["TagKeys"])
    found.tags = {key: value for key, value in found.tags.items() if key not in gone}
    _put(call, found)


@read
def list_tags_for_resource(call: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of an alarm or a dashboard."""
    found = _tagged(call.state, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}
