"""PutEvents. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.events import errors, routing, store
from pileus.services.events.limits import LIMITS
from pileus.values.arns import Arn, is_arn
from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms, iso8601


@write
def put_events(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take events; each entry succeeds or fails by itself. Accepted means on disk and routed."""
    entries = request["Entries"]
    if len(entries) > LIMITS.put_entries_max:
        raise errors.validation(
            f"1 validation error detected: Value '{entries}' at 'entries' failed to satisfy "
            "constraint: Member must have length less than or equal to 10"
        )
    size = sum(_size_bytes(entry) for entry in entries)
    if size > LIMITS.entries_bytes_max:
        raise errors.validation("Total size of the entries in the request is over the limit.")
    results = [_put(call, entry) for entry in entries]
    failed = sum(1 for result in results if "ErrorCode" in result)
    return {"FailedEntryCount": failed, "Entries": results}


def _size_bytes(entry: Mapping[str, Any]) -> int:
    """How AWS measures an entry: 14 bytes for a time, and the UTF-8 of the members."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)


def _put(call: WriteCall, entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        detail = _checked(call, entry)
    except ServiceError as error:
        return {"ErrorCode": error.code, "ErrorMessage": error.message}
    event = {
        "version": "0",
        "id": call.new_id(),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": call.account,
        "time": iso8601(_time_ms(call, entry), millis=False),
        "region": call.region,
        "resources": list(entry.get("Resources") or ()),
        "detail": detail,
    }
    _route(call, entry, event)
    return {"EventId": event["id"]}


def _time_ms(call: WriteCall, entry: Mapping[str, Any]) -> int:
    at = entry.get("Time")
    if not at:
        return call.now_ms
    # Rooms give epoch seconds, which outlive an outbox; clients' times are decoded already.
    return int(at * 1000) if isinstance(at, (int, float)) else epoch_ms(at)


def _route(call: WriteCall, entry: Mapping[str, Any], event: routing.Event) -> None:
    """To the bus that is meant, in another account or region too; nowhere if there is none.

    AWS as well accepts an event for a bus that does not exist.
    """
    bus = entry.get("EventBusName") or "default"
    if is_arn(bus):
        arn = Arn.parse(bus)
        if (arn.account or call.account, arn.region or call.region) != (call.account, call.region):
            call.emit(routing.forwarding(arn, event))
            return
    name = store.bus_name(bus)
    if name == "default" or call.state.get(("bus", name)) is not None:
        routing.route(call, name, event)


def _checked(call: WriteCall, entry: Mapping[str, Any]) -> Any:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            raise ServiceError(
                "InvalidArgument",
                f"Parameter {name} is not valid. Reason: {name} is a required argument.",
            )
    is_ours = call.context.principal.arn.startswith("service:")
    if entry["Source"].startswith("aws.") and not is_ours:
        raise ServiceError("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = orjson.loads(entry["Detail"])
    except orjson.JSONDecodeError:
        detail = None
    if not isinstance(detail, dict):
        raise ServiceError("MalformedDetail", "Detail is malformed.")
    return detail
