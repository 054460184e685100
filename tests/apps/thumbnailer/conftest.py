"""The thumbnailer's files as Python finds them, and a live platform with the app on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.conformance.conftest import live_platform
from tests.fault.thumbnailer import APP

__all__ = ["live_platform"]


@pytest.fixture(scope="session", autouse=True)
def app_on_path() -> Iterator[None]:
    """What running a script of the app does, and what Lambda does with a function's code."""
    folders = [str(APP), str(APP / "functions")]
    sys.path[:0] = folders
    yield
    for folder in folders:
        sys.path.remove(folder)
