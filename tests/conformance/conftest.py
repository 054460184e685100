"""A live platform for whoever asks: one per module, or as many as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform


@pytest.fixture(scope="module")
def live_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """A running platform, shared by the tests of a module: choose names that do not collide."""
    platform = LivePlatform(tmp_path_factory.mktemp("live") / "data").start()
    yield platform
    platform.stop()


@pytest.fixture
def make_platform(tmp_path: Path) -> Iterator[Callable[..., LivePlatform]]:
    """Makes platforms of the test's own, to be killed and started again at will."""
    made: list[LivePlatform] = []

    def make(name: str = "data", *options: str) -> LivePlatform:
        made.append(LivePlatform(tmp_path / name, options=options).start())
        return made[-1]

    yield make
    for platform in made:
        platform.stop()


@pytest.fixture
def platform(make_platform: Callable[..., LivePlatform]) -> LivePlatform:
    """A platform of the test's own."""
    return make_platform()


@pytest.fixture
def commands(live_platform: LivePlatform, tmp_path: Path) -> Commands:
    """A shell in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Commands(live_platform, folder, tmp_path / "cache")
