"""Key schemas and indexes: checked when a table is made, shown when it is described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.languages.dynamodb.attribute_values import item_size_bytes
from pileus.services.dynamodb import errors, store
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Index, Table
from pileus.values.arns import is_arn
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


def check_defined(types: Mapping[str, str], schema: Sequence[Mapping[str, str]]) -> None:
    """Raise unless the attributes of one KeySchema are defined."""
    keys = [element["AttributeName"] for element in schema]
    if not set(keys) <= set(types):
        raise errors.invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: "
            f"[{', '.join(keys)}], AttributeDefinitions: [{', '.join(sorted(types))}]"
        )


def check_table_schema(types: Mapping[str, str], schema: Sequence[Mapping[str, str]]) -> None:
    """The same for a table's own, whose two keys AWS words otherwise."""
    keys = {element["AttributeName"] for element in schema}
    if len(schema) > 1 and not keys <= set(types):
        raise errors.invalid("Invalid KeySchema: Some index key attribute have no definition")
    check_defined(types, schema)


def check_all_used(table: Table) -> None:
    """Raise for defined attributes that are no key of anything."""
    used = used_names(table)
    if set(table.types) == used:
        return
    if not table.indexes:
        raise errors.invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes "
            "defined in AttributeDefinitions"
        )
    raise errors.invalid_parameter(
        "Some AttributeDefinitions are not used. AttributeDefinitions: "
        f"[{', '.join(sorted(table.types))}], keys used: [{', '.join(sorted(used))}]"
    )


def used_names(table: Table) -> set[str]:
    """Attributes that are keys of the table or of an index."""
    used = set(table.key_names)
    for index in table.indexes.values():
        used |= {index.partition, index.sort} - {""}
    return used


def throughput(given: Mapping[str, Any]) -> tuple[int, int]:
    """ProvisionedThroughput as (read, write) units."""
    value = given.get("ProvisionedThroughput") or {}
    return value.get("ReadCapacityUnits", 0), value.get("WriteCapacityUnits", 0)


def index_of(given: Mapping[str, Any], table: Table, *, is_global: bool) -> Index:
    """An index as it is asked for."""
    name = given["IndexName"]
    check_defined(table.types, given["KeySchema"])
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
    if name in table.indexes:
        raise errors.invalid_parameter(f"Duplicate index name: {name}")
    if is_global:
        _check_index_throughput(table, given)
    return Index(
        name=name,
        partition=partition,
        sort=sort,
        is_global=is_global,
        projection=kind,
        included=included,
        throughput=throughput(given),
    )


def _check_index_throughput(table: Table, given: Mapping[str, Any]) -> None:
    is_given = given.get("ProvisionedThroughput") is not None
    if table.billing == "PAY_PER_REQUEST" and is_given:
        raise errors.invalid_parameter(
            f"ProvisionedThroughput should not be specified for index: {given['IndexName']} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if table.billing == "PROVISIONED" and not is_given:
        raise errors.invalid_parameter(
            f"ProvisionedThroughput must be specified for index: {given['IndexName']}"
        )


def add_indexes(table: Table, request: Mapping[str, Any]) -> None:
    """The indexes a new table is asked for."""
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if request.get(member) == []:
            raise errors.invalid_parameter(f"List of {member} is empty")
    local = request.get("LocalSecondaryIndexes") or ()
    global_ = request.get("GlobalSecondaryIndexes") or ()
    if local and not table.sort:
        raise errors.invalid_parameter(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    for given, is_global in [(g, False) for g in local] + [(g, True) for g in global_]:
        index = index_of(given, table, is_global=is_global)
        table.indexes[index.name] = index
    if len(local) > LIMITS.local_indexes_max:
        raise errors.invalid_parameter(
            f"Number of LocalSecondaryIndexes exceeds per-table limit of {LIMITS.local_indexes_max}"
        )
    if len(global_) > LIMITS.global_indexes_max:
        raise errors.invalid_parameter(
            f"GlobalSecondaryIndex count exceeds the per-table limit of {LIMITS.global_indexes_max}"
        )


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
        "KeySchema": key_schema(table.partition, table.sort),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in table.types.items()
        ],
        "ProvisionedThroughput": _throughput(table.throughput),
        "ItemCount": count,
        "TableSizeBytes": _size_bytes(call, table, count),
        "DeletionProtectionEnabled": table.is_protected,
    }
    if table.stream:
        shown["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": table.stream_view,
        }
    if table.latest_stream:
        shown["LatestStreamLabel"] = table.latest_stream
        shown["LatestStreamArn"] = f"{arn}/stream/{table.latest_stream}"
    if table.billing == "PAY_PER_REQUEST":
        shown["BillingModeSummary"] = {
            "BillingMode": table.billing,
            "LastUpdateToPayPerRequestDateTime": utc(table.created_ms),
        }
    if table.encryption.get("Enabled"):
        shown["SSEDescription"] = _encryption(call, table)
    if table.table_class != "STANDARD":
        shown["TableClassSummary"] = {"TableClass": table.table_class}
    for name, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        indexes = [i for i in table.indexes.values() if i.is_global is is_global]
        if indexes:
            shown[name] = [_index(call, table, index, arn) for index in indexes]
    return shown


def _encryption(call: ReadCall, table: Table) -> dict[str, str]:
    key = table.encryption.get("KMSMasterKeyId") or "alias/aws/dynamodb"
    if not is_arn(key):
        resource = key if key.startswith("alias/") else f"key/{key}"
        key = call.arn(resource, "kms")
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}


def key_schema(partition: str, sort: str) -> list[dict[str, str]]:
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
        "KeySchema": key_schema(index.partition, index.sort),
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
