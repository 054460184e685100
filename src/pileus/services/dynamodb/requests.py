"""The parts of a request that many operations share: conditions and placeholders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.languages.dynamodb.attribute_values import Item
from pileus.languages.dynamodb.conditions import compile_condition
from pileus.languages.dynamodb.legacy import check_not_mixed, compile_expected
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.projections import attributes_to_get, compile_projection
from pileus.services.dynamodb import errors

EXPRESSIONS = (
    "ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression",
    "UpdateExpression",
)  # fmt: skip
LEGACY = (
    "AttributeUpdates", "AttributesToGet", "ConditionalOperator", "Expected", "KeyConditions",
    "QueryFilter", "ScanFilter",
)  # fmt: skip

ItemTest = Callable[[Item], bool]
Projection = Callable[[Item], Item]


def placeholders(request: Mapping[str, Any]) -> Placeholders:
    """The request's names and values; raises where old and new parameters are mixed."""
    expressions = [name for name in EXPRESSIONS if request.get(name) is not None]
    check_not_mixed([name for name in LEGACY if request.get(name) is not None], expressions)
    return Placeholders(
        request.get("ExpressionAttributeNames"),
        request.get("ExpressionAttributeValues"),
        has_expressions=bool(expressions),
    )


def condition(request: Mapping[str, Any], given: Placeholders) -> ItemTest | None:
    """The request's condition on the item as it is, or None."""
    if request.get("Expected"):
        return compile_expected(request["Expected"], request.get("ConditionalOperator"))
    text = request.get("ConditionExpression")
    return None if text is None else compile_condition(text, given)


def projection(request: Mapping[str, Any], given: Placeholders) -> Projection | None:
    """What of an item is asked for; None for all of it."""
    if request.get("AttributesToGet"):
        return attributes_to_get(request["AttributesToGet"])
    text = request.get("ProjectionExpression")
    return None if text is None else compile_projection(text, given)


def check(test: ItemTest | None, old: Item | None, request: Mapping[str, Any]) -> None:
    """Raise ConditionalCheckFailedException unless ``old`` passes."""
    if test is not None and not test(old or {}):
        wants_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise errors.condition_failed(old if wants_item else None)


def returned(request: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    """ReturnValues; raises for a value the operation does not know."""
    wanted = request.get("ReturnValues") or "NONE"
    if wanted not in allowed:
        raise errors.invalid("Return values set to invalid value")
    return str(wanted)
