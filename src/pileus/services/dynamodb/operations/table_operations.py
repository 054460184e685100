"""Tables. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.dynamodb import errors, hooks, schemas, store, streams
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Table
from pileus.values.arns import is_arn
from pileus.values.times import utc

_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


@write
def create_table(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a table with its indexes; it can be used at once."""
    name = request["TableName"].rpartition("/")[2]
    _check_name(name)
    billing = request.get("BillingMode") or "PROVISIONED"
    _check_billing(request, billing)
    schema, types = request.get("KeySchema") or (), schemas.attribute_types(request)
    schemas.check_table_schema(types, schema)
    partition, sort = schemas.key_names(schema)
    table = Table(
        name=name,
        id=call.new_id(),
        partition=partition,
        sort=sort,
        types=types,
        created_ms=call.now_ms,
        billing=billing,
        throughput=schemas.throughput(request),
        table_class=request.get("TableClass") or "STANDARD",
        is_protected=bool(request.get("DeletionProtectionEnabled")),
        encryption=dict(request.get("SSESpecification") or {}),
        tags={tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()},
    )
    schemas.add_indexes(table, request)
    schemas.check_all_used(table)
    if call.state.get(("table", name)) is not None:
        raise errors.table_exists(name)
    streams.specify_new(call, table, request.get("StreamSpecification"))
    store.put_table(call.state, table)
    return {"TableDescription": schemas.described(call, table, "CREATING")}


def _check_name(name: str) -> None:
    if not LIMITS.name_length_min <= len(name) <= LIMITS.name_length_max:
        raise errors.invalid(
            f"TableName must be at least {LIMITS.name_length_min} characters long and at most "
            f"{LIMITS.name_length_max} characters long"
        )
    if not _NAME.fullmatch(name):
        raise errors.invalid(
            f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_NAME.pattern}"
        )


def _check_billing(request: Mapping[str, Any], billing: str) -> None:
    given = request.get("ProvisionedThroughput")
    if billing == "PROVISIONED" and given is None:
        raise errors.invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
            "PROVISIONED"
        )
    if billing == "PAY_PER_REQUEST" and given is not None:
        raise errors.invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode "
            "is PAY_PER_REQUEST"
        )


