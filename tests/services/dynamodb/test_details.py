"""What DynamoDB refuses and shows, sentence by sentence as AWS was seen to."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

INVALID = "One or more parameter values were invalid: "
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/"
NOT_SCHEMA = "The provided key element does not match the schema"
ALL = {"ProjectionType": "ALL"}


def _types(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def _schema(partition: str, sort: str = "") -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else schema


def _index(name: str, partition: str, sort: str = "", **more: Any) -> dict[str, Any]:
    schema = _schema(partition, sort)
    return {"IndexName": name, "KeySchema": schema, "Projection": ALL, **more}


def _key(pk: str, sk: int = 1) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}}


@pytest.fixture
async def table(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Table ``tab`` with keys pk and sk, global index ``gsi`` by g, local index ``lsi`` by at."""
    await memory_platform(
        "dynamodb",
        "CreateTable",
        TableName="tab",
        KeySchema=_schema("pk", "sk"),
        AttributeDefinitions=_types(pk="S", sk="N", g="S", at="S"),
        GlobalSecondaryIndexes=[_index("gsi", "g")],
        LocalSecondaryIndexes=[
            _index("lsi", "pk", "at", Projection={"ProjectionType": "KEYS_ONLY"})
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return memory_platform


async def _refusal(platform: MemoryPlatform, operation: str, **given: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await platform("dynamodb", operation, **given)
    return caught.value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TableName": "ab"}, "TableName must be at least 3 characters long and at most 255 characters long"),
        ({"TableName": "a b"}, "1 validation error detected: Value 'a b' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ({"AttributeDefinitions": _types(a="S", b="N")}, f"{INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"),
        ({"KeySchema": _schema("a", "b")}, "Invalid KeySchema: Some index key attribute have no definition"),
        ({"AttributeDefinitions": _types(b="S")}, f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [a], AttributeDefinitions: [b]"),
        ({"KeySchema": _schema("a", "a")}, "Both the Hash Key and the Range Key element in the KeySchema have the same name"),
        ({"KeySchema": [{"AttributeName": "a", "KeyType": "RANGE"}]}, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        ({"GlobalSecondaryIndexes": []}, f"{INVALID}List of GlobalSecondaryIndexes is empty"),
        ({"LocalSecondaryIndexes": []}, f"{INVALID}List of LocalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": [_index("idx", "u")]}, f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [u], AttributeDefinitions: [a]"),
        ({"GlobalSecondaryIndexes": [_index("idx", "u")], "AttributeDefinitions": _types(z="N", u="S", a="S")}, f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [a, u, z], keys used: [a, u]"),
        ({"GlobalSecondaryIndexes": [_index("idx", "a", Projection={})]}, f"{INVALID}Unknown ProjectionType: null"),
        ({"GlobalSecondaryIndexes": [_index("idx", "a", Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["b"]})]}, f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified"),
        ({"GlobalSecondaryIndexes": [_index("idx", "a")] * 2}, f"{INVALID}Duplicate index name: idx"),
        ({"GlobalSecondaryIndexes": [_index("idx", "a", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})]}, f"{INVALID}ProvisionedThroughput should not be specified for index: idx when BillingMode is PAY_PER_REQUEST"),
        ({"GlobalSecondaryIndexes": [_index(f"idx{n}", "a") for n in range(21)]}, f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20"),
        ({"LocalSecondaryIndexes": [_index("idx", "a")]}, f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"),
        ({"BillingMode": "PROVISIONED"}, f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}, f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
        ({"StreamSpecification": {"StreamEnabled": True}}, "One or more parameter values were invalid: Table is being created with a stream enabled, UpdateViewType is required"),
        ({"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}}, "One or more parameter values were invalid: Table is being created with a stream disabled, UpdateViewType should not be specified"),
    ],
)  # fmt: skip
async def test_tables_that_are_not_made(
    memory_platform: MemoryPlatform, given: dict[str, Any], message: str
) -> None:
    whole = {"TableName": "made", "KeySchema": _schema("a"), "BillingMode": "PAY_PER_REQUEST"}
    whole["AttributeDefinitions"] = _types(a="S")
    error = await _refusal(memory_platform, "CreateTable", **{**whole, **given})
    assert (error.code, error.message) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("PutItem", {"Item": {**_key("a"), "g": {"S": ""}}}, "ValidationException", "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: gsi, IndexKey: g"),
        ("PutItem", {"Item": {**_key("a"), "g": {"N": "1"}}}, "ValidationException", f"{INVALID}Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"),
        ("UpdateItem", {"Key": _key("a"), "UpdateExpression": "SET g = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}, "ValidationException", "The update expression attempted to update the secondary index key to unsupported type"),
        ("UpdateItem", {"Key": _key("a"), "UpdateExpression": "SET g = :v", "ExpressionAttributeValues": {":v": {"S": ""}}}, "ValidationException", "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}, "ExclusiveStartKey": {"pk": {"S": "a"}}}, "ValidationException", f"The provided starting key is invalid: {NOT_SCHEMA}"),
        ("Query", {"IndexName": "gsi", "KeyConditionExpression": "g = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}, "ExclusiveStartKey": _key("a")}, "ValidationException", "The provided starting key is invalid"),
        ("UpdateTable", {}, "ValidationException", "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"),
        ("UpdateTable", {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "gsi"}}, {"Create": _index("new", "pk")}]}, "LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"),
        ("UpdateTable", {"GlobalSecondaryIndexUpdates": [{"Create": _index("gsi", "pk")}]}, "ValidationException", "Attempting to create an index which already exists"),
        ("UpdateTable", {"GlobalSecondaryIndexUpdates": [{"Create": _index("new", "pk")}], "DeletionProtectionEnabled": True}, "ValidationException", "DeletionProtection modification must be the only operation in the request"),
        ("UpdateTable", {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "none"}}]}, "ResourceNotFoundException", "Requested resource not found"),
        ("UpdateTimeToLive", {"TimeToLiveSpecification": {"Enabled": False, "AttributeName": "t"}}, "ValidationException", "TimeToLive is already disabled"),
    ],
)  # fmt: skip
async def test_refusals(
    table: MemoryPlatform, operation: str, given: dict[str, Any], code: str, message: str
) -> None:
    error = await _refusal(table, operation, TableName="tab", **given)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("writes", "message"),
    [
        ([{}], "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ([{"PutRequest": {"Item": _key("a")}, "DeleteRequest": {"Key": _key("a")}}], "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"),
        ([{"PutRequest": {"Item": {"pk": {"S": "a"}}}}], NOT_SCHEMA),
        ([{"PutRequest": {"Item": _key("a")}}, {"DeleteRequest": {"Key": _key("a")}}], "Provided list of item keys contains duplicates"),
        ([], "1 validation error detected: Value '{tab=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"),
    ],
)  # fmt: skip
async def test_batches_that_are_not_written(
    table: MemoryPlatform, writes: list[dict[str, Any]], message: str
) -> None:
    error = await _refusal(table, "BatchWriteItem", RequestItems={"tab": writes})
    assert (error.code, error.message) == ("ValidationException", message)


async def test_capacity_is_told_by_index(table: MemoryPlatform) -> None:
    async def put(**more: Any) -> dict[str, Any]:
        given = {"TableName": "tab", "Item": {**_key("a"), **more}}
        given["ReturnConsumedCapacity"] = "INDEXES"
        output = await table("dynamodb", "PutItem", **given)
        return dict(output["ConsumedCapacity"])

    one = {"CapacityUnits": 1.0}
    first = await put(g={"S": "x"}, at={"S": "1"})
    assert first == {
        "TableName": "tab",
        "CapacityUnits": 3.0,
        "Table": one,
        "LocalSecondaryIndexes": {"lsi": one},
        "GlobalSecondaryIndexes": {"gsi": one},
    }
    # The local index holds keys only, so that nothing of it changed.
    assert "LocalSecondaryIndexes" not in await put(g={"S": "x"}, at={"S": "1"}, n={"N": "1"})
    # Another key moves the entry: deleted there, put here.
    moved = await put(g={"S": "y"}, at={"S": "1"}, n={"N": "1"})
    assert moved["GlobalSecondaryIndexes"] == {"gsi": {"CapacityUnits": 2.0}}


async def test_reading_an_index_costs_the_index(table: MemoryPlatform) -> None:
    output = await table(
        "dynamodb",
        "Query",
        TableName="tab",
        IndexName="gsi",
        KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": {"S": "x"}},
        ReturnConsumedCapacity="INDEXES",
    )
    assert output["ConsumedCapacity"] == {
        "TableName": "tab",
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"gsi": {"CapacityUnits": 0.5}},
    }


async def test_collections_are_measured_where_there_are_local_indexes(
    table: MemoryPlatform,
) -> None:
    given = {"TableName": "tab", "Item": _key("a"), "ReturnItemCollectionMetrics": "SIZE"}
    output = await table("dynamodb", "PutItem", **given)
    metrics = {"ItemCollectionKey": {"pk": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    assert output == {"ItemCollectionMetrics": metrics}
    writes = [{"PutRequest": {"Item": _key("a", n)}} for n in range(3)]
    output = await table(
        "dynamodb",
        "BatchWriteItem",
        RequestItems={"tab": writes},
        ReturnItemCollectionMetrics="SIZE",
    )
    assert output["ItemCollectionMetrics"] == {"tab": [metrics]}


async def test_local_index_fetches_what_it_does_not_hold(table: MemoryPlatform) -> None:
    item = {**_key("a"), "at": {"S": "1"}, "n": {"N": "5"}}
    await table("dynamodb", "PutItem", TableName="tab", Item=item)

    async def first(**more: Any) -> dict[str, Any]:
        output = await table(
            "dynamodb",
            "Query",
            TableName="tab",
            IndexName="lsi",
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "a"}},
            **more,
        )
        return dict(output["Items"][0])

    assert "n" not in await first()
    assert await first(Select="ALL_ATTRIBUTES") == item
    assert await first(ProjectionExpression="n") == {"n": {"N": "5"}}


async def test_a_new_index_passes_over_what_does_not_fit(table: MemoryPlatform) -> None:
    for number, colour in enumerate(({"S": "red"}, {"N": "7"}, {"S": ""})):
        item = {**_key("a", number), "colour": colour}
        await table("dynamodb", "PutItem", TableName="tab", Item=item)
    await table(
        "dynamodb",
        "UpdateTable",
        TableName="tab",
        AttributeDefinitions=_types(colour="S"),
        GlobalSecondaryIndexUpdates=[{"Create": _index("by-colour", "colour")}],
    )
    await table.clock.advance(10)
    output = await table("dynamodb", "Scan", TableName="tab", IndexName="by-colour")
    assert [item["colour"] for item in output["Items"]] == [{"S": "red"}]


async def _reasons(platform: MemoryPlatform, *actions: dict[str, Any]) -> list[dict[str, Any]]:
    error = await _refusal(platform, "TransactWriteItems", TransactItems=list(actions))
    assert error.code == "TransactionCanceledException", error
    reasons: list[dict[str, Any]] = error.fields["CancellationReasons"]
    return reasons


async def test_transactions_tell_the_reason_of_each_action(table: MemoryPlatform) -> None:
    good = {"Put": {"TableName": "tab", "Item": _key("good")}}
    keyless = {"Put": {"TableName": "tab", "Item": {"pk": {"S": "a"}}}}
    assert await _reasons(table, good, keyless) == [
        {"Code": "None"},
        {"Code": "ValidationError", "Message": f"{INVALID}Missing the key sk in the item"},
    ]
    mistyped = {
        "TableName": "tab",
        "Key": _key("a"),
        "UpdateExpression": "SET g = :v",
        "ExpressionAttributeValues": {":v": {"N": "5"}},
    }
    assert await _reasons(table, {"Update": mistyped}) == [
        {
            "Code": "ValidationError",
            "Message": f"{INVALID}Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
        }
    ]
    check = {"TableName": "tab", "Key": _key("a"), "ConditionExpression": "attribute_exists(pk)"}
    assert await _reasons(table, {"ConditionCheck": check}) == [
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    ]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"Put": {"TableName": "tab", "Item": {**_key("a"), "g": {"S": ""}}}}, "IndexName: gsi, IndexKey: g"),
        ({"Update": {"TableName": "tab", "Key": _key("a"), "UpdateExpression": "SET"}}, "Invalid UpdateExpression: "),
        ({"Put": {"TableName": "tab", "Item": _key("a"), "ConditionExpression": "pk = :x"}}, "Invalid ConditionExpression: "),
        ({"Put": {"TableName": "tab", "Item": {**_key("a"), "s": {"SS": []}}}}, "may not be empty"),
    ],
)  # fmt: skip
async def test_transactions_that_are_no_requests(
    table: MemoryPlatform, action: dict[str, Any], message: str
) -> None:
    error = await _refusal(table, "TransactWriteItems", TransactItems=[action])
    assert error.code == "ValidationException"
    assert message in error.message


async def test_transactions_are_at_most_four_megabytes(table: MemoryPlatform) -> None:
    large = {"S": "x" * 390_000}
    actions = [
        {"Put": {"TableName": "tab", "Item": {**_key("a", n), "large": large}}} for n in range(11)
    ]
    error = await _refusal(table, "TransactWriteItems", TransactItems=actions)
    assert error.code == "ValidationException"
    assert (await table("dynamodb", "Scan", TableName="tab", Select="COUNT"))["Count"] == 0


async def test_a_token_is_for_one_transaction(table: MemoryPlatform) -> None:
    for pk, is_same in (("a", True), ("a", True), ("b", False)):
        actions = [{"Put": {"TableName": "tab", "Item": _key(pk)}}]
        given = {"TransactItems": actions, "ClientRequestToken": "token"}
        if is_same:
            await table("dynamodb", "TransactWriteItems", **given)
        else:
            error = await _refusal(table, "TransactWriteItems", **given)
            assert error.code == "IdempotentParameterMismatchException"


async def test_a_token_is_known_for_ten_minutes(table: MemoryPlatform) -> None:
    async def add(expected: str) -> None:
        update = {
            "TableName": "tab",
            "Key": _key("a"),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        given = {"TransactItems": [{"Update": update}], "ClientRequestToken": "token"}
        await table("dynamodb", "TransactWriteItems", **given)
        got = await table("dynamodb", "GetItem", TableName="tab", Key=_key("a"))
        assert got["Item"]["n"] == {"N": expected}

    await add("1")
    await add("1")
    await table.clock.advance(600_000)
    await add("2")
    await table.clock.advance(1_000)
    await add("2")
    await add("2")


async def test_transactions_tell_what_they_read_and_wrote(table: MemoryPlatform) -> None:
    wants = {"ReturnConsumedCapacity": "TOTAL"}
    put = [{"Put": {"TableName": "tab", "Item": _key("a")}}]
    output = await table("dynamodb", "TransactWriteItems", TransactItems=put, **wants)
    assert output["ConsumedCapacity"] == [
        {"TableName": "tab", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}
    ]
    get = [{"Get": {"TableName": "tab", "Key": _key(pk)}} for pk in ("a", "none")]
    output = await table("dynamodb", "TransactGetItems", TransactItems=get, **wants)
    assert output["Responses"] == [{"Item": _key("a")}, {}]
    assert output["ConsumedCapacity"] == [
        {"TableName": "tab", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    ]


async def test_a_table_answers_to_its_arn(table: MemoryPlatform) -> None:
    await table("dynamodb", "PutItem", TableName=f"{ARN}tab", Item=_key("a"))
    output = await table("dynamodb", "GetItem", TableName="tab", Key=_key("a"))
    assert output["Item"] == _key("a")


async def test_time_to_live_is_by_one_attribute(table: MemoryPlatform) -> None:
    on = {"Enabled": True, "AttributeName": "until"}
    await table("dynamodb", "UpdateTimeToLive", TableName="tab", TimeToLiveSpecification=on)
    shown = await table("dynamodb", "DescribeTimeToLive", TableName="tab")
    assert shown["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "until",
    }
    other = {**on, "AttributeName": "other"}
    error = await _refusal(
        table, "UpdateTimeToLive", TableName="tab", TimeToLiveSpecification=other
    )
    assert error.message == (
        "TimeToLive is active on a different AttributeName: current AttributeName is until"
    )


async def test_tags_are_of_arns(table: MemoryPlatform) -> None:
    error = await _refusal(table, "ListTagsOfResource", ResourceArn=f"{ARN}none")
    assert error.message == f"Requested resource not found: ResourcArn: {ARN}none not found"
    error = await _refusal(table, "ListTagsOfResource", ResourceArn="tab")
    assert error.message == "Invalid TableArn: Invalid ResourceArn provided as input tab"


async def test_a_protected_table_stays(table: MemoryPlatform) -> None:
    on = {"TableName": "tab", "DeletionProtectionEnabled": True}
    await table("dynamodb", "UpdateTable", **on)
    error = await _refusal(table, "DeleteTable", TableName="tab")
    assert "protected against deletion" in error.message


async def test_recovery_and_encryption_are_shown(table: MemoryPlatform) -> None:
    on = {"PointInTimeRecoveryEnabled": True}
    await table(
        "dynamodb",
        "UpdateContinuousBackups",
        TableName="tab",
        PointInTimeRecoverySpecification=on,
    )
    shown = await table("dynamodb", "DescribeContinuousBackups", TableName="tab")
    recovery = shown["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert {"EarliestRestorableDateTime", "LatestRestorableDateTime"} <= recovery.keys()
    await table("dynamodb", "UpdateTable", TableName="tab", SSESpecification={"Enabled": True})
    described = (await table("dynamodb", "DescribeTable", TableName="tab"))["Table"]
    assert described["SSEDescription"]["Status"] == "ENABLED"


async def test_throughput_must_change(memory_platform: MemoryPlatform) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    await memory_platform(
        "dynamodb",
        "CreateTable",
        TableName="tab",
        KeySchema=_schema("a"),
        AttributeDefinitions=_types(a="S"),
        ProvisionedThroughput=units,
    )
    error = await _refusal(
        memory_platform, "UpdateTable", TableName="tab", ProvisionedThroughput=units
    )
    assert error.message.startswith("The provisioned throughput for the table will not change.")
