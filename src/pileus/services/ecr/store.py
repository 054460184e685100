"""Where repositories lie.

``repository, name``   Repository

Everything else in this room's space is described in ``compute/images/catalogue.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call
from pileus.kernel.records import RecordCodec
from pileus.services.ecr import errors
from pileus.services.ecr.model import Repository

REPOSITORIES = RecordCodec(Repository)


def find_repository(state: Any, call: Call, name: str) -> Repository:
    """The repository; raises RepositoryNotFoundException."""
    raw = state.get(("repository", name))
    if raw is None:
        raise errors.repository_not_found(name, call.account)
    return REPOSITORIES.decode(raw)


def repository_of(call: Any, request: Mapping[str, Any]) -> Repository:
    """The repository that ``repositoryName`` names; raises RepositoryNotFoundException."""
    return find_repository(call.state, call, request["repositoryName"])


def put_repository(state: Any, repository: Repository) -> None:
    state.put(("repository", repository.name), REPOSITORIES.encode(repository))


def repositories(state: Any) -> list[Repository]:
    """Every repository, by name."""
    return [REPOSITORIES.decode(raw) for _, raw in state.range(("repository",))]
