"""Reading values, and remembering to the day when they were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.secretsmanager import errors, shapes, store
from pileus.services.secretsmanager.model import CURRENT, DAY_MS, Secret, Version


class Accessed(msgspec.Struct, frozen=True):
    """A version whose value was told."""

    name: str
    version_id: str
    is_noted: bool


def value_of(call: ReadCall, request: Mapping[str, Any]) -> tuple[Accessed, dict[str, Any]]:
    """What GetSecretValue answers; raises ResourceNotFoundException, InvalidRequestException."""
    found = store.active(call, request["SecretId"])
    version = _version(call, found, request.get("VersionId"), request.get("VersionStage"))
    today = call.now_ms // DAY_MS
    is_noted = found.accessed_ms // DAY_MS == version.accessed_ms // DAY_MS == today
    return Accessed(found.name, version.id, is_noted), shapes.wire_value(call, found, version)


def _version(call: ReadCall, found: Secret, version_id: str | None, stage: str | None) -> Version:
    if version_id:
        version = store.version(call.state, found.name, version_id)
        if version is None or not version.sealed:
            raise errors.version_not_found(version_id)
        if stage and stage not in version.stages:
            raise errors.stage_not_on_version()
        return version
    version = store.staged(call.state, found.name, stage or CURRENT)
    if version is None or not version.sealed:
        raise errors.stage_not_found(stage or CURRENT)
    return version


async def note(call: StreamCall, accessed: list[Accessed]) -> None:
    """Write LastAccessedDate, once a day at most: most reads cost no commit."""
    due = [each for each in accessed if not each.is_noted]
    if not due:
        return

    def step(c: WriteCall) -> None:
        for each in due:
            found = store.by_name(c.state, each.name)
            version = store.version(c.state, each.name, each.version_id)
            if found is None or version is None:
                continue
            found.accessed_ms = version.accessed_ms = c.now_ms
            store.put(c.state, found)
            store.put_version(c.state, each.name, version)

    await call.write(step)
