"""Values going in and out: sealed in State, compared for idempotency, staged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.sealing import seal, unseal
from pileus.services.secretsmanager import errors, store
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import CURRENT, Secret, Version, move_stage


def given_value(request: Mapping[str, Any]) -> tuple[bytes, bool] | None:
    """The plain value and whether it is binary; None where the request has none.

    Raises InvalidParameterException for two values or one that is too large.
    """
    text, binary = request.get("SecretString"), request.get("SecretBinary")
    if text is not None and binary is not None:
        raise errors.two_values()
    if text is None and binary is None:
        return None
    plain = bytes(binary) if text is None else text.encode()  # type: ignore[arg-type]
    if len(plain) > LIMITS.value_bytes_max:
        raise errors.value_too_large(LIMITS.value_bytes_max)
    return plain, text is None


def place(call: Call, found: Secret, version_id: str) -> str:
    """What a sealed value is bound to."""
    return f"{store.arn_of(call, found)}|{version_id}"


def plain_value(call: Call, found: Secret, version: Version) -> bytes:
    """A version's value."""
    return unseal(call, version.sealed, place(call, found, version.id))


def is_same(call: Call, found: Secret, version: Version, value: tuple[bytes, bool]) -> bool:
    """True when the version holds that value."""
    plain, is_binary = value
    return version.is_binary == is_binary and plain_value(call, found, version) == plain


def add_version(
    call: WriteCall,
    found: Secret,
    token: str,
    value: tuple[bytes, bool],
    stages: list[str] | None = None,
) -> Version:
    """Write a version and move its staging labels to it; the same again does nothing.

    Args:
        token: the ClientRequestToken, which becomes the version's id.
        stages: AWSCURRENT where None. The first version of a secret always becomes current.

    Raises:
        ServiceError: ResourceExistsException for a token that stands for another value,
            LimitExceededException.
    """
    known = store.version(call.state, found.name, token)
    if known is not None and known.sealed:
        if not is_same(call, found, known, value):
            raise errors.token_in_use(token, store.arn_of(call, found))
        return known
    if known is None:
        store.make_room(call, found.name)
        known = Version(id=token, created_ms=call.now_ms)
    plain, known.is_binary = value
    known.sealed = seal(call, plain, place(call, found, token))
    wanted = list(dict.fromkeys([CURRENT] if stages is None else stages))
    if len(wanted) > LIMITS.labels_per_version_max:
        raise errors.label_limit(LIMITS.labels_per_version_max)
    others = [each for each in store.versions(call.state, found.name) if each.id != token]
    if not others and CURRENT not in wanted:
        wanted.append(CURRENT)
    together = [*others, known]
    changed = {token}
    for stage in wanted:
        changed |= move_stage(together, stage, token)
    for each in together:
        if each.id in changed:
            store.put_version(call.state, found.name, each)
    found.changed_ms = call.now_ms
    store.put(call.state, found)
    return known


def set_stage(call: WriteCall, found: Secret, stage: str, to: str | None) -> None:
    """Move a label, writing what changed."""
    together = store.versions(call.state, found.name)
    changed = move_stage(together, stage, to)
    for each in together:
        if each.id in changed:
            store.put_version(call.state, found.name, each)
