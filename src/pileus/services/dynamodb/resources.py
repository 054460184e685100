"""The CloudFormation type of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    tags_gone,
)
from pileus.values.errors import ServiceError

_CREATED = (
    "AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexes",
    "KeySchema", "LocalSecondaryIndexes", "ProvisionedThroughput", "SSESpecification",
    "StreamSpecification", "TableClass", "Tags",
)  # fmt: skip


def _numbers(value: Any) -> Any:
    """Capacity units as integers: templates may give them as text."""
    if isinstance(value, Mapping):
        return {
            key: int(item) if key.endswith("CapacityUnits") else _numbers(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value


def _wire(properties: Mapping[str, Any]) -> dict[str, Any]:
    wire = {name: _numbers(properties[name]) for name in _CREATED if name in properties}
    if "DeletionProtectionEnabled" in wire:
        wire["DeletionProtectionEnabled"] = str(wire["DeletionProtectionEnabled"]).lower() == "true"
    if "SSESpecification" in wire:
        encryption = dict(wire["SSESpecification"])
        encryption["Enabled"] = str(encryption.pop("SSEEnabled", False)).lower() == "true"
        wire["SSESpecification"] = encryption
    if "StreamSpecification" in wire:
        wire["StreamSpecification"] = {"StreamEnabled": True, **wire["StreamSpecification"]}
    return wire


def _resource(call: StreamCall, description: Mapping[str, Any]) -> Resource:
    attributes = {"Arn": description["TableArn"]}
    if description.get("StreamSpecification"):
        attributes["StreamArn"] = description["LatestStreamArn"]
    return Resource(description["TableName"], attributes)


async def _create(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("TableName") or request.generated_name(255)
    given = {"TableName": name, **_wire(request.properties)}
    reply = await call.invoke("dynamodb", "CreateTable", given)
    made = _resource(call, reply.output["TableDescription"])
    with completing(made):
        await _set_expiry(call, name, {}, request.properties)
        await _set_destination(call, name, {}, request.properties)
    return made


async def _set_expiry(
    call: StreamCall, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    before, after = old.get("TimeToLiveSpecification"), new.get("TimeToLiveSpecification")
    if before == after or not (after or before):
        return
    given = dict(after or {**(before or {}), "Enabled": False})
    given["Enabled"] = str(given.get("Enabled", False)).lower() == "true"
    if not given["Enabled"] and not before:
        return
    await call.invoke(
        "dynamodb", "UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": given}
    )


async def _update(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id
    old, new = _wire(request.old_properties), _wire(request.properties)
    change: dict[str, Any] = {
        member: new[member]
        for member in ("BillingMode", "ProvisionedThroughput", "TableClass", "SSESpecification",
                       "DeletionProtectionEnabled")
        if member in new and new[member] != old.get(member)
    }  # fmt: skip
    if updates := _index_updates(old, new):
        change["GlobalSecondaryIndexUpdates"] = updates
        change["AttributeDefinitions"] = new["AttributeDefinitions"]
    if change:
        await call.invoke("dynamodb", "UpdateTable", {"TableName": name, **change})
    await _set_stream(call, name, old.get("StreamSpecification"), new.get("StreamSpecification"))
    await _set_expiry(call, name, request.old_properties, request.properties)
    await _set_destination(call, name, request.old_properties, request.properties)
    where = {"ResourceArn": call.arn(f"table/{name}")}
    if gone := tags_gone(request):
        await call.invoke("dynamodb", "UntagResource", {**where, "TagKeys": gone})
    if tags := new.get("Tags"):
        await call.invoke("dynamodb", "TagResource", {**where, "Tags": tags})
    shown = await call.invoke("dynamodb", "DescribeTable", {"TableName": name})
    return _resource(call, shown.output["Table"])


async def _set_destination(
    call: StreamCall, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Send changes to the Kinesis stream that is named now, and to none that was."""
    before, after = old.get("KinesisStreamSpecification"), new.get("KinesisStreamSpecification")
    if before == after:
        return
    for verb, given in (("Disable", before), ("Enable", after)):
        if not given:
            continue
        wanted: dict[str, Any] = {"TableName": name, "StreamArn": given["StreamArn"]}
        precision = given.get("ApproximateCreationDateTimePrecision")
        if precision and verb == "Enable":
            configuration = {"ApproximateCreationDateTimePrecision": precision}
            wanted["EnableKinesisStreamingConfiguration"] = configuration
        await call.invoke("dynamodb", f"{verb}KinesisStreamingDestination", wanted)


async def _set_stream(
    call: StreamCall, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> None:
    """Switch the stream off and on; one with another view is another stream."""
    if old == new:
        return
    wanted = [{"StreamEnabled": False}] if old else []
    if new:
        wanted.append(dict(new))
    for specification in wanted:
        given = {"TableName": name, "StreamSpecification": specification}
        await call.invoke("dynamodb", "UpdateTable", given)


def _index_updates(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    before = {index["IndexName"]: index for index in old.get("GlobalSecondaryIndexes") or ()}
    after = {index["IndexName"]: index for index in new.get("GlobalSecondaryIndexes") or ()}
    updates: list[dict[str, Any]] = []
    for name, index in before.items():
        if name not in after or after[name]["KeySchema"] != index["KeySchema"]:
            updates.append({"Delete": {"IndexName": name}})
    for name, index in after.items():
        if name not in before or before[name]["KeySchema"] != index["KeySchema"]:
            updates.append({"Create": index})
    return updates


async def _delete(call: StreamCall, request: ResourceRequest) -> None:
    try:
        await call.invoke("dynamodb", "DeleteTable", {"TableName": request.physical_id})
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise


RESOURCE_TYPES = {
    "AWS::DynamoDB::Table": ResourceType(
        create=_create,
        update=_update,
        delete=_delete,
        replaced_by=frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"}),
        taggable="Tags",
        properties=declared(
            "AttributeDefinitions BillingMode DeletionProtectionEnabled "
            "GlobalSecondaryIndexes KeySchema KinesisStreamSpecification "
            "LocalSecondaryIndexes ProvisionedThroughput SSESpecification StreamSpecification "
            "TableClass TableName Tags TimeToLiveSpecification",
            ignored="ContributorInsightsSpecification OnDemandThroughput "
            "PointInTimeRecoverySpecification ResourcePolicy WarmThroughput",
            refused="ImportSourceSpecification VectorIndexes",
        ),
    )
}
