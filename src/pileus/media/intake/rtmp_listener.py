"""A source that RTMP publishers connect to: who names its address and key is let in, one at a time."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from pileus.media.intake.location import Location
from pileus.media.intake.packets import Stalled
from pileus.media.rtmp import FLV_HEADER, Address, RtmpError, RtmpSession
from pileus.media.units import SourceError

_POLL_S = 0.2
_READ_BYTES = 65_536
_ASKING_S_MAX = 10.0
"""Who has not asked to publish by then is hung up on."""


class RtmpListener:
    """The next publisher of an address as a file of FLV; it hangs up by leaving the context.

    Args:
        silent_s: so long a publisher may say nothing.
        mono_s: monotonic seconds.
        idle: called while nothing comes; false to end it all.

    Raises:
        SourceError: nobody can listen at the address.
    """

    def __init__(
        self,
        location: Location,
        silent_s: float,
        mono_s: Callable[[], float],
        idle: Callable[[], bool],
    ) -> None:
        self._location, self._silent_s, self._mono_s, self._idle = location, silent_s, mono_s, idle
        parts = urlsplit(location.target)
        app, _, stream = parts.path.strip("/").rpartition("/")
        key = parse_qs(parts.query).get("key", [""])[0]
        self._address = Address(app, stream, key)
        try:
            family = socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET
            self._server = socket.create_server(
                (parts.hostname or "", parts.port or 1935), family=family
            )
        except OSError as error:
            raise SourceError(f"{location.shown}: {error.strerror or error}") from error
        self._peer: socket.socket | None = None
        self._session = RtmpSession(self._address)
        self._made = b""
        self._is_silent = False

    def __enter__(self) -> RtmpListener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self._hang_up()

    def read(self, size: int) -> bytes:
        """What the publisher sent, at most ``size`` bytes; none when it has ended. It raises nothing, as FFmpeg
        could not hand it on: :meth:`check` tells afterwards what was wrong."""
        if self._peer is None and not self._let_in():
            return b""
        while not self._made:
            data = b"" if self._session.is_ended else self._receive(self._silent_s)
            if not data:
                return b""
            self._made = self._taken(data) or b""
            if self._peer is None:
                return b""
        part, self._made = self._made[:size], self._made[size:]
        return part

    def check(self) -> None:
        """Raise Stalled after a silence."""
        if self._is_silent:
            raise Stalled(f"{self._location.shown} sends nothing any more.")

    def _let_in(self) -> bool:
        """Wait for somebody who may publish; False where nobody wants the source any more."""
        while self._idle():
            if not select.select([self._server], [], [], _POLL_S)[0]:
                continue
            self._peer, _ = self._server.accept()
            self._session = RtmpSession(self._address)
            if self._ask():
                self._is_silent = False
                self._server.close()  # one at a time: others are refused meanwhile
                return True
            self._hang_up()
        return False

    def _ask(self) -> bool:
        """Hear what somebody who has come wants; whether it may publish."""
        until_s = self._mono_s() + _ASKING_S_MAX
        while not self._session.is_publishing:
            data = self._receive(until_s - self._mono_s())
            made = self._taken(data) if data else None
            if made is None:
                return False
            self._made = FLV_HEADER + made
        return True

    def _taken(self, data: bytes) -> bytes | None:
        """The FLV that some bytes make; None where the publisher was hung up on."""
        assert self._peer is not None
        try:
            made = self._session.take(data)
        except RtmpError:
            made = None
        try:
            self._peer.sendall(bytes(self._session.answer))
        except OSError:
            made = None
        self._session.answer.clear()
        if made is None:
            self._hang_up()
        return made

    def _receive(self, within_s: float) -> bytes:
        """What comes next; none where it hung up, is silent for too long, or nobody wants the source."""
        assert self._peer is not None
        until_s = self._mono_s() + within_s
        while not select.select([self._peer], [], [], _POLL_S)[0]:
            self._is_silent = self._mono_s() >= until_s
            if self._is_silent or not self._idle():
                return b""
        try:
            return self._peer.recv(_READ_BYTES)
        except OSError:
            return b""

    def _hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
