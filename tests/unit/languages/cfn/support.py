"""Shared pieces for tests of the template language."""

from typing import Any

from pileus.languages.cfn import (
    Environment,
    Lookups,
    ResolvedTemplate,
    parse_template,
    resolve_template,
)

ENVIRONMENT = Environment(
    account="123456789012",
    region="eu-west-1",
    stack_name="shop",
    stack_id="arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1",
    notification_arns=("arn:aws:sns:eu-west-1:123456789012:t",),
)


class Known:
    """Physical ids ``id-of-X`` and attributes ``X/Name``."""

    def ref(self, logical_id: str) -> Any:
        return f"id-of-{logical_id}"

    def attribute(self, logical_id: str, name: str) -> Any:
        return f"{logical_id}/{name}"


def resolved(text: str, lookups: Lookups | None = None, **parameters: str) -> ResolvedTemplate:
    return resolve_template(parse_template(text), parameters, ENVIRONMENT, lookups)


def value_of(expression: str, head: str = "", lookups: Lookups | None = None, **given: str) -> Any:
    """What an expression yields as property ``V`` of a resource beside resources A and B."""
    text = f"""
{head}
Resources:
  A: {{Type: T::A::A}}
  B: {{Type: T::B::B}}
  X:
    Type: T::X::X
    Properties:
      V: {expression}
"""
    return resolved(text, lookups, **given).properties("X", Known()).get("V", "absent")
