"""Kinesis data streams that a table's changes are sent to.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingDestination.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.dynamodb import errors, store
from pileus.services.dynamodb.model import Destination, Table


async def _find_stream(call: StreamCall, request: Mapping[str, Any]) -> None:
    """Raise ResourceNotFoundException unless the data stream is there."""
    arn = request["StreamArn"]
    if ":kinesis:" not in arn or ":stream/" not in arn:
        raise errors.invalid(f"Invalid StreamArn: {arn}")
    await call.invoke("kinesis", "DescribeStreamSummary", {"StreamARN": arn})


@write(prepare=_find_stream)
def enable_kinesis_streaming_destination(
    call: WriteCall, request: Mapping[str, Any], _: None
) -> dict[str, Any]:
    """Send changes from now on; it is active at once."""
    table, arn = _table(call, request), request["StreamArn"]
    found = _destination(table, arn)
    if any(each.is_active for each in table.destinations):
        raise errors.invalid(
            "Table is not in a valid state to enable Kinesis Streaming Destination: "
            "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform "
            "ENABLE operation."
        )
    given = request.get("EnableKinesisStreamingConfiguration") or {}
    if found is None:
        found = Destination(arn=arn)
        table.destinations.append(found)
    found.is_active = True
    found.precision = given.get("ApproximateCreationDateTimePrecision") or "MILLISECOND"
    store.put_table(call.state, table)
    return _answer(table, found, "ENABLING", "EnableKinesisStreamingConfiguration")


@write
def disable_kinesis_streaming_destination(
    call: WriteCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Send no changes from now on."""
    table = _table(call, request)
    found = _active(table, request["StreamArn"], "disable", "DISABLE")
    found.is_active = False
    store.put_table(call.state, table)
    return _answer(table, found, "DISABLING", "EnableKinesisStreamingConfiguration")


@write
def update_kinesis_streaming_destination(
    call: WriteCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell times more or less precisely from now on."""
    table = _table(call, request)
    found = _active(table, request["StreamArn"], "update", "UPDATE")
    given = request.get("UpdateKinesisStreamingConfiguration") or {}
    precision = given.get("ApproximateCreationDateTimePrecision")
    if not precision:
        raise errors.invalid_parameter("UpdateKinesisStreamingConfiguration must be specified")
    if precision == found.precision:
        raise errors.invalid(
            f"Invalid Request: Precision is already set to the desired value of {precision} for "
            f"tableId: {table.id}, kdsArn: {found.arn}"
        )
    found.precision = precision
    store.put_table(call.state, table)
    return _answer(table, found, "UPDATING", "UpdateKinesisStreamingConfiguration")


@read
def describe_kinesis_streaming_destination(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Where changes are sent, and where they were."""
    table = _table(call, request)
    return {
        "TableName": table.name,
        "KinesisDataStreamDestinations": [
            {
                "StreamArn": each.arn,
                "DestinationStatus": "ACTIVE" if each.is_active else "DISABLED",
                "ApproximateCreationDateTimePrecision": each.precision,
            }
            for each in table.destinations
        ],
    }


def _table(call: ReadCall, request: Mapping[str, Any]) -> Table:
    return store.find_table(call.state, request["TableName"], is_data=False)


def _destination(table: Table, arn: str) -> Destination | None:
    return next((each for each in table.destinations if each.arn == arn), None)


def _active(table: Table, arn: str, verb: str, operation: str) -> Destination:
    found = _destination(table, arn)
    if found is None or not found.is_active:
        raise errors.invalid(
            f"Table is not in a valid state to {verb} Kinesis Streaming Destination: "
            f"KinesisStreamingDestination must be ACTIVE to perform {operation} operation."
        )
    return found


def _answer(table: Table, found: Destination, status: str, member: str) -> dict[str, Any]:
    return {
        "TableName": table.name,
        "StreamArn": found.arn,
        "DestinationStatus": status,
        member: {"ApproximateCreationDateTimePrecision": found.precision},
    }
