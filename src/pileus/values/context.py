"""Who calls, from where, and until when."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
DEFAULT_ENDPOINT = "http://127.0.0.1:4566"


class Principal(msgspec.Struct, frozen=True):
    """The identity a call acts under.

    Attributes:
        arn: ``arn:aws:iam::…:root``, a user, an assumed role, or ``service:s3.amazonaws.com``.
        account: the account that the identity belongs to.
        access_key: the key id that signed the request; empty for calls from inside.
        user_id: the unique id STS reports (``AROA…:session``).
    """

    arn: str
    account: str
    access_key: str = ""
    user_id: str = ""

    @staticmethod
    def root(account: str, access_key: str = "") -> Principal:
        """The account's owner."""
        return Principal(f"arn:aws:iam::{account}:root", account, access_key, account)

    @staticmethod
    def service(name: str, account: str) -> Principal:
        """One of our own rooms acting for the account (``s3.amazonaws.com``)."""
        return Principal(f"service:{name}", account)


class CallContext(msgspec.Struct, frozen=True):
    """What accompanies a call through the door.

    Attributes:
        delivery_id: set when the outbox delivers: the same at every redelivery, the key by which
            the receiving room tells a repetition.
        endpoint: scheme, host and port the caller used, echoed in URLs (``QueueUrl``).
        source: ``client``, ``console``, ``internal`` or the name of the calling room.
    """

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    principal: Principal = msgspec.field(default_factory=lambda: Principal.root(DEFAULT_ACCOUNT))
    request_id: str = ""
    trace: str = ""
    deadline_ms: int | None = None
    source: str = "client"
    delivery_id: str | None = None
    endpoint: str = DEFAULT_ENDPOINT

    def acting_as(self, principal: Principal, source: str) -> CallContext:
        """The same call carried on under another identity."""
        return replace(self, principal=principal, source=source, delivery_id=None)
