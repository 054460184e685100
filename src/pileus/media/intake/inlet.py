"""The process's end of the inlet: publishers one after another, each a file that ends."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

from pileus.media.units import SourceError
from pileus.values.inlet_frames import BEGIN, CUT, DATA, END, HEAD, OFFER

_POLL_S = 0.2


class Inlet:
    """Publishers of one source. ``mono_s``: monotonic seconds; ``idle`` is called while nothing comes, and
    is false to end it all."""

    def __init__(self, fd: int, mono_s: Callable[[], float], idle: Callable[[], bool]) -> None:
        self._socket = socket.socket(fileno=fd)
        self._mono_s, self._idle = mono_s, idle
        self.is_closed = False

    def publisher(self, within_s: float) -> Publisher | str | None:
        """The next publisher, or the offer of one that comes by WebRTC; None where none comes in time."""
        until_s = self._mono_s() + within_s
        while not self.is_readable():
            if self.is_closed or self._mono_s() >= until_s:
                return None
        kind, length = self.head()
        if kind == OFFER:
            return self._text(length)
        if kind in (END, CUT):
            return self.publisher(within_s)  # of one that is gone already
        if kind != BEGIN:
            raise SourceError(f"The inlet begins with {kind}.")
        return Publisher(self)

    def _text(self, length: int) -> str:
        raw = b""
        while len(raw) < length and (part := self.receive(length - len(raw))):
            raw += part
        return raw.decode()

    def is_readable(self, within_s: float = _POLL_S) -> bool:
        """Whether something came within a moment."""
        readable, _, _ = select.select([self._socket], [], [], within_s)
        if not readable and not self._idle():
            self.is_closed = True
        return bool(readable)

    def head(self) -> tuple[int, int]:
        """The next frame's kind and length; ``CUT`` where the platform is gone."""
        raw = b""
        while len(raw) < HEAD.size:
            part = self._socket.recv(HEAD.size - len(raw))
            if not part:
                return CUT, 0
            raw += part
        kind, length = HEAD.unpack(raw)
        return kind, length

    def receive(self, size: int) -> bytes:
        """At most so many bytes of the frame under way; none where the platform is gone."""
        return self._socket.recv(size)


class Publisher:
    """What one publisher sends, as a file that is read once, from start to end.

    Attributes:
        is_over: it sends nothing any more.
        is_clean: it has ended itself, rather than been cut off.
        on_silence, on_sound: called when nothing came for ``silent_s``, and when something comes again.
    """

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._left = 0
        self.is_over = self.is_clean = False
        self.silent_s = 4.0
        self.on_silence: Callable[[], None] = _nothing
        self.on_sound: Callable[[], None] = _nothing

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes as they come; none at the end. It raises nothing, as FFmpeg could not hand it
        on."""
        while not self.is_over:
            self._wait()
            if self._inlet.is_closed:
                break
            if self._left:
                data = self._inlet.receive(min(size, self._left))
                self._left -= len(data)
                self.is_over = not data
                return data
            self._frame()
        return b""

    def _frame(self) -> None:
        kind, length = self._inlet.head()
        if kind == DATA:
            self._left = length
        else:
            self.is_over, self.is_clean = True, kind == END

    def close(self) -> None:
        """It is read no more."""

    def _wait(self) -> None:
        is_silent, waited_s = False, 0.0
        while not self._inlet.is_readable() and not self._inlet.is_closed:
            waited_s += _POLL_S
            if waited_s >= self.silent_s and not is_silent:
                is_silent = True
                self.on_silence()
        if is_silent:
            self.on_sound()


def _nothing() -> None:
    """Nobody wants to know."""
