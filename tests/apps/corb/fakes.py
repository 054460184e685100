"""As much of four AWS clients as Edifice Corb asks of them, in memory."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Item = dict[str, dict[str, Any]]


class _Failed(Exception):
    """A condition did not hold."""

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(str(response))
        self.response = response


class ConditionalCheckFailed(_Failed):
    """``ConditionalCheckFailedException``."""


class TransactionCanceled(_Failed):
    """``TransactionCanceledException``."""


class FakeDynamoDB:
    """One table with ``owner`` and ``record``; conditions of the two forms the app uses."""

    class exceptions:
        ConditionalCheckFailedException = ConditionalCheckFailed
        TransactionCanceledException = TransactionCanceled

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.before_write: list[Callable[[], None]] = []
        """Run, one before each transaction: another writer that comes in between."""

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        [(table, request)] = RequestItems.items()
        assert request["ConsistentRead"]
        found = [self.items[at] for key in request["Keys"] if (at := _at(key)) in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def put_item(self, **request: Any) -> None:
        if not self._holds(request):
            raise ConditionalCheckFailed({"Error": {"Code": "ConditionalCheckFailedException"}})
        self.items[_at(request["Item"])] = request["Item"]

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:
        if self.before_write:
            self.before_write.pop(0)()
        puts = [one["Put"] for one in TransactItems]
        held = [self._holds(put) for put in puts]
        if not all(held):
            codes = [{"Code": "None" if ok else "ConditionalCheckFailed"} for ok in held]
            raise TransactionCanceled({"CancellationReasons": codes})
        for put in puts:
            self.items[_at(put["Item"])] = put["Item"]

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        first = values.get(":first", {"S": ""})["S"]
        last = values.get(":last", {"S": "\uffff"})["S"]
        found = [
            item
            for (owner, record), item in sorted(self.items.items())
            if owner == values[":owner"]["S"] and first <= record <= last
        ]
        return {"Items": found}

    def update_item(self, **request: Any) -> None:
        item = self.items.setdefault(_at(request["Key"]), dict(request["Key"]))
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        for verb, name, value in re.findall(
            r"(SET|ADD|DELETE) (#\w+)(?: =)? (:\w+)", request["UpdateExpression"]
        ):
            field, operand = names[name], values[value]
            if verb == "SET":
                item[field] = operand
                continue
            held = set(item.get(field, {"SS": []})["SS"])
            held = held | set(operand["SS"]) if verb == "ADD" else held - set(operand["SS"])
            item[field] = {"SS": sorted(held)}
            if not held:
                del item[field]

    def _holds(self, put: dict[str, Any]) -> bool:
        condition = put.get("ConditionExpression")
        if condition is None:
            return True
        names, values = put["ExpressionAttributeNames"], put.get("ExpressionAttributeValues", {})
        item = self.items.get(_at(put["Item"]), {})
        for clause in condition.split(" OR "):
            absent = re.fullmatch(r"attribute_not_exists\((#\w+)\)", clause)
            equal = re.fullmatch(r"(#\w+) = (:\w+)", clause)
            if absent and names[absent[1]] not in item:
                return True
            if equal and item.get(names[equal[1]]) == values[equal[2]]:
                return True
            assert absent or equal, f"the fake does not know {clause!r}"
        return False


def _at(key: Item) -> tuple[str, str]:
    return key["owner"]["S"], key["record"]["S"]


class FakeS3:
    """Objects by (bucket, key)."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[(Bucket, Key)])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        assert ContentType == "application/x-ndjson"
        self.objects[(Bucket, Key)] = Body


class FakeSageMakerRuntime:
    """An endpoint that sees as many persons as ``persons`` says of a picture."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.uint8]] = []
        self.persons: Callable[[NDArray[np.uint8]], int] = lambda _picture: 1

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        assert request["EndpointName"] == "person-detector"
        assert request["ContentType"] == "application/x-npy"
        assert len(request["Body"]) <= 6 << 20
        batch = np.load(io.BytesIO(request["Body"]))
        assert batch.dtype == np.uint8
        assert batch.shape[1:] == (300, 300, 3)
        self.batches.append(batch)
        person = {"box": [0.1, 0.2, 0.3, 0.4], "confidence": 0.5}
        predictions = [[person] * self.persons(picture) for picture in batch]
        return {"Body": io.BytesIO(json.dumps({"predictions": predictions}).encode())}


class FakeSNS:
    """Sent messages in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def publish(self, PhoneNumber: str, Message: str) -> None:
        self.sent.append((PhoneNumber, Message))


class FakeCloud:
    """The four together."""

    def __init__(self) -> None:
        self.s3 = FakeS3()
        self.sagemaker_runtime = FakeSageMakerRuntime()
        self.dynamodb = FakeDynamoDB()
        self.sns = FakeSNS()
