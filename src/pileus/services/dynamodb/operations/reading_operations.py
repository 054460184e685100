"""Query and Scan. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.languages.dynamodb.conditions import compile_condition
from pileus.languages.dynamodb.key_conditions import compile_key_condition
from pileus.languages.dynamodb.legacy import compile_filter, compile_key_conditions
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.services.dynamodb import errors, reading, requests, store


def _filter(
    request: Mapping[str, Any], given: Placeholders, legacy: str
) -> requests.ItemTest | None:
    if request.get(legacy):
        return compile_filter(request[legacy], request.get("ConditionalOperator"))
    text = request.get("FilterExpression")
    return None if text is None else compile_condition(text, given, kind="FilterExpression")


@read
def query(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Items of one partition in order of the sort key."""
    given = requests.placeholders(request)
    if request.get("KeyConditions"):
        condition = compile_key_conditions(request["KeyConditions"])
    elif request.get("KeyConditionExpression") is not None:
        condition = compile_key_condition(request["KeyConditionExpression"], given)
    else:
        raise errors.invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in "
            "the request."
        )
    test = _filter(request, given, "QueryFilter")
    project = requests.projection(request, given)
    given.check_all_used()
    table = store.find_table(call.state, request["TableName"])
    index = reading.index_named(table, request)
    reading.check_select(request, index)
    owner = index or table
    keys = condition.resolve(owner.partition, owner.sort or None, table.types)
    if request.get("FilterExpression") is not None:
        _check_filter(request["FilterExpression"], given, owner.partition, owner.sort)
    plan = reading.query_walk(table, index, keys, request)
    return reading.page(call.state, plan, request, test, project)


def _check_filter(text: str, given: Placeholders, partition: str, sort: str) -> None:
    """A query's filter may not name the keys it is already narrowed by."""
    touched: set[str] = set()

    class _Probe(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            touched.add(name)
            return default

    compile_condition(text, given, kind="FilterExpression")(_Probe())
    for name in (partition, sort):
        if name and name in touched:
            raise errors.invalid(
                "Filter Expression can only contain non-primary key attributes: Primary key "
                f"attribute: {name}"
            )


@read
def scan(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every item of a table or index, page by page, in one or many segments."""
    given = requests.placeholders(request)
    test = _filter(request, given, "ScanFilter")
    project = requests.projection(request, given)
    given.check_all_used()
    table = store.find_table(call.state, request["TableName"])
    index = reading.index_named(table, request)
    reading.check_select(request, index)
    plan = reading.Walk(
        table,
        index,
        reading.base_of(table, index),
        after=reading.start_after(table, index, request),
        segment=_segment(request),
        is_whole=reading.wants_whole(request, index),
    )
    return reading.page(call.state, plan, request, test, project)


def _segment(request: Mapping[str, Any]) -> tuple[int, int] | None:
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is None and total is None:
        return None
    if segment is None:
        raise errors.invalid(
            "The Segment parameter is required but was not present in the request when "
            "parameter TotalSegments is present"
        )
    if total is None:
        raise errors.invalid(
            "The TotalSegments parameter is required but was not present in the request when "
            "Segment parameter is present"
        )
    if segment >= total:
        raise errors.invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment, total