@read
def describe_table(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a table."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    return {"Table": schemas.described(call, table)}


@read
def list_tables(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Table names in order."""
    limit = request.get("Limit") or LIMITS.list_max
    start = request.get("ExclusiveStartTableName")
    after = ("table", start) if start else None
    rows = call.state.range(("table",), after=after, limit=limit + 1)
    names = [str(key[1]) for key, _ in rows]
    output: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        output["LastEvaluatedTableName"] = names[limit - 1]
    return output


@write
def delete_table(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a table with everything in it."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    if table.is_protected:
        raise errors.invalid(
            "Resource cannot be deleted as it is currently protected against deletion. Disable "
            "deletion protection first."
        )
    described = schemas.described(call, table, "DELETING")
    streams.disable(call, table)
    call.state.delete(("table", table.name))
    for kind in ("item", "index", "expires"):
        call.state.delete_range((kind, table.name))
    for name in ("expire_items", "note_expiries"):
        call.cancel_timer(name, f"{table.name}/")
    return {"TableDescription": described}


@write
def update_table(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change billing, protection, class, and global indexes."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    _check_changes(request, table)
    if request.get("BillingMode"):
        _check_billing(request, request["BillingMode"])
        table.billing = request["BillingMode"]
        table.throughput = (0, 0)
    if request.get("ProvisionedThroughput"):
        table.throughput = schemas.throughput(request)
    table.is_protected = request.get("DeletionProtectionEnabled", table.is_protected)
    table.table_class = request.get("TableClass") or table.table_class
    table.encryption = dict(request.get("SSESpecification") or table.encryption)
    table.types = {**table.types, **schemas.attribute_types(request)}
    for change in request.get("GlobalSecondaryIndexUpdates") or ():
        _change_index(call, table, change)
    streams.specify(call, table, request.get("StreamSpecification"))
    used = schemas.used_names(table)
    table.types = {name: kind for name, kind in table.types.items() if name in used}
    store.put_table(call.state, table)
    return {"TableDescription": schemas.described(call, table, "UPDATING")}


_CHANGES = (
    "ProvisionedThroughput", "BillingMode", "StreamSpecification", "GlobalSecondaryIndexUpdates",
    "SSESpecification", "ReplicaUpdates", "TableClass", "DeletionProtectionEnabled",
    "OnDemandThroughput", "WarmThroughput", "MultiRegionConsistency", "GlobalTableWitnessUpdates",
    "GlobalTableSettingsReplicationMode",
)  # fmt: skip
_ALONE = {
    "DeletionProtectionEnabled": "DeletionProtection",
    "SSESpecification": "Server-Side Encryption",
    "TableClass": "TableClass",
}


def _check_changes(request: Mapping[str, Any], table: Table) -> None:
    """Raise for no change, for changes that AWS makes only one by one, and for none at all."""
    if not any(request.get(name) is not None for name in _CHANGES):
        raise errors.invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
        )
    updates = request.get("GlobalSecondaryIndexUpdates") or ()
    online = [update for update in updates if update.get("Create") or update.get("Delete")]
    if len(online) > 1:
        raise errors.one_index_at_a_time()
    if online and request.get("ProvisionedThroughput"):
        raise errors.invalid("You cannot create or delete index while updating table IOPS")
    for name, told in _ALONE.items():
        if online and request.get(name) is not None:
            raise errors.invalid(f"{told} modification must be the only operation in the request")
    given = request.get("ProvisionedThroughput")
    if given and not request.get("BillingMode") and not updates:
        _check_throughput(table, schemas.throughput(request))


def _check_throughput(table: Table, wanted: tuple[int, int]) -> None:
    if table.billing == "PAY_PER_REQUEST":
        raise errors.invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if wanted == table.throughput:
        read, write_ = wanted
        raise errors.invalid(
            "The provisioned throughput for the table will not change. The requested value equals "
            f"the current value. Current ReadCapacityUnits provisioned for the table: {read}. "
            f"Requested ReadCapacityUnits: {read}. Current WriteCapacityUnits provisioned for the "
            f"table: {write_}. Requested WriteCapacityUnits: {write_}. Refer to the Amazon "
            "DynamoDB Developer Guide for current limits and how to request higher limits."
        )


def _change_index(call: WriteCall, table: Table, change: Mapping[str, Any]) -> None:
    if created := change.get("Create"):
        if created["IndexName"] in table.indexes:
            raise errors.invalid("Attempting to create an index which already exists")
        index = schemas.index_of(created, table, is_global=True)
        index.status = "CREATING"
        table.indexes[index.name] = index
        hooks.schedule(call, "fill_index", table, call.now_ms, index=index.name)
        return
    kind = "Delete" if change.get("Delete") else "Update"
    name = change[kind]["IndexName"]
    if name not in table.indexes or not table.indexes[name].is_global:
        raise errors.resource_not_found()
    if kind == "Delete":
        del table.indexes[name]
        call.state.delete_range(("index", table.name, name))
    else:
        table.indexes[name].throughput = schemas.throughput(change["Update"])


@write
def update_time_to_live(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Switch the removal of expired items on or off."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    given = request["TimeToLiveSpecification"]
    if table.ttl_attribute and given["AttributeName"] != table.ttl_attribute:
        raise errors.invalid(
            "TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{table.ttl_attribute}"
        )
    if bool(table.ttl_attribute) == given["Enabled"]:
        state = "enabled" if given["Enabled"] else "disabled"
        raise errors.invalid(f"TimeToLive is already {state}")
    if given["Enabled"]:
        table.ttl_attribute = given["AttributeName"]
        hooks.schedule(call, "note_expiries", table, call.now_ms)
        hooks.schedule(call, "expire_items", table, call.now_ms + LIMITS.expiry_every_s * 1000)
    else:
        table.ttl_attribute = ""
        call.state.delete_range(("expires", table.name))
    store.put_table(call.state, table)
    return {"TimeToLiveSpecification": dict(given)}


@read
def describe_time_to_live(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether expired items are removed, and by which attribute."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    shown: dict[str, Any] = {"TimeToLiveStatus": "ENABLED" if table.ttl_attribute else "DISABLED"}
    if table.ttl_attribute:
        shown["AttributeName"] = table.ttl_attribute
    return {"TimeToLiveDescription": shown}


@read
def describe_continuous_backups(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Point-in-time recovery as it was set; nothing is recovered here."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    return _backups(call, table)


def _backups(call: ReadCall, table: Table) -> dict[str, Any]:
    status = "ENABLED" if table.has_recovery else "DISABLED"
    recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": status}
    if table.has_recovery:
        recovery["RecoveryPeriodInDays"] = LIMITS.recovery_days
        recovery["EarliestRestorableDateTime"] = utc(table.recovery_from_ms)
        recovery["LatestRestorableDateTime"] = utc(call.now_ms)
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }


@write
def update_continuous_backups(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the setting of point-in-time recovery."""
    table = store.find_table(call.state, request["TableName"], is_data=False)
    given = request["PointInTimeRecoverySpecification"]
    if given["PointInTimeRecoveryEnabled"] and not table.has_recovery:
        table.recovery_from_ms = call.now_ms
    table.has_recovery = given["PointInTimeRecoveryEnabled"]
    store.put_table(call.state, table)
    return _backups(call, table)


@read
def describe_limits(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The account's capacity quotas; nothing is throttled by them here."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


@read
def describe_endpoints(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Where clients find this service."""
    address = call.context.endpoint.partition("://")[2]
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}]}


def _tagged(state: Any, arn: str) -> Table:
    if not is_arn(arn):
        raise errors.invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    raw = state.get(("table", arn.rpartition("/")[2]))
    if raw is None:
        raise errors.arn_not_found(arn)
    return store.TABLES.decode(raw)


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a table."""
    table = _tagged(call.state, request["ResourceArn"])
    table.tags = {**table.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
    store.put_table(call.state, table)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a table."""
    table = _tagged(call.state, request["ResourceArn"])
    table.tags = {k: v for k, v in table.tags.items() if k not in request["TagKeys"]}
    store.put_table(call.state, table)


@read
def list_tags_of_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A table's tags."""
    tags = _tagged(call.state, request["ResourceArn"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
