"""Secrets and their versions as records, and what may be decided from them alone."""

from __future__ import annotations

import re

import msgspec

from pileus.services.secretsmanager import errors

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
DAY_MS = 24 * 3600 * 1000
SUFFIX_LENGTH = 6
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!\-]+")


class Rotation(msgspec.Struct, kw_only=True):
    """How a secret is rotated, and how far the rotation under way has come.

    Attributes:
        days, schedule, window_hours: the rules; 0 and empty where they are not given.
        token: the version under rotation; empty when none is.
        step: the next of the four steps.
        attempts: failed runs of the rotation under way.
        is_test: only the step testSecret is run, to try the configuration.
    """

    is_enabled: bool
    function: str
    days: int = 0
    schedule: str = ""
    window_hours: int = 0
    since_ms: int = 0
    rotated_ms: int = 0
    next_ms: int = 0
    token: str = ""
    step: int = 0
    attempts: int = 0
    is_test: bool = False


class Secret(msgspec.Struct, kw_only=True):
    """What holds for every version. Times are epoch milliseconds, 0 for never.

    Attributes:
        suffix: six characters chosen by chance, the end of the ARN.
        deleted_ms: when the deletion was asked for.
        removed_ms: when the secret will be gone.
    """

    name: str
    suffix: str
    created_ms: int
    changed_ms: int
    accessed_ms: int = 0
    deleted_ms: int = 0
    removed_ms: int = 0
    description: str = ""
    key_id: str = ""
    kind: str = ""
    tags: dict[str, str] = {}
    policy: str = ""
    rotation: Rotation | None = None


class Version(msgspec.Struct, kw_only=True):
    """One value. ``sealed`` is empty while a rotation has announced but not written it."""

    id: str
    created_ms: int
    sealed: bytes = b""
    is_binary: bool = False
    accessed_ms: int = 0
    stages: list[str] = []


def check_name(name: str) -> None:
    """Raise what AWS says of a name that a secret cannot have.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    if not _NAME.fullmatch(name):
        raise errors.invalid_name()


def move_stage(versions: list[Version], stage: str, to: str | None) -> set[str]:
    """Attach ``stage`` to version ``to`` alone (to none when None); the ids that changed.

    When AWSCURRENT leaves a version, AWSPREVIOUS goes there.
    """
    changed: set[str] = set()
    left = ""
    for version in versions:
        if version.id == to:
            if stage not in version.stages:
                version.stages = [*version.stages, stage]
                changed.add(version.id)
        elif stage in version.stages:
            version.stages = [each for each in version.stages if each != stage]
            changed.add(version.id)
            left = version.id
    if stage == CURRENT and left:
        changed |= move_stage(versions, PREVIOUS, left)
    return changed
