"""Chance from the operating system's generator."""

from __future__ import annotations

import os

_DRAWN_BYTES = 4096
_SHARED_BYTES_MAX = 64


class SystemChance:
    """Unpredictable bytes, fit for secrets. Used from one thread.

    Small pieces are cut from one large draw: a draw is a system call. Every byte is given out once,
    and a forked child begins with a draw of its own.
    """

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._forget)

    def random_bytes(self, size: int) -> bytes:
        if size > _SHARED_BYTES_MAX:
            return os.urandom(size)
        at, end = self._at, self._at + size
        if end > len(self._drawn):
            self._drawn = os.urandom(_DRAWN_BYTES)
            at, end = 0, size
        self._at = end
        return self._drawn[at:end]

    def _forget(self) -> None:
        self._drawn, self._at = b"", 0
