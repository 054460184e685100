"""The operations of this room. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/

Deployment tools ask whether a service left a repository behind, and go on when they hear that it
did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.values.errors import ServiceError


@read
def describe_repositories(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """There is none, so that every name asked for is unknown."""
    for name in request.get("repositoryNames") or ():
        registry = request.get("registryId") or call.account
        raise ServiceError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
        )
    return {"repositories": []}
