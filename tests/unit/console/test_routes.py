"""The console's answers and sockets, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from tests.console.fake_rooms import ACCOUNT, FakeRooms

from pileus.adapters.clock_virtual import VirtualClock
from pileus.console.guard import Guard
from pileus.console.routes import SOCKETS_MAX, Console, Hooks
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import BytesBody
from pileus.values.errors import ServiceError


class FakeSocket:
    """A WebSocket whose peer says nothing until it closes."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.closed: tuple[int, str] | None = None
        self.gone = asyncio.Event()
        self._more = asyncio.Condition()

    async def send(self, message: str | bytes) -> None:
        async with self._more:
            self.sent.append(message)
            self._more.notify_all()

    async def has_sent(self, count: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: len(self.sent) >= count)

    async def receive(self) -> str | bytes | None:
        await self.gone.wait()
        return None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = (code, reason)


def console(**hooks: Any) -> Console:
    async def send_sms(account: str, sender: str, text: str) -> str:
        if text == "nobody":
            raise ServiceError("ResourceNotFoundException", "No two-way number.", status=404)
        return f"{account} {sender} {text}"

    given: dict[str, Any] = {
        "clock": VirtualClock(),
        "invoke": FakeRooms().invoke,
        "send_sms": send_sms,
        "environments": lambda: [{"name": "dev", "account": ACCOUNT}],
        "health": lambda: {"state": "ok"},
    }
    return Console(Hooks(**(given | hooks)))


