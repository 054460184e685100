"""This room has no CloudFormation types."""

from __future__ import annotations

from pileus.kernel.resources import ResourceType

RESOURCE_TYPES: dict[str, ResourceType] = {}
