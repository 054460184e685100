"""What the on-failure destination is told of records that were given up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.services.lambda_ import store
from pileus.services.lambda_.measures import DESTINATION, facts_of
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.streams.model import Letter
from pileus.values.arns import Arn
from pileus.values.times import iso8601, utc

_INFO = {
    "kinesis": "KinesisBatchInfo",
    "dynamodb": "DDBStreamBatchInfo",
    "media": "MediaBatchInfo",
}


def tell(call: WriteCall, mapping: Mapping, shard: str, letter: Letter, role: str) -> None:
    """Emit the record of a batch that failed to the mapping's destination, where it has one."""
    if not mapping.on_failure:
        return
    events = orjson.dumps({"Records": [each.event for each in letter.records]}).decode()
    send(call, mapping, _document(call, mapping, shard, letter), (shard, events), role)


def send(
    call: WriteCall,
    mapping: Mapping,
    document: dict[str, Any],
    batch: tuple[str, str],
    role: str,
) -> None:
    """Emit a document to the mapping's destination.

    ``batch`` is where its records come from and what the function was given: a bucket gets both.
    """
    target = Arn.parse(mapping.on_failure)
    if target.service == "s3":
        place, events = batch
        body = orjson.dumps({**document, "payload": events})
        name = _object_name(call, mapping, place)
        service, operation = "s3", "PutObject"
        given: dict[str, Any] = {"Bucket": target.resource, "Key": name, "Body": body}
    else:
        service, operation, given = call_for(mapping.on_failure, orjson.dumps(document).decode())
    call.emit(
        Delivery(
            service=service,
            operation=operation,
            input=given,
            principal=role,
            account=target.account or call.account,
            region=target.region or call.region,
            facts=facts_of(DESTINATION, mapping.function, mapping.qualifier),
        )
    )


def beginning(call: WriteCall, mapping: Mapping, letter: Letter) -> dict[str, Any]:
    """What is told of every kind of source."""
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": letter.request_id,
            "functionArn": store.arn_of(call, mapping.function, mapping.qualifier),
            "condition": letter.condition,
            "approximateInvokeCount": letter.invocations,
        }
    }
    if letter.version:
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": letter.version}
        if letter.function_error:
            response["functionError"] = letter.function_error
        document["responseContext"] = response
    return document


def _document(call: WriteCall, mapping: Mapping, shard: str, letter: Letter) -> dict[str, Any]:
    document = beginning(call, mapping, letter)
    records = letter.records
    document["version"] = "1.0"
    document["timestamp"] = iso8601(call.now_ms)
    document[_INFO[Arn.parse(mapping.source).service]] = {
        "shardId": shard,
        "startSequenceNumber": records[0].sequence,
        "endSequenceNumber": records[-1].sequence,
        "approximateArrivalOfFirstRecord": iso8601(records[0].at_ms),
        "approximateArrivalOfLastRecord": iso8601(records[-1].at_ms),
        "batchSize": len(records),
        "streamArn": mapping.source,
    }
    return document


def _object_name(call: WriteCall, mapping: Mapping, shard: str) -> str:
    now = utc(call.now_ms)
    day, second = now.strftime("%Y/%m/%d"), now.strftime("%Y-%m-%dT%H.%M.%S")
    return f"aws/lambda/{mapping.id}/{shard}/{day}/{second}-{call.new_id()}"