def request(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path, _, query = path.partition("?")
    told = {"host": "127.0.0.1:4566", **named}
    return HttpRequest(method, f"/_pileus/{path}", query, told, BytesBody(body))


async def answer(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> HttpResponse:
    return await console().handle(request(path, method, body, **headers))


async def test_the_page_comes_with_its_policy() -> None:
    response = await answer("")
    assert response.status == 200
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    policy = response.header("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy and "unsafe" not in policy
    page = bytes(response.body)  # type: ignore[arg-type]
    assert (
        b"<script>" not in page and b"style=" not in page and b"//" not in page.split(b"<body>")[0]
    )


async def test_files_are_compressed_and_revalidated() -> None:
    served = console()
    first = await served.handle(request("css/layout.css", accept_encoding="gzip, br"))
    assert first.header("Content-Encoding") == "gzip"
    again = await served.handle(request("css/layout.css", if_none_match=first.header("ETag") or ""))
    assert (again.status, again.body) == (304, b"")
    assert (await served.handle(request("js/main.js", "HEAD"))).body == b""


@pytest.mark.parametrize(
    "path", ["../routes.py", "%2e%2e/routes.py", "js/../../routes.py", "nothing.js", "js"]
)
async def test_only_the_pages_own_files_are_served(path: str) -> None:
    assert (await answer(path)).status == 404


async def test_without_the_slash_the_page_is_still_found() -> None:
    asked = HttpRequest("GET", "/_pileus", "", {"host": "localhost"})
    response = await console().handle(asked)
    assert (response.status, response.header("Location")) == (308, "/_pileus/")


async def test_other_methods_are_refused() -> None:
    assert (await answer("", "DELETE")).status == 405
    assert (await answer("api/overview", "POST")).status == 404


async def test_the_overview_is_the_hello() -> None:
    response = await answer("api/overview?account=111111111111")
    overview = orjson.loads(response.body)  # type: ignore[arg-type]
    assert overview["account"] == "111111111111"
    assert overview["environments"] == [{"name": "dev", "account": ACCOUNT}]


async def sms(body: Any, **headers: str) -> tuple[int, Mapping[str, Any]]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = await answer(
        "api/sms", "POST", raw, **({"content_type": "application/json"} | headers)
    )
    return response.status, orjson.loads(response.body)  # type: ignore[arg-type]


async def test_a_text_is_handed_in() -> None:
    status, told = await sms({"from": "+12025550142", "text": "status"})
    assert (status, told) == (202, {"id": f"{ACCOUNT} +12025550142 status"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ({"from": "+12025550142"}, 400),
        ({"from": "nobody", "text": "hello"}, 400),
        ({"from": "+12025550142", "text": ""}, 400),
        ({"from": "+12025550142", "text": "x" * 1601}, 400),
        (b"x" * 20_000, 400),
        ({"from": "+12025550142", "text": "nobody"}, 404),
    ],
)
async def test_a_text_that_cannot_be_handed_in_says_why(body: Any, status: int) -> None:
    found, told = await sms(body)
    assert found == status and told["error"]


async def test_forms_of_other_pages_cannot_send_texts() -> None:
    body = {"from": "+12025550142", "text": "clean lobby"}
    assert (await sms(body, content_type="text/plain"))[0] == 415
    refused = await answer(
        "api/sms",
        "POST",
        orjson.dumps(body),
        content_type="application/json",
        origin="http://evil.example",
    )
    assert refused.status == 403


async def test_a_refused_upgrade_is_answered_with_the_reason() -> None:
    served = console()
    asked = request("live", upgrade="websocket", origin="http://evil.example")
    assert served.websocket(asked) is None
    assert (await served.handle(asked)).status == 403
    assert served.websocket(request("nowhere", upgrade="websocket")) is None


async def test_a_token_in_the_address_becomes_a_cookie() -> None:
    served = console(guard=Guard(token="secret"))
    assert (await served.handle(request(""))).status == 401
    entered = await served.handle(request("?token=secret"))
    assert (entered.status, entered.header("Location")) == (303, "/_pileus/")
    cookie = (entered.header("Set-Cookie") or "").split(";")[0]
    assert (await served.handle(request("", cookie=cookie))).status == 200


async def test_the_live_socket_begins_with_hello_and_goes_on() -> None:
    served, socket = console(), FakeSocket()
    handler = served.websocket(request("live", upgrade="websocket"))
    assert handler is not None
    talking = asyncio.ensure_future(handler(socket))
    await socket.has_sent(1)
    served.feed.publish(ACCOUNT, "rooms", "", "busy")
    await socket.has_sent(2)
    hello, frame = (orjson.loads(message)["messages"] for message in socket.sent[:2])
    assert hello[0]["type"] == "hello" and hello[0]["protocol"] == 1
    assert frame == [{"type": "rooms", "items": ["busy"]}]
    socket.gone.set()
    await talking
    assert served.feed.watched_accounts() == set()


def batch() -> bytes:
    described = b'{"codec": "avc1.42c01f", "width": 640, "height": 360, "frames_per_second": 10.0}'
    kinds = [(DESCRIPTION, described), (KEY_PICTURE, b"key"), (PICTURE, b"next"), (JPEG, b"jpeg")]
    return b"".join(pack(kind, at * 100, 1000 + at, data) for at, (kind, data) in enumerate(kinds))


async def test_pictures_go_from_the_player_to_the_page() -> None:
    served, socket = console(), FakeSocket()
    fed = await served.handle(request("media/lobby/preview", "POST", batch()))
    assert orjson.loads(fed.body) == {"watchers": 0, "jpeg": False}  # type: ignore[arg-type]
    handler = served.websocket(request("preview/lobby", upgrade="websocket"))
    assert handler is not None
    talking = asyncio.ensure_future(handler(socket))
    await socket.has_sent(3)
    assert [message[0] for message in socket.sent] == [DESCRIPTION, KEY_PICTURE, PICTURE]
    socket.gone.set()
    await talking


async def test_jpegs_come_as_parts_that_tell_their_time() -> None:
    served = console()
    await served.handle(request("media/lobby/preview", "POST", batch()))
    response = await served.handle(request("preview/lobby.mjpeg"))
    parts = aiter(response.body)  # type: ignore[arg-type]
    part = await anext(parts)
    assert b"X-Pts-Ms: 300\r\n" in part and b"X-Captured-At-Ms: 1003\r\n" in part
    assert part.endswith(b"\r\n\r\njpeg\r\n") and b"Content-Length: 4\r\n" in part
    assert served.previews.sources()[0]["watchers"] == 1
    await parts.aclose()  # type: ignore[attr-defined]
    assert served.previews.sources()[0]["watchers"] == 0


@pytest.mark.parametrize("body", [b"\x00", batch()[:-1], b"x" * (9 << 20)])
async def test_a_malformed_batch_is_refused(body: bytes) -> None:
    assert (await answer("media/lobby/preview", "POST", body)).status == 400


async def test_sockets_are_bounded() -> None:
    served = console()
    sockets = [FakeSocket() for _ in range(SOCKETS_MAX + 1)]
    talks = []
    for socket in sockets:
        handler = served.websocket(request("preview/lobby", upgrade="websocket"))
        assert handler is not None
        talks.append(asyncio.ensure_future(handler(socket)))
    await asyncio.sleep(0)
    assert sockets[-1].closed is not None and sockets[-1].closed[0] == 1013
    for socket in sockets:
        socket.gone.set()
    await asyncio.gather(*talks)
