"""The rooms in numbers: queue depths, bucket and table sizes, one row each. Pure."""

from __future__ import annotations

from typing import Any

from pileus.console.inventory import Counts, Inventory


def build_overview(
    inventory: Inventory, counts: Counts, unanswered: dict[str, str]
) -> dict[str, Any]:
    """The ``rooms`` message.

    Args:
        unanswered: questions that no room answered, told to the user rather than hidden.
    """
    return {
        "queues": [_queue(url, counts) for url in inventory.queue_urls],
        "buckets": [_bucket(bucket["Name"], counts) for bucket in inventory.buckets],
        "tables": [_table(table, counts) for table in inventory.tables],
        "stacks": [
            {"name": stack["StackName"], "status": stack.get("StackStatus", "")}
            for stack in inventory.stacks
        ],
        "topics": len(inventory.topics),
        "rules": len(inventory.rules),
        "functions": len(inventory.functions),
        "endpoints": [
            {"name": endpoint["EndpointName"], "status": endpoint.get("EndpointStatus", "")}
            for endpoint in inventory.endpoints
        ],
        "unanswered": dict(sorted(unanswered.items())),
    }


def _queue(url: str, counts: Counts) -> dict[str, Any]:
    attributes = counts.queues.get(url) or {}
    return {
        "name": url.rsplit("/", 1)[-1],
        "visible": int(attributes.get("ApproximateNumberOfMessages") or 0),
        "in_flight": int(attributes.get("ApproximateNumberOfMessagesNotVisible") or 0),
        "delayed": int(attributes.get("ApproximateNumberOfMessagesDelayed") or 0),
    }


def _bucket(name: str, counts: Counts) -> dict[str, Any]:
    objects, size_bytes, has_more = counts.buckets.get(name) or (0, 0, False)
    return {"name": name, "objects": objects, "size_bytes": size_bytes, "more": has_more}


def _table(name: str, counts: Counts) -> dict[str, Any]:
    description = counts.tables.get(name) or {}
    return {
        "name": name,
        "items": int(description.get("ItemCount") or 0),
        "size_bytes": int(description.get("TableSizeBytes") or 0),
        "status": description.get("TableStatus") or "",
    }
