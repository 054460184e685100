"""What a template is resolved against: where the stack stands, and what its resources became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""AWS's own placeholder for a value that exists only once a resource was made."""


class _NoValue:
    """What ``AWS::NoValue`` yields: the member that holds it is left out."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class Environment:
    """The stack's surroundings, read by pseudo-parameters and ``Fn::GetAZs``."""

    account: str
    region: str
    stack_name: str
    stack_id: str
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"
    notification_arns: tuple[str, ...] = ()
    zone_letters: str = "abc"

    def pseudo_parameters(self) -> Mapping[str, Any]:
        """Every ``AWS::…`` name a template may ``Ref``."""
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self.url_suffix,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::NoValue": NO_VALUE,
        }

    def zones(self, region: str) -> list[str]:
        """The availability zones of ``region``."""
        return [f"{region}{letter}" for letter in self.zone_letters]


class ResourceValues(Protocol):
    """What is known of the stack's resources while a template is evaluated."""

    def ref(self, logical_id: str) -> Any:
        """The physical id, or whatever else ``Ref`` yields for the type."""
        ...

    def attribute(self, logical_id: str, name: str) -> Any:
        """An attribute as ``Fn::GetAtt`` yields it; TemplateError where the type lacks it."""
        ...


class UnknownValues:
    """No resource exists yet: everything is :data:`KNOWN_AFTER_APPLY`."""

    def ref(self, logical_id: str) -> Any:
        del logical_id
        return KNOWN_AFTER_APPLY

    def attribute(self, logical_id: str, name: str) -> Any:
        del logical_id, name
        return KNOWN_AFTER_APPLY


PSEUDO_PARAMETERS = frozenset(Environment("", "", "", "").pseudo_parameters())
