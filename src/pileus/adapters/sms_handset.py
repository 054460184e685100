"""The handset on the page: messages stay on this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pileus.ports.sms import Sms

_KEPT = 200


class HandsetSms:
    """Keeps the newest messages for the page and tells a listener of each."""

    name = "handset"

    def __init__(self) -> None:
        self.messages: deque[Sms] = deque(maxlen=_KEPT)
        self.on_message: Callable[[Sms], None] = lambda sms: None

    async def send(self, sms: Sms) -> str:
        """A message that is tried again after a crash shows up once."""
        if all(kept.id != sms.id for kept in self.messages):
            self.messages.append(sms)
            self.on_message(sms)
        return sms.id
