"""This room's own records; images and layers are those of ``compute.images.catalogue``."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec


class Exclusion(msgspec.Struct, frozen=True):
    """Tags that a repository treats the other way round; ``*`` stands for anything."""

    filter_type: str
    filter: str


class Repository(msgspec.Struct, kw_only=True):
    """A repository.

    Attributes:
        mutability: ``MUTABLE``, ``IMMUTABLE`` or one of them ``_WITH_EXCLUSION``.
        policy, lifecycle_policy: JSON texts as they came; empty: none.
        evaluated_ms: when the lifecycle policy was last applied.
    """

    name: str
    created_ms: int
    mutability: str = "MUTABLE"
    exclusions: tuple[Exclusion, ...] = ()
    scan_on_push: bool = False
    encryption_type: str = "AES256"
    kms_key: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    policy: str = ""
    lifecycle_policy: str = ""
    evaluated_ms: int = 0

    def is_immutable(self, tag: str) -> bool:
        """Whether a tag, once given, stays where it is."""
        is_excluded = any(fnmatchcase(tag, exclusion.filter) for exclusion in self.exclusions)
        return self.mutability.startswith("IMMUTABLE") != is_excluded
