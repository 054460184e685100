"""Key schemas and indexes: checked when a table is made, shown when it is described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.languages.dynamodb.attribute_values import item_size_bytes
from pileus.services.dynamodb import errors, store
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Index, Table
from pileus.values.times import utc

_SAMPLE = 100


def key_names(schema: Sequence[Mapping[str, str]], what: str = "") -> tuple[str, str]:
    """Partition and sort attribute of a KeySchema; the latter empty when there is none."""
    kinds = [element["KeyType"] for element in schema]
    if kinds == ["HASH"]:
        return schema[0]["AttributeName"], ""
    if kinds == ["HASH", "RANGE"]:
        names = schema[0]["AttributeName"], schema[1]["AttributeName"]
        if names[0] == names[1]:
            raise errors.invalid(
                "Both the Hash Key and the Range Key element in the KeySchema have the same name"
            )
        return names
    if not kinds or kinds[0] != "HASH":
        raise errors.invalid(
            f"Invalid KeySchema{what}: The first KeySchemaElement is not a HASH key type"
        )
    raise errors.invalid(
        f"Invalid KeySchema{what}: The second KeySchemaElement is not a RANGE key type"
    )


def attribute_types(request: Mapping[str, Any]) -> dict[str, str]:
    """AttributeDefinitions by name."""
    types: dict[str, str] = {}
    for definition in request.get("AttributeDefinitions") or ():
        if definition["AttributeName"] in types:
            raise errors.invalid_parameter(
                f"Duplicate AttributeName in AttributeDefinitions: {definition['AttributeName']}"
            )
        types[definition["AttributeName"]] = definition["AttributeType"]
    return types


def check_types(types: Mapping[str, str], used: set[str]) -> None:
    """Raise unless exactly the key attributes are defined."""
    missing = used - set(types)
    if missing:
        raise errors.invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: "
            f"[{', '.join(sorted(used))}], AttributeDefinitions: [{', '.join(types)}]"
        )
    if set(types) != used:
        raise errors.invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes "
            "defined in AttributeDefinitions"
        )


def throughput(given: Mapping[str, Any]) -> tuple[int, int]:
    """ProvisionedThroughput as (read, write) units."""
    value = given.get("ProvisionedThroughput") or {}
    return value.get("ReadCapacityUnits", 0), value.get("WriteCapacityUnits", 0)


def index_of(given: Mapping[str, Any], table: Table, *, is_global: bool) -> Index:
    """An index as it is asked for."""
    name = given["IndexName"]
    if name in table.indexes:
        raise errors.invalid_parameter(f"Duplicate index name: {name}")
    partition, sort = key_names(given["KeySchema"])
    if not is_global and partition != table.partition:
        raise errors.invalid_parameter(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for "
            f"index: {name}. index hash key: {partition}, table hash key: {table.partition}"
        )
    if not is_global and not sort:
        raise errors.invalid_parameter(
            f"Index KeySchema does not have a range key for index: {name}"
        )
    projection = given.get("Projection") or {}
    kind = projection.get("ProjectionType")
    if kind is None:
        raise errors.invalid_parameter("Unknown ProjectionType: null")
    included = list(projection.get("NonKeyAttributes") or ())
    if included and kind != "INCLUDE":
        raise errors.invalid_parameter(
            f"ProjectionType is {kind}, but NonKeyAttributes is specified"
        )
    if kind == "INCLUDE" and not included:
        raise errors.invalid_parameter(
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
        )
    return Index(
        name=name,
        partition=partition,
        sort=sort,
        is_global=is_global,
        projection=kind,
        included=included,
        throughput=throughput(given),
    )


def add_indexes(table: Table, request: Mapping[str, Any]) -> None:
    """The indexes a new table is asked for."""
    local = request.get("LocalSecondaryIndexes") or ()
    global_ = request.get("GlobalSecondaryIndexes") or ()
    if local and not table.sort:
        raise errors.invalid_parameter(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    for count, most, what in (
        (len(local), LIMITS.local_indexes_max, "LocalSecondaryIndex"),
        (len(global_), LIMITS.global_indexes_max, "GlobalSecondaryIndex"),
    ):
        if count > most:
            raise errors.invalid_parameter(f"{what} count exceeds the per-table limit of {most}")
    for given, is_global in [(g, False) for g in local] + [(g, True) for g in global_]:
        index = index_of(given, table, is_global=is_global)
        table.indexes[index.name] = index


def described(call: ReadCall, table: Table, status: str = "ACTIVE") -> dict[str, Any]:
    """TableDescription."""
    count = call.state.count(("item", table.name))
    arn = call.arn(f"table/{table.name}")
    shown: dict[str, Any] = {
        "TableName": table.name,
        "TableArn": arn,
        "TableId": table.id,
        "TableStatus": status,
        "CreationDateTime": utc(table.created_ms),
        "KeySchema": _schema(table.partition, table.sort),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in table.types.items()
        ],
        "ProvisionedThroughput": _throughput(table.throughput),
        "ItemCount": count,
        "TableSizeBytes": _size_bytes(call, table, count),
        "DeletionProtectionEnabled": table.is_protected,
    }
    if table.billing == "PAY_PER_REQUEST":
        shown["BillingModeSummary"] = {
            "BillingMode": table.billing,
            "LastUpdateToPayPerRequestDateTime": utc(table.created_ms),
        }
    if table.table_class != "STANDARD":
        shown["TableClassSummary"] = {"TableClass": table.table_class}
    for name, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        indexes = [i for i in table.indexes.values() if i.is_global is is_global]
        if indexes:
            shown[name] = [_index(call, table, index, arn) for index in indexes]
    return shown


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort:
        schema.append({"AttributeName": sort, "KeyType": "RANGE"})
    return schema


def _throughput(units: tuple[int, int]) -> dict[str, int]:
    return {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": units[0],
        "WriteCapacityUnits": units[1],
    }


def _index(call: ReadCall, table: Table, index: Index, arn: str) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.included:
        projection["NonKeyAttributes"] = index.included
    shown: dict[str, Any] = {
        "IndexName": index.name,
        "IndexArn": f"{arn}/index/{index.name}",
        "KeySchema": _schema(index.partition, index.sort),
        "Projection": projection,
        "ItemCount": call.state.count(("index", table.name, index.name)),
        "IndexSizeBytes": 0,
    }
    if index.is_global:
        shown["IndexStatus"] = index.status
        shown["ProvisionedThroughput"] = _throughput(index.throughput)
        if index.status == "CREATING":
            shown["Backfilling"] = True
    return shown


def _size_bytes(call: ReadCall, table: Table, count: int) -> int:
    """Estimated from the first hundred items; AWS too only updates it every six hours."""
    rows = call.state.range(("item", table.name), limit=_SAMPLE)
    total = sum(item_size_bytes(store.decode_item(raw)) for _, raw in rows)
    return total if count <= _SAMPLE else total * count // len(rows)
