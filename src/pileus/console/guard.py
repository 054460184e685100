"""Who may talk to the console: same origin only, and only under a name that is ours.

Three attacks from a web page the user happens to visit are refused here: a cross-origin POST or
WebSocket (the ``Origin`` header; WebSockets know no same-origin policy), DNS rebinding (a foreign
name that resolves to this machine shows in ``Host``), and framing (the headers below). A fourth comes
from inside: functions and containers reach the platform's port, and the page shows what none of them
may see.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from pileus.console.answers import query_of, text_answer
from pileus.protocols.http import HttpRequest, HttpResponse

COOKIE = "pileus_console"
_SAFE_METHODS = frozenset({"GET", "HEAD"})

SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Guard(msgspec.Struct, frozen=True):
    """Decides on a request before anything else looks at it.

    Attributes:
        hosts: names the platform was told to answer to, besides the loopback ones.
        token: when set, every request must show it (cookie, ``?token=`` or bearer header); the
            composition root sets one whenever the port is bound wider than loopback.
    """

    hosts: frozenset[str] = frozenset()
    token: str = ""

    def refusal(self, request: HttpRequest, *, is_socket: bool = False) -> HttpResponse | None:
        """The answer that turns ``request`` away, or None when it may pass."""
        if not request.is_loopback and not self.token:
            return text_answer(403, "The console is not for functions and containers.\n")
        host = request.host
        if not self._is_ours(host):
            return text_answer(
                403,
                f"The console does not answer to the host name {host!r}. "
                "Open it under 127.0.0.1, or start Pileus with --host.\n",
            )
        if (is_socket or request.method not in _SAFE_METHODS) and not _is_same_origin(
            request.headers, host
        ):
            return text_answer(403, "The console takes requests from its own page only.\n")
        if self.token and not self._knows_token(request):
            return text_answer(
                401,
                "Open the console with the address `pileus up` printed (it ends in ?token=…).\n",
            )
        return None

    def entry_cookie(self, request: HttpRequest) -> str | None:
        """The Set-Cookie value when the token came in the address, so that it can leave it."""
        if self.token and hmac.compare_digest(query_of(request).get("token", ""), self.token):
            return f"{COOKIE}={self.token}; Path=/_pileus/; HttpOnly; SameSite=Strict"
        return None

    def _is_ours(self, host: str) -> bool:
        name = _host_name(host)
        return name == "localhost" or _is_loopback(name) or name in self.hosts

    def _knows_token(self, request: HttpRequest) -> bool:
        shown = query_of(request).get("token", "")
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("Bearer "):
            shown = authorization.removeprefix("Bearer ")
        elif not shown:
            shown = _cookie(request.headers.get("cookie", ""))
        return hmac.compare_digest(shown.encode(), self.token.encode())


def _is_same_origin(headers: Mapping[str, str], host: str) -> bool:
    # A browser always names the origin of a POST or WebSocket; other programs name none, and a
    # web page cannot make one of those speak for it.
    site = headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
