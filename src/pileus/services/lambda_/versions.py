"""Published versions: snapshots of ``$LATEST``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.services.lambda_ import errors, snapstart, store
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.names import is_version


def check_revision(current: str, request: Mapping[str, Any]) -> None:
    """Raise PreconditionFailedException unless RevisionId, where given, is the current one."""
    if request.get("RevisionId") not in (None, "", current):
        raise errors.precondition_failed()


def published(call: ReadCall, name: str) -> list[Configuration]:
    """Every numbered version, oldest first."""
    return [store.VERSIONS.decode(raw) for _, raw in call.state.range(("version", name))]


def publish(call: WriteCall, function: Function, description: str) -> Configuration:
    """A new version of what ``$LATEST`` is; the last one again when nothing changed since.

    The caller stores the function afterwards, and lets snapshots begin after the commit.
    """
    if function.published_revision == function.latest.revision:
        raw = call.state.get(("version", function.name, function.last_version))
        if raw is not None:
            return store.VERSIONS.decode(raw)
    function.last_version += 1
    version = msgspec.structs.replace(
        function.latest,
        version=str(function.last_version),
        description=description or function.latest.description,
        revision=call.new_id(),
        state=snapstart.PENDING if function.latest.snap_start else snapstart.ACTIVE,
    )
    function.published_revision = function.latest.revision
    call.state.put(
        ("version", function.name, function.last_version), store.VERSIONS.encode(version)
    )
    return version


def delete(call: WriteCall, function: Function, qualifier: str) -> None:
    """Delete one version that no alias names, with what was configured for it."""
    if not is_version(qualifier):
        raise errors.invalid("Deletion of aliases is not currently supported.")
    if not qualifier.isdecimal():
        raise errors.invalid("$LATEST version cannot be deleted without deleting the function.")
    store.configuration(call, function, qualifier)
    aliases = [store.ALIASES.decode(raw) for _, raw in call.state.range(("alias", function.name))]
    names = [alias.name for alias in aliases if qualifier in (alias.version, *alias.weights)]
    if names:
        raise errors.conflict(
            "Unable to delete version because the following aliases reference it: "
            f"[{', '.join(names)}]"
        )
    call.state.delete(("version", function.name, int(qualifier)))
    forget_qualifier(call, function, qualifier)


def forget_qualifier(call: WriteCall, function: Function, qualifier: str) -> None:
    """Drop policy, asynchronous settings, address and kept instances of a version or alias that is gone."""
    call.state.delete(("url", function.name, qualifier))
    call.state.delete(("provisioned", function.name, qualifier))
    function.policies.pop(qualifier, None)
    function.asynchronous.pop(qualifier, None)
    store.put_function(call.state, function)
