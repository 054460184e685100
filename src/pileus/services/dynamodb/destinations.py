"""Changes of a table's items on their way to a Kinesis data stream.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

from __future__ import annotations

import base64
import hashlib

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.languages.dynamodb.attribute_values import order_key
from pileus.services.dynamodb.model import Change, Destination, Table
from pileus.values.arns import Arn

EXPIRER = "dynamodb.amazonaws.com"
"""Who removes what has expired."""
_PRINCIPAL = "service:dynamodb.amazonaws.com"


def forward(call: WriteCall, table: Table, change: Change) -> None:
    """Emit the change to the active destinations; one item's changes keep their order."""
    for destination in table.destinations:
        if destination.is_active:
            call.emit(_delivery(call, table, change, destination))


def _delivery(call: WriteCall, table: Table, change: Change, destination: Destination) -> Delivery:
    digest = hashlib.md5(usedforsecurity=False)
    for name in table.key_names:
        digest.update(order_key(change.keys[name]))
    key, arn = digest.hexdigest(), Arn.parse(destination.arn)
    text = _record(call, table, change, destination)
    service, operation, given = call_for(destination.arn, text, PartitionKey=key)
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=_PRINCIPAL,
        ordering_key=f"{destination.arn}/{table.name}/{key}",
        account=arn.account,
        region=arn.region,
    )


def _record(call: WriteCall, table: Table, change: Change, destination: Destination) -> str:
    """The JSON text of a change; binary values in base64."""
    is_fine = destination.precision == "MICROSECOND"
    told = {
        "ApproximateCreationDateTime": change.at_ms * 1000 if is_fine else change.at_ms,
        "Keys": change.keys,
        **({"NewImage": change.new} if change.new is not None else {}),
        **({"OldImage": change.old} if change.old is not None else {}),
        "SizeBytes": change.size_bytes,
        "ApproximateCreationDateTimePrecision": destination.precision,
    }
    identity = {"type": "Service", "principalId": EXPIRER} if change.is_expiry else None
    record = {
        "awsRegion": call.region,
        "eventID": call.new_id(),
        "eventName": change.kind,
        "userIdentity": identity,
        "recordFormat": "application/json",
        "tableName": table.name,
        "dynamodb": told,
        "eventSource": "aws:dynamodb",
    }
    return orjson.dumps(record, default=_base64).decode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
