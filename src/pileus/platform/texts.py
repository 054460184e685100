"""Texts: through Twilio where it is set up, else they stay on the page's handset."""

from __future__ import annotations

import importlib
from typing import Any

from pileus.adapters.sms_handset import HandsetSms
from pileus.gateway.inbound import TwilioWebhook
from pileus.platform.running import Platform
from pileus.ports.sms import SmsProvider
from pileus.services.sms_voice.inbound import receive_text


def build(platform: Platform) -> SmsProvider:
    """The provider that the settings choose."""
    provider: Any = _twilio(platform) if platform.settings.twilio_account_sid else HandsetSms()
    platform.kernel.add_part(SmsProvider, provider)
    return provider  # type: ignore[no-any-return]


def _twilio(platform: Platform) -> Any:
    # Lazy on purpose: an HTTP client takes long to import, and few set this up.
    settings = platform.settings
    return importlib.import_module("pileus.adapters.sms_twilio").TwilioSms(
        settings.twilio_url,
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_number,
    )


def make_webhook(platform: Platform) -> TwilioWebhook:
    """The handler of what Twilio tells."""
    settings = platform.settings

    async def take(sender: str, target: str, text: str) -> str:
        # Our number is Twilio's, whichever the account's first two-way number is called here.
        return await receive(platform, settings.account, sender, text)

    return TwilioWebhook(settings.twilio_webhook, platform.wing("texts").is_signed, take)


async def receive(platform: Platform, account: str, sender: str, text: str) -> str:
    """Take a text for an account's first two-way number; its message id.

    Raises:
        ServiceError: no app takes messages.
    """
    room = platform.kernel.registry.room("pinpoint-sms-voice-v2")
    call = platform.kernel.stream_call(room.space(account, platform.settings.region))
    return await receive_text(call, sender, "", text)
