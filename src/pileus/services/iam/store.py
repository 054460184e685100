"""Where everything lies. Names are folded to lower case in keys: IAM does not tell cases apart.

``role|user|group, name``      Identity
``inline, kind, name, policy`` the text of an inline policy
``attached, kind, name, arn``  managed policies of an identity
``bearer, arn, kind, name``    the same, by policy
``policy, name``               Policy
``policy_version, name, n``    PolicyVersion
``profile, name``              Profile
``profile_of, role, name``     profiles of a role
``access_key, id``             AccessKey (``kernel/credentials.py``)
``key_of, user, id``           keys of a user
``member, group, user``        users of a group
``membership, user, group``    groups of a user
``alias``                      the account's alias
``deletion, task``             a finished deletion of a service-linked role
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pileus.kernel.records import RecordCodec
from pileus.services.iam import errors
from pileus.services.iam.limits import LIMITS
from pileus.services.iam.model import Identity, Policy, PolicyVersion, Profile
from pileus.values.keys import Key
from pileus.values.page_tokens import page_token, parse_page_token

IDENTITIES = RecordCodec(Identity)
POLICIES = RecordCodec(Policy)
VERSIONS = RecordCodec(PolicyVersion)
PROFILES = RecordCodec(Profile)
T = TypeVar("T")


def fold(name: str) -> str:
    """A name as keys have it."""
    return name.lower()


def identity(state: Any, kind: str, name: str) -> Identity:
    """A role, user or group; raises NoSuchEntity."""
    raw = state.get((kind, fold(name)))
    if raw is None:
        raise errors.no_such_identity(kind, name)
    return IDENTITIES.decode(raw)


def put_identity(state: Any, record: Identity) -> None:
    state.put((record.kind, fold(record.name)), IDENTITIES.encode(record))


def profile(state: Any, name: str) -> Profile:
    """An instance profile; raises NoSuchEntity."""
    raw = state.get(("profile", fold(name)))
    if raw is None:
        raise errors.no_such_profile(name)
    return PROFILES.decode(raw)


def put_profile(state: Any, record: Profile) -> None:
    state.put(("profile", fold(record.name)), PROFILES.encode(record))


def put_policy(state: Any, record: Policy) -> None:
    state.put(("policy", fold(record.name)), POLICIES.encode(record))


def bearers(state: Any, arn: str) -> list[tuple[str, str]]:
    """``(kind, folded name)`` of every identity a managed policy is attached to."""
    return [(str(key[2]), str(key[3])) for key, _ in state.range(("bearer", arn))]


def page(
    state: Any,
    prefix: Key,
    request: Mapping[str, Any],
    look: Callable[[Key, bytes], T | None],
) -> tuple[list[T], dict[str, Any]]:
    """A page of what ``look`` makes of the rows under ``prefix``, and the paging members.

    Rows for which it gives None are passed over. Raises ValidationError for a wrong Marker.
    """
    limit = request.get("MaxItems") or LIMITS.page
    found: list[T] = []
    last = ""
    for key, raw in state.range(prefix, after=_after(prefix, request.get("Marker"))):
        item = look(key, raw)
        if item is None:
            continue
        if len(found) == limit:
            return found, {"IsTruncated": True, "Marker": page_token(last)}
        found.append(item)
        last = str(key[len(prefix)])
    return found, {"IsTruncated": False}


def _after(prefix: Key, marker: str | None) -> Key | None:
    if marker is None:
        return None
    try:
        return (*prefix, parse_page_token(marker))
    except ValueError:
        raise errors.invalid_marker(marker) from None


def cut(
    rows: Sequence[T], request: Mapping[str, Any], name: Callable[[T], str]
) -> tuple[list[T], dict[str, Any]]:
    """A page of rows that are in memory already; ``name`` tells a row in the Marker."""
    after = _after((), request.get("Marker"))
    names = [name(row) for row in rows]
    start = names.index(str(after[0])) + 1 if after and after[0] in names else 0
    limit = request.get("MaxItems") or LIMITS.page
    found = list(rows[start : start + limit])
    if start + limit >= len(rows):
        return found, {"IsTruncated": False}
    return found, {"IsTruncated": True, "Marker": page_token(names[start + limit - 1])}
