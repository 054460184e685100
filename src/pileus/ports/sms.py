"""Short messages to and from telephones."""

from __future__ import annotations

from typing import Protocol

import msgspec

from pileus.values.errors import PileusError


class SmsRefused(PileusError):
    """The provider will not send this message; the same one will be refused again."""


class SmsUnavailable(PileusError):
    """The provider could not be reached or is overloaded; a later try may succeed."""


class Sms(msgspec.Struct, frozen=True):
    """One message. Numbers are E.164 (``+15550100``).

    ``id`` stays the same when a message is tried again.
    """

    id: str
    account: str
    origin: str
    target: str
    text: str
    at_ms: int


class SmsProvider(Protocol):
    """Sends messages: at least once, since a crash may follow the sending."""

    name: str

    async def send(self, sms: Sms) -> str:
        """Hand the message over; the provider's id for it. SmsRefused, SmsUnavailable."""
        ...
