"""Dashboards, kept as they are given.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.cloudwatch import errors, store, tagging
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import Dashboard
from pileus.values.page_tokens import page_token
from pileus.values.times import utc

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def _arn(call: ReadCall, name: str) -> str:
    return f"arn:aws:cloudwatch::{call.account}:dashboard/{name}"


@write
def put_dashboard(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make or replace a dashboard."""
    name, body = request["DashboardName"], request["DashboardBody"]
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(name, "DashboardName")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.invalid_dashboard("The dashboard body is invalid: it is no JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("widgets", []), list):
        raise errors.invalid_dashboard("The dashboard body is invalid: widgets must be an array.")
    known = store.find_dashboard(call.state, name)
    tags = tagging.merged(known.tags if known else {}, request.get("Tags") or ())
    record = Dashboard(name=name, body=body, modified_ms=call.now_ms, tags=tags)
    call.state.put(("dashboard", name), store.DASHBOARDS.encode(record))
    return {"DashboardValidationMessages": []}


@read
def get_dashboard(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A dashboard's body."""
    name = request["DashboardName"]
    found = store.find_dashboard(call.state, name)
    if found is None:
        raise errors.dashboard_not_found([name])
    told = {"DashboardBody": found.body, "DashboardName": name}
    return {"DashboardArn": _arn(call, name), **told}


@read
def list_dashboards(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Dashboards by name."""
    prefix = request.get("DashboardNamePrefix") or ""
    rows = [store.DASHBOARDS.decode(raw) for _, raw in call.state.range(("dashboard",))]
    found = [each for each in rows if each.name.startswith(prefix)]
    start = store.position(request.get("NextToken"))
    stop = start + LIMITS.list_page
    entries = [
        {
            "DashboardName": each.name,
            "DashboardArn": _arn(call, each.name),
            "LastModified": utc(each.modified_ms),
            "Size": len(each.body.encode()),
        }
        for each in found[start:stop]
    ]
    output: dict[str, Any] = {"DashboardEntries": entries}
    if stop < len(found):
        output["NextToken"] = page_token(stop)
    return output


@write
def delete_dashboards(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete dashboards: all of them, or none where one is not there."""
    names = request["DashboardNames"]
    missing = [name for name in names if store.find_dashboard(call.state, name) is None]
    if missing:
        raise errors.dashboard_not_found(missing)
    for name in names:
        call.state.delete(("dashboard", name))
