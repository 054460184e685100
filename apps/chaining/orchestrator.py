"""The order's way, as code: F1 → F2 → F3 for each item → a person → a timer → F4.

The platform may stop at any moment: what was finished is not run again.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from activities.effects import once
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration

_PREFIX = os.environ["ACTIVITY_PREFIX"]


def _link(callback_id: str) -> str:
    """What the approver follows; its end is what the function Approve takes."""
    return f"{os.environ['APPROVAL_LINK']}?callback={quote(callback_id, safe='')}"


@durable_execution
def handle(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    """Bring an order (``{"order", "items"}``) to its delivery."""
    order, items = event["order"], event["items"]
    reservation = context.invoke(f"{_PREFIX}F1", {"order": order}, name="reserve")
    given = {"order": order, "reservation": reservation}
    charge = context.invoke(f"{_PREFIX}F2", given, name="charge")

    parcels = context.map(
        items,
        lambda child, item, index, all_items: child.invoke(
            f"{_PREFIX}F3", {"order": order, "item": item}, name=f"pack-{item}"
        ),
        name="pack",
    ).get_results()

    until = Duration.from_seconds(int(os.environ["APPROVAL_SECONDS"]))
    approval = context.create_callback("approval", CallbackConfig(timeout=until))
    link = _link(approval.callback_id)
    context.step(lambda _: once(order, "link", link), name="send the link")
    approver = approval.result()

    context.wait(Duration.from_seconds(int(os.environ["COOLING_SECONDS"])), name="cooling")
    given = {"order": order, "parcels": parcels}
    delivery = context.invoke(f"{_PREFIX}F4", given, name="deliver")
    return {
        "reservation": reservation,
        "charge": charge,
        "parcels": parcels,
        "approver": approver,
        "delivery": delivery,
    }
