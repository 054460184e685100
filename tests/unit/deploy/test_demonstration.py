"""What a demonstration makes of the platform's answers, the refusals among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pileus.deploy.api import Api
from pileus.deploy.demonstration import Handset
from pileus.deploy.errors import ApiError, PlatformUnreachable


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[Handset]:
    """A handset at a server that gives every request the same answer."""

    class Same(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handset(Api(f"http://127.0.0.1:{server.server_port}", "1" * 12, "us-east-1"))
        finally:
            server.shutdown()
            thread.join()


def test_a_refusal_says_what_the_platform_said() -> None:
    body = b'{"error": "No number of this account takes texts.", "code": "NotFoundException"}'
    with _answering(404, body) as handset, pytest.raises(ApiError) as refused:
        handset.send("status")
    assert refused.value.code == "NotFoundException"
    assert refused.value.detail == "No number of this account takes texts."
    assert str(refused.value) == (
        "handset:SendText: NotFoundException: No number of this account takes texts."
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": "text has 1 to 1600 characters"}', "text has 1 to 1600 characters"),
        (b"The console asks for a token.\n", "The console asks for a token."),
        (b"", "no reason was given"),
    ],
)
def test_a_refusal_without_a_code_names_the_status(body: bytes, detail: str) -> None:
    with _answering(400, body) as handset, pytest.raises(ApiError) as refused:
        handset.conversation()
    assert (refused.value.code, refused.value.detail) == ("HTTP status 400", detail)


def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(PlatformUnreachable, match="nothing answers"):
        Handset(Api("http://127.0.0.1:1", "1" * 12, "us-east-1")).send("status")


def test_the_conversation_is_read() -> None:
    body = b'{"sms": [{"direction": "in", "number": "+1", "text": "status", "at_ms": 1}]}'
    with _answering(200, body) as handset:
        assert handset.conversation() == [{"direction": "in", "number": "+1", "text": "status"}]
