"""Items: conditions, updates, projections, queries, scans, batches and transactions."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


@pytest.fixture
async def table(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Table ``tab`` with keys pk (S), sk (N), a global index by ``who`` and a local one by ``at``."""
    await memory_platform(
        "dynamodb",
        "CreateTable",
        TableName="tab",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "who", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-who",
                "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-at",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return memory_platform


def _key(pk: str, sk: int | float | str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}}


async def _put(platform: MemoryPlatform, pk: str, sk: Any, **more: Any) -> dict[str, Any]:
    return await platform("dynamodb", "PutItem", TableName="tab", Item={**_key(pk, sk), **more})


async def test_put_get_delete(table: MemoryPlatform) -> None:
    await _put(table, "a", "1.0", raw={"B": b"\x00\xff"})
    got = await table("dynamodb", "GetItem", TableName="tab", Key=_key("a", 1))
    assert got["Item"] == {**_key("a", 1), "raw": {"B": b"\x00\xff"}}
    old = await table(
        "dynamodb", "DeleteItem", TableName="tab", Key=_key("a", 1), ReturnValues="ALL_OLD"
    )
    assert old["Attributes"]["pk"] == {"S": "a"}
    assert await table("dynamodb", "GetItem", TableName="tab", Key=_key("a", 1)) == {}


async def test_condition_guards_a_put(table: MemoryPlatform) -> None:
    await _put(table, "a", 1)
    given = {"Item": _key("a", 1), "ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(ServiceError) as caught:
        await table(
            "dynamodb",
            "PutItem",
            TableName="tab",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **given,
        )
    assert caught.value.code == "ConditionalCheckFailedException"
    assert caught.value.fields["Item"] == _key("a", 1)


async def test_update_makes_and_counts(table: MemoryPlatform) -> None:
    for expected in ("1", "2"):
        output = await table(
            "dynamodb",
            "UpdateItem",
            TableName="tab",
            Key=_key("a", 1),
            UpdateExpression="ADD #n :one",
            ExpressionAttributeNames={"#n": "count"},
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        assert output["Attributes"] == {"count": {"N": expected}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sk = :a", ["3"]),
        ("sk < :a", ["-5", "1"]),
        ("sk <= :a", ["-5", "1", "3"]),
        ("sk > :a", ["10"]),
        ("sk >= :a", ["3", "10"]),
        ("sk BETWEEN :b AND :a", ["1", "3"]),
    ],
)
async def test_query_by_sort_key(
    table: MemoryPlatform, condition: str, expected: list[str]
) -> None:
    for sk in (10, 3, 1, -5):
        await _put(table, "a", sk)
    await _put(table, "b", 2)
    values = {":p": {"S": "a"}, ":a": {"N": "3"}}
    if ":b" in condition:
        values[":b"] = {"N": "1"}
    output = await table(
        "dynamodb",
        "Query",
        TableName="tab",
        KeyConditionExpression=f"pk = :p AND {condition}",
        ExpressionAttributeValues=values,
    )
    assert [item["sk"]["N"] for item in output["Items"]] == expected


@pytest.mark.parametrize("is_forward", [True, False])
async def test_pages_meet_without_gap(table: MemoryPlatform, is_forward: bool) -> None:
    for sk in range(7):
        await _put(table, "a", sk)
    got: list[str] = []
    start: dict[str, Any] = {}
    while True:
        output = await table(
            "dynamodb",
            "Query",
            TableName="tab",
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "a"}},
            Limit=3,
            ScanIndexForward=is_forward,
            **start,
        )
        got += [item["sk"]["N"] for item in output["Items"]]
        if "LastEvaluatedKey" not in output:
            break
        start = {"ExclusiveStartKey": output["LastEvaluatedKey"]}
    assert got == [str(n) for n in (range(7) if is_forward else reversed(range(7)))]


async def test_indexes_follow_their_items(table: MemoryPlatform) -> None:
    await _put(table, "a", 1, who={"S": "me"}, at={"S": "2026-02"}, more={"S": "x"})
    await _put(table, "a", 2, at={"S": "2026-01"})
    query = {"ExpressionAttributeValues": {":w": {"S": "me"}}, "KeyConditionExpression": "who = :w"}
    found = await table("dynamodb", "Query", TableName="tab", IndexName="by-who", **query)
    assert found["Items"] == [{**_key("a", 1), "who": {"S": "me"}}]
    local = await table(
        "dynamodb",
        "Query",
        TableName="tab",
        IndexName="by-at",
        KeyConditionExpression="pk = :p AND begins_with(#at, :y)",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={":p": {"S": "a"}, ":y": {"S": "2026"}},
    )
    assert [item["sk"]["N"] for item in local["Items"]] == ["2", "1"]
    await _put(table, "a", 1)
    found = await table("dynamodb", "Query", TableName="tab", IndexName="by-who", **query)
    assert found["Items"] == []


