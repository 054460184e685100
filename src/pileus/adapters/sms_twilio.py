"""Twilio's HTTP contract. https://www.twilio.com/docs/messaging/api/message-resource"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

from pileus.ports.sms import Sms, SmsRefused, SmsUnavailable

_TIMEOUT_S = 10.0


class TwilioSms:
    """Sends through ``POST /2010-04-01/Accounts/<sid>/Messages.json``.

    Args:
        base_url: scheme and host of the API; anything that speaks the same contract.
        account_sid, auth_token: the account's credentials; the token also signs inbound calls.
        number: the sending number where a message names none.
    """

    name = "twilio"

    def __init__(self, base_url: str, account_sid: str, auth_token: str, number: str) -> None:
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._auth_token = auth_token
        self._number = number
        credentials = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}

    async def send(self, sms: Sms) -> str:
        """The message's SID."""
        fields = {"To": sms.target, "From": sms.origin or self._number, "Body": sms.text}
        return await asyncio.to_thread(self._post, urllib.parse.urlencode(fields).encode())

    def _post(self, form: bytes) -> str:
        request = urllib.request.Request(self._url, form, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                return str(json.load(response)["sid"])
        except urllib.error.HTTPError as error:
            kind = SmsUnavailable if error.code == 429 or error.code >= 500 else SmsRefused
            raise kind(f"Twilio answered {error.code}: {_reason(error)}") from error
        except (urllib.error.URLError, TimeoutError) as error:
            raise SmsUnavailable(f"Twilio cannot be reached: {error}") from error

    def is_signed(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether an inbound call is Twilio's own.

        https://www.twilio.com/docs/usage/security#validating-requests
        """
        text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        digest = hmac.new(self._auth_token.encode(), text.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(base64.b64encode(digest).decode(), signature)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError):
        return error.reason
