"""Access keys: whose they are, and temporary ones that need no store.

An access key id names its account, as AWS's own do. Temporary credentials are stateless: the session
token carries whom they stand for and until when, signed with the platform's key, and the secret is
derived from the key id; so issuing them is no transaction, and they outlive a restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.ports.state import Space, State
from pileus.values.context import DEFAULT_ACCOUNT, Principal

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel

DEFAULT_KEY = "test"
DEFAULT_SECRET = "test"
SECRET_BYTES = 30
TEMPORARY = "ASIA"
PERMANENT = "AKIA"
_TOKEN_VERSION = b"\1"
_MAC_BYTES = 32
_ACCOUNT_SHIFT = 7
_ACCOUNT_MASK = (1 << 40) - 1
_TOP_BIT = 1 << 47


class AccessKey(msgspec.Struct, kw_only=True):
    """A user's access key as the iam room keeps it, under ``("access_key", id)``."""

    id: str
    secret: str
    user: str
    arn: str
    user_id: str
    created_ms: int
    is_active: bool = True


ACCESS_KEYS = RecordCodec(AccessKey)


class Credential(msgspec.Struct, frozen=True):
    """What an access key id stands for, and the secret its requests are signed with.

    Attributes:
        expires_ms: epoch milliseconds; None for keys that do not expire.
        is_loopback_only: a well-known secret, to be taken from callers on this machine only.
    """

    access_key_id: str
    secret_key: str
    principal: Principal
    session_token: str = ""
    expires_ms: int | None = None
    is_loopback_only: bool = False


class _Claims(msgspec.Struct, array_like=True):
    access_key_id: str
    account: str
    arn: str
    user_id: str
    expires_ms: int


_encode_claims = msgspec.msgpack.Encoder().encode
_decode_claims = msgspec.msgpack.Decoder(_Claims).decode


def access_key_id(prefix: str, account: str, random_bytes: Callable[[int], bytes]) -> str:
    """A new id, 20 characters: ``prefix``, then the account and 39 random bits in base 32."""
    random = int.from_bytes(random_bytes(5), "big")
    head = _TOP_BIT | int(account) << _ACCOUNT_SHIFT | random & (1 << _ACCOUNT_SHIFT) - 1
    raw = head.to_bytes(6, "big") + (random >> _ACCOUNT_SHIFT).to_bytes(5, "big")[1:]
    return prefix + base64.b32encode(raw).decode()


def account_of(key_id: str) -> str | None:
    """The account that an access key id names, or None for what is no such id."""
    if len(key_id) != 20:
        return None
    try:
        head = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    except binascii.Error:
        return None
    number = head >> _ACCOUNT_SHIFT & _ACCOUNT_MASK
    return f"{number:012d}" if number < 10**12 else None


def issue(
    signing_key: bytes,
    random_bytes: Callable[[int], bytes],
    principal: Principal,
    now_ms: int,
    duration_s: int,
) -> Credential:
    """Temporary credentials for ``principal`` (its ARN, account and user id), valid from now.

    Args:
        signing_key: the platform's 32 bytes.
        random_bytes: where chance comes from, ``call.random_bytes``.
        duration_s: seconds until they expire; the caller has checked the range.
    """
    key_id = access_key_id(TEMPORARY, principal.account, random_bytes)
    # AWS tells expirations in whole seconds.
    expires_ms = (now_ms // 1000 + duration_s) * 1000
    claims = _Claims(key_id, principal.account, principal.arn, principal.user_id, expires_ms)
    body = _TOKEN_VERSION + _encode_claims(claims)
    token = base64.b64encode(body + _mac(signing_key, body)).decode()
    return _credential(signing_key, claims, token)


def verify(signing_key: bytes, key_id: str, session_token: str) -> Credential | None:
    """The credentials a token was issued for; None when either is not from :func:`issue`.

    The caller compares ``expires_ms`` with its clock.
    """
    try:
        raw = base64.b64decode(session_token, validate=True)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if body[:1] != _TOKEN_VERSION or not hmac.compare_digest(mac, _mac(signing_key, body)):
            return None
        claims = _decode_claims(body[1:])
    except (binascii.Error, ValueError):
        return None
    if claims.access_key_id != key_id:
        return None
    return _credential(signing_key, claims, session_token)


def _mac(signing_key: bytes, body: bytes) -> bytes:
    return hmac.digest(signing_key, b"token:" + body, hashlib.sha256)


def _credential(signing_key: bytes, claims: _Claims, token: str) -> Credential:
    secret = hmac.digest(signing_key, b"secret:" + claims.access_key_id.encode(), hashlib.sha256)
    return Credential(
        access_key_id=claims.access_key_id,
        secret_key=base64.b64encode(secret[:SECRET_BYTES]).decode(),
        principal=Principal(claims.arn, claims.account, claims.access_key_id, claims.user_id),
        session_token=token,
        expires_ms=claims.expires_ms,
    )


def iam_space(account: str) -> Space:
    """Where the iam room keeps an account's access keys."""
    return (account, "global", "iam")


class Credentials:
    """Finds what an access key id stands for; the gateway asks it of every request."""

    def __init__(self, state: State, signing_key: bytes) -> None:
        self._state = state
        self._verified = lru_cache(maxsize=4096)(lambda key, token: verify(signing_key, key, token))
        self._owner = lru_cache(maxsize=1024)(_owner)

    @staticmethod
    def of(kernel: Kernel) -> Credentials:
        """Credentials over a kernel's store and key."""
        return Credentials(kernel.state, kernel.signing_key)

    def lookup(self, key_id: str, session_token: str = "") -> Credential | None:
        """The credential, or None for a key id that is not known, inactive, or has a wrong token.

        ``test`` is the default account's owner; twelve digits are that account's owner, each with
        the secret ``test``; ``AKIA…`` are users' keys; ``ASIA…`` come with their session token,
        and the caller compares ``expires_ms`` with its clock, as it knows the protocol's words.
        """
        if key_id == DEFAULT_KEY or (len(key_id) == 12 and key_id.isdecimal()):
            return self._owner(key_id)
        if key_id.startswith(TEMPORARY):
            return self._verified(key_id, session_token)
        return self._user_key(key_id)

    def _user_key(self, key_id: str) -> Credential | None:
        account = account_of(key_id)
        if account is None:
            return None
        raw = self._state.read(iam_space(account), lambda view: view.get(("access_key", key_id)))
        if raw is None:
            return None
        kept = ACCESS_KEYS.decode(raw)
        if not kept.is_active:
            return None
        return Credential(key_id, kept.secret, Principal(kept.arn, account, key_id, kept.user_id))


def _owner(key_id: str) -> Credential:
    account = DEFAULT_ACCOUNT if key_id == DEFAULT_KEY else key_id
    owner = Principal.root(account, key_id)
    return Credential(key_id, DEFAULT_SECRET, owner, is_loopback_only=True)
