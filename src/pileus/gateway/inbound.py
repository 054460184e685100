"""Calls that others make to addresses we gave them: answers to questions, texts from a provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from pileus.gateway.wire import plain
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.errors import ServiceError

ANSWER_BYTES_MAX = 64 * 1024
FORM_BYTES_MAX = 64 * 1024
_EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

Answer = Callable[[str, bytes], Awaitable[None]]
"""``(token, payload)``; ServiceError where nobody waits under the token."""
TakeText = Callable[[str, str, str], Awaitable[str]]
"""``(sender, our number, text)`` → message id; ServiceError where the number is not ours."""
IsSigned = Callable[[str, Mapping[str, str], str], bool]
"""``(address, form, signature)``: whether the provider itself made the call."""


class AnswersHandler:
    """``PUT <prefix><token>``: what a custom resource or a wait condition answers."""

    def __init__(self, prefix: str, answer: Answer) -> None:
        self._prefix = prefix
        self._answer = answer

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """200 when it was taken; 403 for a token that is not ours or no longer waited for."""
        if request.method != "PUT":
            return plain(405, "answers are PUT here")
        try:
            payload = await request.body.read(ANSWER_BYTES_MAX)
        except ValueError:
            return plain(413, f"an answer has at most {ANSWER_BYTES_MAX} bytes")
        try:
            await self._answer(request.path.removeprefix(self._prefix), payload)
        except ServiceError as error:
            return plain(error.status, error.message)
        return HttpResponse(200)


class TwilioWebhook:
    """``POST``: a text that came in, as Twilio tells it.

    https://www.twilio.com/docs/messaging/guides/webhook-request

    Args:
        address: the public address that the provider was given; its signature covers it.
    """

    def __init__(self, address: str, is_signed: IsSigned, take: TakeText) -> None:
        self._address = address
        self._is_signed = is_signed
        self._take = take

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """An empty TwiML document; 403 for a call that Twilio did not sign."""
        if request.method != "POST":
            return plain(405, "texts are POSTed here")
        try:
            body = await request.body.read(FORM_BYTES_MAX)
        except ValueError:
            return plain(413, f"a form has at most {FORM_BYTES_MAX} bytes")
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        signature = request.headers.get("x-twilio-signature", "")
        if not self._is_signed(self._address, form, signature):
            return plain(403, "the signature is not Twilio's")
        if "From" not in form or "Body" not in form:
            return plain(400, "From and Body are missing")
        try:
            await self._take(form["From"], form.get("To", ""), form["Body"])
        except ServiceError as error:
            return plain(error.status, error.message)
        return HttpResponse(200, [("Content-Type", "text/xml")], _EMPTY_TWIML)
