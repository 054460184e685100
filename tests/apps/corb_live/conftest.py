"""The live engines of Edifice Corb, imported as an instance would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINES = Path(__file__).parents[3] / "apps" / "corb-live" / "engines"


@pytest.fixture(scope="session", autouse=True)
def engines_on_path() -> Iterator[None]:
    """What an instance does with the unpacked package."""
    sys.path.insert(0, str(ENGINES))
    yield
    sys.path.remove(str(ENGINES))
