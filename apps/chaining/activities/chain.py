"""F1 to F4: each takes the order and what came before it, and adds its own effect once."""

from __future__ import annotations

from typing import Any

from activities.effects import once

Event = dict[str, Any]


def reserve(event: Event, context: Any) -> str:
    """F1: reserve the items."""
    return str(once(event["order"], "reserve", f"reservation of {event['order']}"))


def charge(event: Event, context: Any) -> str:
    """F2: charge what was reserved."""
    return str(once(event["order"], "charge", f"charge for {event['reservation']}"))


def pack(event: Event, context: Any) -> str:
    """F3: pack one item; many run at a time."""
    item = event["item"]
    return str(once(event["order"], f"pack-{item}", f"parcel of {item}"))


def deliver(event: Event, context: Any) -> str:
    """F4: deliver the parcels."""
    return str(once(event["order"], "deliver", f"delivery of {len(event['parcels'])} parcels"))
