"""What a restart goes on with: the handset shows the texts it held."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.sms_voice.texts import tell_all


async def start(call: StreamCall) -> None:
    """Tell of the texts of this account and region again."""
    tell_all(call)
