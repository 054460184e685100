"""Chance from the operating system's generator."""

from __future__ import annotations

import os


class SystemChance:
    """Unpredictable bytes, fit for secrets."""

    def random_bytes(self, size: int) -> bytes:
        return os.urandom(size)
