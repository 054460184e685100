"""What runs in an environment, asked as any client would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError

_TIMEOUT_S = 5
_TASKS_TOLD = 100
_METERED = "pileus."


def inventory(api: Api) -> dict[str, Any]:
    """Functions, queues, buckets, tables, stacks, models and tasks; a room that does not answer is named.

    Raises:
        PlatformUnreachable: nobody answers at all.
    """
    result: dict[str, Any] = {"account": api.account, "region": api.region, "unanswered": {}}
    for name, read in _PARTS.items():
        try:
            result[name] = read(api)
        except ApiError as error:
            result[name] = []
            result["unanswered"][name] = str(error)
    usage = _usage(api)
    for function in result["functions"]:
        function.update(usage.get(function["name"], {}))
    return result


def _functions(api: Api) -> list[dict[str, Any]]:
    return [
        {
            "name": one["FunctionName"],
            "runtime": one.get("Runtime", "image"),
            "memory_mb": one.get("MemorySize", 0),
            "timeout_s": one.get("Timeout", 0),
        }
        for one in api.each("lambda", "ListFunctions", "Functions")
    ]


def _queues(api: Api) -> list[dict[str, Any]]:
    result = []
    for url in api.each("sqs", "ListQueues", "QueueUrls"):
        told = api.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        attributes = told.get("Attributes", {})
        result.append(
            {
                "name": url.rsplit("/", 1)[-1],
                "visible": int(attributes.get("ApproximateNumberOfMessages", 0)),
                "in_flight": int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
                "delayed": int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
            }
        )
    return result


def _buckets(api: Api) -> list[dict[str, Any]]:
    return [{"name": one["Name"]} for one in api.call("s3", "ListBuckets").get("Buckets") or ()]


def _tables(api: Api) -> list[dict[str, Any]]:
    result = []
    for name in api.each("dynamodb", "ListTables", "TableNames"):
        table = api.call("dynamodb", "DescribeTable", TableName=name)["Table"]
        result.append({"name": name, "items": table.get("ItemCount", 0)})
    return result


def _stacks(api: Api) -> list[dict[str, Any]]:
    return [
        {"name": one["StackName"], "status": one["StackStatus"]}
        for one in api.each("cloudformation", "DescribeStacks", "Stacks")
    ]


def _endpoints(api: Api) -> list[dict[str, Any]]:
    return [
        {"name": one["EndpointName"], "status": one["EndpointStatus"]}
        for one in api.each("sagemaker", "ListEndpoints", "Endpoints")
    ]


def _tasks(api: Api) -> list[dict[str, Any]]:
    result = []
    for cluster in api.each("ecs", "ListClusters", "clusterArns"):
        arns = list(api.each("ecs", "ListTasks", "taskArns", cluster=cluster))
        for first in range(0, len(arns), _TASKS_TOLD):
            wanted = arns[first : first + _TASKS_TOLD]
            told = api.call("ecs", "DescribeTasks", cluster=cluster, tasks=wanted)
            result += [_task(one) for one in told["tasks"]]
    return result


def _task(told: dict[str, Any]) -> dict[str, Any]:
    _, cluster, name = told["taskArn"].rsplit("/", 2)
    return {
        "name": name,
        "cluster": cluster,
        "group": told["group"],
        "definition": told["taskDefinitionArn"].rpartition("/")[2],
        "status": told["lastStatus"],
        "memory_mb": int(told.get("memory", 0)) or None,
        **_used(told["attributes"]),
    }


def _clusters(api: Api) -> list[dict[str, Any]]:
    """What the tasks of each cluster used, since ever."""
    arns = list(api.each("ecs", "ListClusters", "clusterArns"))
    told = [
        one
        for first in range(0, len(arns), _TASKS_TOLD)
        for one in api.call(
            "ecs",
            "DescribeClusters",
            clusters=arns[first : first + _TASKS_TOLD],
            include=["STATISTICS"],
        )["clusters"]
    ]
    return [
        {
            "name": one["clusterName"],
            "running": one["runningTasksCount"],
            **_used(one["statistics"]),
        }
        for one in told
    ]


def _used(pairs: list[dict[str, str]]) -> dict[str, float]:
    """What the platform metered, out of a list of names and values; what is whole is told whole."""
    return {
        pair["name"].removeprefix(_METERED).replace("-", "_"): _number(pair["value"])
        for pair in pairs
        if pair["name"].startswith(_METERED)
    }


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


_PARTS = {
    "stacks": _stacks,
    "functions": _functions,
    "queues": _queues,
    "buckets": _buckets,
    "tables": _tables,
    "endpoints": _endpoints,
    "tasks": _tasks,
    "clusters": _clusters,
}


def _usage(api: Api) -> dict[str, dict[str, Any]]:
    """Invocations by function since the platform's start; empty where the page is not served."""
    url = f"{api.endpoint}/_pileus/api/overview?account={api.account}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            overview = json.load(answer)
    except (urllib.error.URLError, ValueError):
        return {}
    kept = ("cold", "warm", "errors", "in_flight", "p50_ms", "p95_ms", "gb_seconds")
    return {
        row["name"]: {key: row[key] for key in kept if key in row}
        for row in overview.get("functions", ())
    }
