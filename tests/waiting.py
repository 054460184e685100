"""Waiting for what another process does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_S = 0.03


def until(look: Callable[[], T], what: str, timeout_s: float = 240.0) -> T:
    """The first true answer of ``look``, however long a busy machine takes.

    Args:
        what: names it when it does not come.
        timeout_s: less than the default only where the time itself is promised.
    """
    end_s = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < end_s, f"{what}: nothing within {timeout_s:g} s"
        time.sleep(_PAUSE_S)
    return found
