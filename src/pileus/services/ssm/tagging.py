"""What the three tag operations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.services.ssm import errors, store
from pileus.services.ssm.model import Parameter


def tagged(state: Any, request: Mapping[str, Any]) -> Parameter:
    """The parameter a tag operation is about; raises InvalidResourceType, InvalidResourceId."""
    if request["ResourceType"] != "Parameter":
        raise errors.unsupported_resource_type(request["ResourceType"])
    found = store.find(state, store.bare_name(request["ResourceId"]))
    if found is None:
        raise errors.invalid_resource_id()
    return found
