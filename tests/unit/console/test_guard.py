"""Who may talk to the console."""

from __future__ import annotations

import pytest

from pileus.console.guard import COOKIE, Guard
from pileus.protocols.http import HttpRequest

HOST = "127.0.0.1:4566"


def request(method: str = "GET", *, query: str = "", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, "/_pileus/", query, {"host": HOST, **named})


def status(guard: Guard, asked: HttpRequest, *, is_socket: bool = False) -> int | None:
    refused = guard.refusal(asked, is_socket=is_socket)
    return refused.status if refused else None


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost", "[::1]:4566", "127.8.9.1"])
def test_loopback_names_are_ours(host: str) -> None:
    assert status(Guard(), request(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:4566",
        "127.0.0.1.evil.example",
        "",
        "localhost.evil.example",
        "[::1",
        "10.0.0.7",
    ],
)
def test_a_foreign_host_name_is_refused_as_dns_rebinding(host: str) -> None:
    assert status(Guard(), request(host=host)) == 403


def test_a_configured_host_is_ours() -> None:
    assert status(Guard(frozenset({"studio.lan"})), request(host="studio.lan:4566")) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_posts_and_sockets_from_other_pages_are_refused(headers: dict[str, str]) -> None:
    assert status(Guard(), request("POST", **headers)) == 403
    assert status(Guard(), request(**headers), is_socket=True) == 403


def test_the_page_itself_and_programs_may_post() -> None:
    assert (
        status(Guard(), request("POST", origin=f"http://{HOST}", sec_fetch_site="same-origin"))
        is None
    )
    assert status(Guard(), request("POST")) is None


def test_a_link_from_elsewhere_may_open_the_page() -> None:
    assert status(Guard(), request(sec_fetch_site="cross-site")) is None


def test_a_token_is_asked_of_every_request() -> None:
    guard = Guard(token="secret")
    assert status(guard, request()) == 401
    assert status(guard, request(query="token=wrong")) == 401
    assert status(guard, request(query="token=secret")) is None
    assert status(guard, request(cookie=f"a=b; {COOKIE}=secret")) is None
    assert status(guard, request(cookie=f"{COOKIE}=wrong")) == 401
    assert status(guard, request(authorization="Bearer secret")) is None
    assert status(guard, request(query="token=ümläut")) == 401


def test_the_token_leaves_the_address_for_a_cookie() -> None:
    guard = Guard(token="secret")
    cookie = guard.entry_cookie(request(query="token=secret"))
    assert cookie is not None and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert guard.entry_cookie(request()) is None
    assert Guard().entry_cookie(request(query="token=")) is None


def test_functions_and_containers_see_no_page() -> None:
    from_a_sandbox = HttpRequest("GET", "/_pileus/", "", {"host": HOST}, is_loopback=False)
    assert status(Guard(), from_a_sandbox) == 403
    assert status(Guard(), from_a_sandbox, is_socket=True) == 403
    assert status(Guard(token="t"), from_a_sandbox) == 401