async def test_new_index_is_filled(table: MemoryPlatform) -> None:
    await _put(table, "a", 1, colour={"S": "red"})
    await table(
        "dynamodb",
        "UpdateTable",
        TableName="tab",
        AttributeDefinitions=[{"AttributeName": "colour", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-colour",
                    "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    await table.clock.advance(10)
    found = await table(
        "dynamodb",
        "Query",
        TableName="tab",
        IndexName="by-colour",
        KeyConditionExpression="colour = :c",
        ExpressionAttributeValues={":c": {"S": "red"}},
    )
    assert found["Count"] == 1


async def test_segments_of_a_scan_make_the_whole(table: MemoryPlatform) -> None:
    for number in range(20):
        await _put(table, f"p{number}", 1)
    got: list[str] = []
    for segment in range(3):
        output = await table("dynamodb", "Scan", TableName="tab", Segment=segment, TotalSegments=3)
        got += [item["pk"]["S"] for item in output["Items"]]
    assert sorted(got) == sorted(f"p{number}" for number in range(20))


async def test_filter_counts_what_it_looked_at(table: MemoryPlatform) -> None:
    for sk in range(5):
        await _put(table, "a", sk, n={"N": str(sk)})
    output = await table(
        "dynamodb",
        "Scan",
        TableName="tab",
        FilterExpression="n > :n",
        ExpressionAttributeValues={":n": {"N": "2"}},
        ProjectionExpression="n",
    )
    assert output["Count"] == 2
    assert output["ScannedCount"] == 5
    assert output["Items"] == [{"n": {"N": "3"}}, {"n": {"N": "4"}}]


async def test_batches(table: MemoryPlatform) -> None:
    writes = [{"PutRequest": {"Item": _key("a", n)}} for n in range(3)]
    await table("dynamodb", "BatchWriteItem", RequestItems={"tab": writes})
    output = await table(
        "dynamodb",
        "BatchGetItem",
        RequestItems={"tab": {"Keys": [_key("a", 0), _key("a", 2), _key("a", 9)]}},
    )
    assert len(output["Responses"]["tab"]) == 2
    assert output["UnprocessedKeys"] == {}


async def test_transaction_is_all_or_nothing(table: MemoryPlatform) -> None:
    await _put(table, "taken", 1)
    unless_there = {"TableName": "tab", "ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(ServiceError) as caught:
        await table(
            "dynamodb",
            "TransactWriteItems",
            TransactItems=[
                {"Put": {**unless_there, "Item": _key("new", 1)}},
                {"Put": {**unless_there, "Item": _key("taken", 1)}},
            ],
        )
    assert caught.value.message.endswith("[None, ConditionalCheckFailed]")
    assert await table("dynamodb", "GetItem", TableName="tab", Key=_key("new", 1)) == {}


async def test_transaction_token_acts_once(table: MemoryPlatform) -> None:
    add = {
        "TableName": "tab",
        "Key": _key("a", 1),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        await table(
            "dynamodb",
            "TransactWriteItems",
            TransactItems=[{"Update": add}],
            ClientRequestToken="again",
        )
    got = await table("dynamodb", "GetItem", TableName="tab", Key=_key("a", 1))
    assert got["Item"]["n"] == {"N": "1"}


async def test_expired_items_go(table: MemoryPlatform) -> None:
    soon_s = table.clock.now_ms() // 1000 + 30
    await _put(table, "a", 1, ttl={"N": str(soon_s)})
    await table(
        "dynamodb",
        "UpdateTimeToLive",
        TableName="tab",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"},
    )
    await _put(table, "a", 2, ttl={"N": str(soon_s + 10_000)})
    await table.clock.advance(130_000)
    output = await table("dynamodb", "Scan", TableName="tab")
    assert [item["sk"]["N"] for item in output["Items"]] == ["2"]


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("GetItem", {"TableName": "none", "Key": _key("a", 1)}, "ResourceNotFoundException", "Requested resource not found"),
        ("DescribeTable", {"TableName": "none"}, "ResourceNotFoundException", "Table: none not found"),
        ("PutItem", {"TableName": "tab", "Item": {"pk": {"S": "a"}}}, "ValidationException", "Missing the key sk in the item"),
        ("PutItem", {"TableName": "tab", "Item": {"pk": {"N": "1"}, "sk": {"N": "1"}}}, "ValidationException", "Type mismatch for key pk expected: S actual: N"),
        ("GetItem", {"TableName": "tab", "Key": {"pk": {"S": "a"}}}, "ValidationException", "The provided key element does not match the schema"),
        ("Query", {"TableName": "tab"}, "ValidationException", "Either the KeyConditions or KeyConditionExpression"),
        ("Query", {"TableName": "tab", "IndexName": "none", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}, "ValidationException", "does not have the specified index: none"),
        ("UpdateItem", {"TableName": "tab", "Key": _key("a", 1), "UpdateExpression": "SET pk = :p", "ExpressionAttributeValues": {":p": {"S": "b"}}}, "ValidationException", "Cannot update attribute pk. This attribute is part of the key"),
        ("Query", {"TableName": "tab", "KeyConditionExpression": "pk = :p", "FilterExpression": "sk > :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}, "ValidationException", "Filter Expression can only contain non-primary key attributes"),
    ],
)  # fmt: skip
async def test_refusals(
    table: MemoryPlatform, operation: str, given: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await table("dynamodb", operation, **given)
    assert caught.value.code == code
    assert message in caught.value.message
