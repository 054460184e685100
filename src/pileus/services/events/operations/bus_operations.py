"""Event buses, their policies, and tags. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.events import errors, paging, store
from pileus.services.events.limits import LIMITS
from pileus.services.events.model import Bus, Rule
from pileus.values.arns import Arn, is_arn
from pileus.values.times import utc


@write
def create_event_bus(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a bus beside ``default``."""
    name = request["Name"]
    if name == "default" or call.state.get(("bus", name)) is not None:
        raise errors.exists("Event bus", name)
    if "/" in name:
        raise errors.validation("Event bus name must not contain '/'.")
    if call.state.count(("bus",)) >= LIMITS.buses_max:
        raise errors.limit_exceeded("event buses")
    bus = Bus(
        name=name,
        created_ms=call.now_ms,
        modified_ms=call.now_ms,
        description=request.get("Description") or "",
        dead_letter=dict(request.get("DeadLetterConfig") or {}),
        tags={tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()},
    )
    store.put_bus(call.state, bus)
    output: dict[str, Any] = {"EventBusArn": call.arn(f"event-bus/{name}")}
    if bus.description:
        output["Description"] = bus.description
    return output


@write
def update_event_bus(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change a bus's description or dead-letter queue."""
    bus = store.find_bus(call.state, request.get("Name"))
    bus.description = request.get("Description") or bus.description
    bus.dead_letter = dict(request.get("DeadLetterConfig") or bus.dead_letter)
    bus.modified_ms = call.now_ms
    store.put_bus(call.state, bus)
    return {"Arn": call.arn(f"event-bus/{bus.name}"), "Name": bus.name}


@write
def delete_event_bus(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a bus without rules; one that is not there is no error."""
    name = store.bus_name(request["Name"])
    if name == "default":
        raise errors.validation("Cannot delete event bus default.")
    if call.state.count(("rule", name)):
        raise errors.validation("Event bus can't be deleted since it has rules.")
    call.state.delete(("bus", name))


def _shown(call: Call, bus: Bus) -> dict[str, Any]:
    shown: dict[str, Any] = {"Name": bus.name, "Arn": call.arn(f"event-bus/{bus.name}")}
    if bus.description:
        shown["Description"] = bus.description
    if bus.policy:
        shown["Policy"] = bus.policy
    if bus.created_ms:
        shown["CreationTime"] = utc(bus.created_ms)
        shown["LastModifiedTime"] = utc(bus.modified_ms)
    return shown


@read
def describe_event_bus(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One bus."""
    bus = store.find_bus(call.state, request.get("Name"))
    extra = {"DeadLetterConfig": bus.dead_letter} if bus.dead_letter else {}
    return {**_shown(call, bus), **extra}


@read
def list_event_buses(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Buses by name prefix; ``default`` is always there."""
    found = {"default": store.find_bus(call.state, "default")}
    for _, raw in call.state.range(("bus",)):
        bus = store.BUSES.decode(raw)
        found[bus.name] = bus
    prefix = request.get("NamePrefix") or ""
    shown = [_shown(call, bus) for name, bus in sorted(found.items()) if name.startswith(prefix)]
    return paging.page("EventBuses", shown, request)


@write
def put_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Set the bus's resource policy, or add one statement to it."""
    bus = store.find_bus(call.state, request.get("EventBusName"))
    if text := request.get("Policy"):
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            raise errors.validation("Parameter Policy is not valid JSON.") from None
        bus.policy = text
    else:
        bus.policy = orjson.dumps(_with_statement(call, bus, request)).decode()
    bus.modified_ms = call.now_ms
    store.put_bus(call.state, bus)


def _with_statement(call: WriteCall, bus: Bus, request: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("Action", "Principal", "StatementId"):
        if not request.get(name):
            raise errors.validation(f"Parameter {name} must be specified.")
    if request["Action"] != "events:PutEvents":
        raise errors.validation("Provided value in parameter 'action' is not supported.")
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    if bus.policy:
        policy = orjson.loads(bus.policy)
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": call.arn(f"event-bus/{bus.name}"),
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    others = [s for s in policy["Statement"] if s.get("Sid") != request["StatementId"]]
    policy["Statement"] = [*others, statement]
    return policy


@write
def remove_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove one statement, or all of them."""
    bus = store.find_bus(call.state, request.get("EventBusName"))
    is_all = request.get("RemoveAllPermissions")
    if not bus.policy and not is_all:
        raise errors.bus_without_policy()
    policy = orjson.loads(bus.policy or '{"Statement": []}')
    wanted = request.get("StatementId")
    kept = [s for s in policy["Statement"] if s.get("Sid") != wanted]
    if not is_all and len(kept) == len(policy["Statement"]):
        raise errors.bus_statement_not_found()
    policy["Statement"] = [] if is_all else kept
    bus.policy = orjson.dumps(policy).decode() if policy["Statement"] else ""
    store.put_bus(call.state, bus)


def _tagged(state: Any, arn: str) -> Bus | Rule:
    if not is_arn(arn):
        raise errors.invalid_parameter(arn, "Provided Arn is not in correct format.")
    kind, _, name = Arn.parse(arn).resource.partition("/")
    if kind == "event-bus":
        return store.find_bus(state, name)
    bus, _, rule = name.rpartition("/")
    return store.find_rule(state, bus or "default", rule)


def _put_tagged(state: Any, record: Bus | Rule) -> None:
    if isinstance(record, Bus):
        store.put_bus(state, record)
    else:
        store.put_rule(state, record)


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a bus or rule."""
    record = _tagged(call.state, request["ResourceARN"])
    record.tags = {**record.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
    _put_tagged(call.state, record)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a bus or rule."""
    record = _tagged(call.state, request["ResourceARN"])
    record.tags = {k: v for k, v in record.tags.items() if k not in request["TagKeys"]}
    _put_tagged(call.state, record)


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Tags of a bus or rule."""
    tags = _tagged(call.state, request["ResourceARN"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
