"""What roles, users and groups have in common: names, inline policies, attachments, deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.services.iam import aws_managed, documents, errors, managed, store, tagging
from pileus.services.iam.limits import LIMITS
from pileus.services.iam.model import Identity, unique_id
from pileus.services.iam.shapes import encoded, wire_identity

_PLURAL = {"role": "Roles", "user": "Users", "group": "Groups"}


def member(kind: str) -> str:
    """``RoleName``, ``UserName``, ``GroupName``."""
    return f"{kind.capitalize()}Name"


def given(call: ReadCall, kind: str, request: Mapping[str, Any]) -> Identity:
    """The identity that the request names; raises NoSuchEntity."""
    return store.identity(call.state, kind, request[member(kind)])


def created(call: WriteCall, kind: str, request: Mapping[str, Any]) -> Identity:
    """A new identity, not stored yet; raises EntityAlreadyExists, LimitExceeded, NoSuchEntity."""
    name = request[member(kind)]
    if call.state.get((kind, store.fold(name))) is not None:
        raise errors.identity_exists(kind, name)
    limit = LIMITS.identities_max[kind]
    if call.state.count((kind,)) >= limit:
        raise errors.quota(f"{_PLURAL[kind]}PerAccount", limit)
    boundary = request.get("PermissionsBoundary") or ""
    if boundary:
        check_boundary(call, boundary)
    return Identity(
        kind=kind,
        name=name,
        path=request.get("Path") or "/",
        id=unique_id(kind, call.random_bytes),
        created_ms=call.now_ms,
        tags=tagging.merged({}, request.get("Tags")),
        boundary=boundary,
    )


def check_boundary(call: ReadCall, arn: str) -> None:
    """Raise NoSuchEntity unless the ARN is of a policy that can be a boundary."""
    if managed.find(call, arn) is None and not aws_managed.is_aws_managed(arn):
        raise errors.boundary_not_found(arn)


def listed(call: ReadCall, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of identities whose path begins with PathPrefix."""
    prefix = request.get("PathPrefix") or "/"

    def look(_: Any, raw: bytes) -> dict[str, Any] | None:
        record = store.IDENTITIES.decode(raw)
        return (
            wire_identity(call, record, is_listed=True) if record.path.startswith(prefix) else None
        )

    rows, paging = store.page(call.state, (kind,), request, look)
    return {_PLURAL[kind]: rows, **paging}


def removed(call: WriteCall, record: Identity) -> None:
    """Delete an identity that has neither policies nor attachments; raises DeleteConflict."""
    kind, name = record.kind, store.fold(record.name)
    if call.state.count(("inline", kind, name)):
        raise errors.has_inline_policies()
    if call.state.count(("attached", kind, name)):
        raise errors.has_attached_policies()
    call.state.delete((kind, name))


# -- inline policies ------------------------------------------------------------------------


def put_inline(call: WriteCall, kind: str, request: Mapping[str, Any]) -> None:
    """Add or replace an inline policy; raises MalformedPolicyDocument, LimitExceeded."""
    record = given(call, kind, request)
    check_modifiable(record)
    text, policy = request["PolicyDocument"], request["PolicyName"]
    documents.check_identity_policy(text)
    name = store.fold(record.name)
    others = [
        raw.decode() for key, raw in call.state.range(("inline", kind, name)) if key[3] != policy
    ]
    limit = LIMITS.inline_size_max[kind]
    if sum(map(documents.size, [*others, text])) > limit:
        raise errors.inline_too_large(limit, kind, record.name)
    call.state.put(("inline", kind, name, policy), text.encode())


def get_inline(call: ReadCall, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """An inline policy's text; raises NoSuchEntity."""
    record = given(call, kind, request)
    policy = request["PolicyName"]
    raw = call.state.get(("inline", kind, store.fold(record.name), policy))
    if raw is None:
        raise errors.no_such_inline(kind, policy)
    return {
        member(kind): record.name,
        "PolicyName": policy,
        "PolicyDocument": encoded(raw.decode()),
    }


def delete_inline(call: WriteCall, kind: str, request: Mapping[str, Any]) -> None:
    """Remove an inline policy; raises NoSuchEntity."""
    record = given(call, kind, request)
    check_modifiable(record)
    key = ("inline", kind, store.fold(record.name), request["PolicyName"])
    if call.state.get(key) is None:
        raise errors.no_such_inline(kind, request["PolicyName"])
    call.state.delete(key)


def list_inline(call: ReadCall, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of names of inline policies."""
    record = given(call, kind, request)
    prefix = ("inline", kind, store.fold(record.name))
    rows, paging = store.page(call.state, prefix, request, lambda key, _: str(key[3]))
    return {"PolicyNames": rows, **paging}


# -- attached policies ----------------------------------------------------------------------


def attach(call: WriteCall, kind: str, request: Mapping[str, Any]) -> None:
    """Attach a managed policy; once more changes nothing. Raises NoSuchEntity, LimitExceeded."""
    record, arn = given(call, kind, request), request["PolicyArn"]
    check_modifiable(record)
    managed.check_attachable(call, arn)
    name = store.fold(record.name)
    key = ("attached", kind, name, arn)
    if call.state.get(key) is not None:
        return
    if call.state.count(("attached", kind, name)) >= LIMITS.attached_max:
        raise errors.quota(f"PoliciesPer{kind.capitalize()}", LIMITS.attached_max)
    call.state.put(key, b"")
    call.state.put(("bearer", arn, kind, name), b"")


def detach(call: WriteCall, kind: str, request: Mapping[str, Any]) -> None:
    """Detach a managed policy; raises NoSuchEntity."""
    record, arn = given(call, kind, request), request["PolicyArn"]
    check_modifiable(record)
    name = store.fold(record.name)
    if call.state.get(("attached", kind, name, arn)) is None:
        raise errors.no_such_policy(arn)
    call.state.delete(("attached", kind, name, arn))
    call.state.delete(("bearer", arn, kind, name))


def list_attached(call: ReadCall, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of attached policies whose path begins with PathPrefix."""
    record = given(call, kind, request)
    path_prefix = request.get("PathPrefix") or "/"

    def look(key: Any, _: bytes) -> dict[str, Any] | None:
        path, _, name = key[3].partition(":policy")[2].rpartition("/")
        if not f"{path}/".startswith(path_prefix):
            return None
        return {"PolicyName": name, "PolicyArn": key[3]}

    prefix = ("attached", kind, store.fold(record.name))
    rows, paging = store.page(call.state, prefix, request, look)
    return {"AttachedPolicies": rows, **paging}


def check_modifiable(record: Identity) -> None:
    """Raise UnmodifiableEntity for a service-linked role."""
    if record.service:
        raise errors.unmodifiable(record.name, record.service)
