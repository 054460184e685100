"""Filter policies of SNS subscriptions, compiled once to closures.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html. The
language is that of event patterns with another set of limits, and it looks either at the message's
attributes or at its body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pileus.languages.event_pattern import Compiled, Dialect, compile_text
from pileus.languages.event_pattern_reader import PatternSyntaxError
from pileus.values.errors import ServiceError

Scope = Literal["MessageAttributes", "MessageBody"]
Attributes = Mapping[str, Mapping[str, Any]]
FilterPolicy = Callable[[str, Attributes], bool]

_KEYS_MAX = 5
_COMBINATIONS_MAX = 150
_DIALECT = Dialect(
    operators=frozenset(
        {
            "prefix",
            "suffix",
            "equals-ignore-case",
            "anything-but",
            "numeric",
            "exists",
            "cidr",
            "wildcard",
        }
    ),
    number_limit=1e9,
    nested_texts=frozenset(),
    anything_but=frozenset({"prefix", "suffix", "wildcard"}),
    has_mixed_lists=True,
    # "multiply the number of values by the nested depth", per the constraints page.
    weigh=lambda depth, count: depth * count,
)


class InvalidFilterPolicy(ServiceError):
    """A filter policy SNS refuses: ``InvalidParameter``."""

    def __init__(self, reason: str) -> None:
        super().__init__("InvalidParameter", f"Invalid parameter: {reason}")


def compile_filter_policy(
    policy: Mapping[str, Any] | str,
    scope: Scope = "MessageAttributes",
    *,
    operation_prefix: str = "",
) -> FilterPolicy:
    """Compile a filter policy.

    Args:
        policy: the policy as JSON text or as a mapping; an empty one accepts everything.
        scope: what it looks at.
        operation_prefix: what AWS puts before the reason; Subscribe says ``Attributes Reason: ``,
            SetSubscriptionAttributes nothing.
    Returns:
        ``accepts(message, attributes)``: the body as text and the attributes in wire form
        (``{"name": {"DataType": …, "StringValue": …}}``). A body that is no JSON object is
        refused under scope MessageBody.
    Raises:
        InvalidFilterPolicy: with the sentence AWS gives.
    """
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    if text.strip() in ("", "{}"):
        return lambda _message, _attributes: True
    compiled = _compile(text, scope, operation_prefix)
    node = compiled.node
    if scope == "MessageBody":

        def accepts_body(message: str, _attributes: Attributes) -> bool:
            try:
                body = json.loads(message)
            except ValueError:
                return False
            return type(body) is dict and node(body, body)

        return accepts_body

    def accepts_attributes(_message: str, attributes: Attributes) -> bool:
        values = attribute_values(attributes)
        return node(values, values)

    return accepts_attributes


def _compile(text: str, scope: Scope, operation_prefix: str) -> Compiled:
    try:
        compiled = compile_text(text, _DIALECT)
    except PatternSyntaxError as error:
        raise InvalidFilterPolicy(f"{operation_prefix}FilterPolicy: {error.reason}") from None
    if scope == "MessageAttributes" and any(len(path) > 1 for path in compiled.paths):
        raise InvalidFilterPolicy(
            f"{operation_prefix}Filter policy scope MessageAttributes does not support nested "
            "filter policy"
        )
    if len(compiled.paths) > _KEYS_MAX:
        raise InvalidFilterPolicy(
            f"{operation_prefix}FilterPolicy: Filter policy can not have more than 5 keys"
        )
    if compiled.combinations > _COMBINATIONS_MAX:
        raise InvalidFilterPolicy(f"{operation_prefix}FilterPolicy: Filter policy is too complex")
    return compiled


def attribute_values(attributes: Attributes) -> dict[str, Any]:
    """Message attributes as plain JSON values; Binary ones are left out, as filtering ignores them.

    A ``Number`` becomes a number, a ``String.Array`` the list it spells; one that cannot be read
    is left out.
    """
    values: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind = str(attribute.get("DataType") or attribute.get("Type") or "")
        text = attribute.get("StringValue", attribute.get("Value"))
        if text is None or kind.startswith("Binary"):
            continue
        if kind == "String.Array" or kind.startswith("Number"):
            try:
                value = json.loads(text)
            except ValueError:
                continue
            wanted = list if kind == "String.Array" else (int, float)
            if isinstance(value, wanted):
                values[name] = value
        else:
            values[name] = text
    return values
