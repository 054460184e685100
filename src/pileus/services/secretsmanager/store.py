"""Where secrets lie.

``secret, name``                Secret
``version, name, version id``   Version, at most about a hundred per secret
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.secretsmanager import errors
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import SUFFIX_LENGTH, Secret, Version
from pileus.values.arns import Arn, is_arn
from pileus.values.page_tokens import parse_page_token

SECRETS = RecordCodec(Secret)
VERSIONS = RecordCodec(Version)


def arn_of(call: Call, found: Secret) -> str:
    """The secret's full ARN."""
    return call.arn(f"secret:{found.name}-{found.suffix}")


def by_name(state: Any, name: str) -> Secret | None:
    """The secret of that very name, or None."""
    raw = state.get(("secret", name))
    return None if raw is None else SECRETS.decode(raw)


def find(call: Any, secret_id: str) -> Secret | None:
    """What a name, a whole ARN or an ARN without its last seven characters names, or None.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    if not is_arn(secret_id):
        return by_name(call.state, secret_id)
    arn = Arn.parse(secret_id)
    kind, _, name = arn.resource.partition(":")
    if (arn.service, arn.region, kind) != ("secretsmanager", call.region, "secret"):
        return None
    tail = SUFFIX_LENGTH + 1
    if len(name) > tail and name[-tail] == "-":
        whole = by_name(call.state, name[:-tail])
        if whole is not None and whole.suffix == name[-SUFFIX_LENGTH:]:
            return whole
    return by_name(call.state, name)


def secret(call: Any, secret_id: str) -> Secret:
    """The same; raises ResourceNotFoundException."""
    found = find(call, secret_id)
    if found is None:
        raise errors.secret_not_found()
    return found


def active(call: Any, secret_id: str) -> Secret:
    """The same; raises InvalidRequestException for one that waits for its deletion."""
    found = secret(call, secret_id)
    if found.deleted_ms:
        raise errors.marked_for_deletion()
    return found


def put(state: Any, record: Secret) -> None:
    state.put(("secret", record.name), SECRETS.encode(record))


def put_version(state: Any, name: str, record: Version) -> None:
    state.put(("version", name, record.id), VERSIONS.encode(record))


def version(state: Any, name: str, version_id: str) -> Version | None:
    """One version, or None."""
    raw = state.get(("version", name, version_id))
    return None if raw is None else VERSIONS.decode(raw)


def versions(state: Any, name: str) -> list[Version]:
    """Every kept version, oldest first."""
    found = [VERSIONS.decode(raw) for _, raw in state.range(("version", name))]
    return sorted(found, key=lambda each: (each.created_ms, each.id))


def staged(state: Any, name: str, stage: str) -> Version | None:
    """The version that has a staging label, or None."""
    return next((each for each in versions(state, name) if stage in each.stages), None)


def make_room(call: WriteCall, name: str) -> None:
    """Forget the oldest versions without labels once there are a hundred.

    Raises LimitExceededException where all of them have labels or are younger than a day.
    """
    kept = versions(call.state, name)
    if len(kept) < LIMITS.versions_kept:
        return
    horizon_ms = call.now_ms - LIMITS.deprecated_keep_ms
    gone = [each for each in kept if not each.stages and each.created_ms <= horizon_ms]
    if not gone and len(kept) >= 2 * LIMITS.versions_kept:
        raise errors.version_limit()
    for each in gone[: len(kept) - LIMITS.versions_kept + 1]:
        call.state.delete(("version", name, each.id))


def remove(call: WriteCall, name: str) -> None:
    """Delete a secret, its versions and its timers."""
    call.state.delete(("secret", name))
    call.state.delete_range(("version", name))
    for timer in ("remove_secret", "rotate_secret"):
        call.cancel_timer(timer, name)


def after_token(token: str | None) -> str:
    """What a token stands for, or an empty string; raises InvalidNextTokenException."""
    try:
        return parse_page_token(token)
    except ValueError:
        raise errors.invalid_next_token() from None
