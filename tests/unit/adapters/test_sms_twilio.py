"""Twilio's contract against a real HTTP server that speaks it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from pileus.adapters.sms_twilio import TwilioSms
from pileus.ports.sms import Sms, SmsRefused, SmsUnavailable

SMS = Sms("id", "000000000000", "+15550100", "+15550101", "hallo ü", 0)


class _Twilio(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, dict[str, list[str]]]]] = []
    status = 201

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.seen.append((self.path, self.headers["Authorization"], form))
        answer = {"sid": "SM1"} if self.status == 201 else {"code": 21211, "message": "no such"}
        body = json.dumps(answer).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Twilio)
    _Twilio.seen, _Twilio.status = [], 201
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def _provider(server: HTTPServer) -> TwilioSms:
    return TwilioSms(f"http://127.0.0.1:{server.server_port}", "AC1", "secret", "+15550199")


async def test_sends_as_the_api_documents(server: HTTPServer) -> None:
    assert await _provider(server).send(SMS) == "SM1"
    ((path, authorization, form),) = _Twilio.seen
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"AC1:secret"
    assert form == {"To": ["+15550101"], "From": ["+15550100"], "Body": ["hallo ü"]}


@pytest.mark.parametrize(
    ("status", "kind"), [(400, SmsRefused), (429, SmsUnavailable), (503, SmsUnavailable)]
)
async def test_tells_what_is_worth_another_try(
    server: HTTPServer, status: int, kind: type[Exception]
) -> None:
    _Twilio.status = status
    with pytest.raises(kind, match="no such"):
        await _provider(server).send(SMS)


async def test_nobody_there_is_worth_another_try() -> None:
    with pytest.raises(SmsUnavailable):
        await TwilioSms("http://127.0.0.1:9", "AC1", "secret", "+1").send(SMS)


def test_knows_the_documented_signature() -> None:
    # The worked example of Twilio's security page.
    provider = TwilioSms("https://x.invalid", "AC1", "12345", "+1")
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert provider.is_signed(url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert not provider.is_signed(url, {**form, "Digits": "1"}, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
