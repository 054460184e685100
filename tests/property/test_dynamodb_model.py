"""DynamoDB's items against a dictionary: whatever is put, updated and deleted, reads agree.

The model keeps plain Python values; a Query is a sort, an index a filter.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

PARTITIONS = st.sampled_from(["", "a", "b", "é"]).map(lambda text: f"p{text}")
SORTS = st.sampled_from(["-10", "-9.5", "0", "1", "1.5", "2", "10", "100"])
OWNERS = st.sampled_from(["me", "you"])
Key = tuple[str, Decimal]


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def _wire_key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"N": sk}}


def _model_key(item: dict[str, Any]) -> Key:
    return item["pk"]["S"], Decimal(item["sk"]["N"])


class Items(RuleBasedStateMachine):
    """Table ``tab`` by pk and sk, with a global index by owner and sk."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model: dict[Key, dict[str, Any]] = {}

    def _ask(self, operation: str, **given: Any) -> dict[str, Any]:
        given = {"TableName": "tab", **given}
        return self.loop.run_until_complete(self.platform("dynamodb", operation, **given))

    @initialize()
    def start(self) -> None:
        self.platform = self.loop.run_until_complete(MemoryPlatform.start())
        self._ask(
            "CreateTable",
            KeySchema=_schema("pk", "sk"),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in {"pk": "S", "sk": "N", "owner": "S"}.items()
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-owner",
                    "KeySchema": _schema("owner", "sk"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def teardown(self) -> None:
        self.loop.run_until_complete(self.platform.crash())
        self.loop.close()

    @rule(pk=PARTITIONS, sk=SORTS, owner=st.none() | OWNERS)
    def put(self, pk: str, sk: str, owner: str | None) -> None:
        item = _wire_key(pk, sk)
        if owner is not None:
            item["owner"] = {"S": owner}
        output = self._ask("PutItem", Item=item, ReturnValues="ALL_OLD")
        assert output.get("Attributes") == self.model.get(_model_key(item))
        self.model[_model_key(item)] = item

    @rule(pk=PARTITIONS, sk=SORTS)
    def put_unless_there(self, pk: str, sk: str) -> None:
        item = _wire_key(pk, sk)
        try:
            self._ask("PutItem", Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ServiceError as error:
            assert error.code == "ConditionalCheckFailedException"
            assert _model_key(item) in self.model
        else:
            assert _model_key(item) not in self.model
            self.model[_model_key(item)] = item

    @rule(pk=PARTITIONS, sk=SORTS, by=st.integers(-3, 3))
    def count(self, pk: str, sk: str, by: int) -> None:
        key = _wire_key(pk, sk)
        output = self._ask(
            "UpdateItem",
            Key=key,
            UpdateExpression="ADD n :by",
            ExpressionAttributeValues={":by": {"N": str(by)}},
            ReturnValues="ALL_NEW",
        )
        old = self.model.get(_model_key(key), key)
        number = int(old.get("n", {"N": "0"})["N"]) + by
        self.model[_model_key(key)] = {**old, "n": {"N": str(number)}}
        assert output["Attributes"] == self.model[_model_key(key)]

    @rule(pk=PARTITIONS, sk=SORTS)
    def disown(self, pk: str, sk: str) -> None:
        key = _wire_key(pk, sk)
        self._ask("UpdateItem", Key=key, UpdateExpression="REMOVE #o", ExpressionAttributeNames={"#o": "owner"})  # fmt: skip
        old = self.model.get(_model_key(key), key)
        self.model[_model_key(key)] = {n: v for n, v in old.items() if n != "owner"}

    @rule(pk=PARTITIONS, sk=SORTS)
    def delete(self, pk: str, sk: str) -> None:
        key = _wire_key(pk, sk)
        output = self._ask("DeleteItem", Key=key, ReturnValues="ALL_OLD")
        assert output.get("Attributes") == self.model.pop(_model_key(key), None)

    @rule(first=st.tuples(PARTITIONS, SORTS), second=st.tuples(PARTITIONS, SORTS))
    def swap_in_a_transaction(self, first: tuple[str, str], second: tuple[str, str]) -> None:
        """Delete one and put another, if the one is there; neither otherwise."""
        if first == second:
            return
        gone, new = _wire_key(*first), _wire_key(*second)
        delete = {"TableName": "tab", "Key": gone, "ConditionExpression": "attribute_exists(pk)"}
        actions = [{"Put": {"TableName": "tab", "Item": new}}, {"Delete": delete}]
        try:
            self._ask("TransactWriteItems", TransactItems=actions)
        except ServiceError as error:
            assert error.message.endswith("[None, ConditionalCheckFailed]")
            assert _model_key(gone) not in self.model
        else:
            del self.model[_model_key(gone)]
            self.model[_model_key(new)] = new

    @rule(pk=PARTITIONS, low=SORTS, is_forward=st.booleans(), limit=st.integers(1, 4))
    def query_by_pages(self, pk: str, low: str, is_forward: bool, limit: int) -> None:
        found = self._pages(
            KeyConditionExpression="pk = :p AND sk >= :low",
            ExpressionAttributeValues={":p": {"S": pk}, ":low": {"N": low}},
            ScanIndexForward=is_forward,
            Limit=limit,
        )
        keys = [key for key in self.model if key[0] == pk and key[1] >= Decimal(low)]
        assert found == [self.model[key] for key in sorted(keys, reverse=not is_forward)]

    @rule(owner=OWNERS, limit=st.integers(1, 4))
    def query_the_index_by_pages(self, owner: str, limit: int) -> None:
        found = self._pages(
            IndexName="by-owner",
            KeyConditionExpression="#o = :o",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":o": {"S": owner}},
            Limit=limit,
        )
        numbers = [Decimal(item["sk"]["N"]) for item in found]
        assert numbers == sorted(numbers)
        owned = {k: v for k, v in self.model.items() if v.get("owner") == {"S": owner}}
        assert {_model_key(item): item for item in found} == owned
        assert len(found) == len(owned)

    def _pages(self, **given: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            output = self._ask("Query", **given, **start)
            assert output["Count"] == len(output["Items"]) <= given["Limit"]
            found += output["Items"]
            if "LastEvaluatedKey" not in output:
                return found
            start = {"ExclusiveStartKey": output["LastEvaluatedKey"]}

    @invariant()
    def a_scan_shows_everything(self) -> None:
        if not hasattr(self, "platform"):
            return
        output = self._ask("Scan")
        assert {_model_key(item): item for item in output["Items"]} == self.model
        assert output["Count"] == len(self.model)


TestItems = Items.TestCase
TestItems.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)
