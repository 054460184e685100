"""Wings: made once, when wanted, and closed in order; the ways in that lead to them."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.gateway import claims
from pileus.gateway.app import OWN_PREFIX
from pileus.kernel.settings import Settings
from pileus.platform import Platform, start
from pileus.platform.opening import WINGS
from pileus.platform.running import Closing
from pileus.services.cloudformation import answers
from pileus.services.lambda_ import downloads


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    started = await start(Settings(port=0, data_dir=tmp_path / "data"))
    yield started
    await started.close()


async def test_a_wing_is_built_once_and_not_before_it_is_wanted(platform: Platform) -> None:
    assert platform.built("node") is None
    nodes = platform.wing("node")
    assert platform.wing("node") is nodes is platform.built("node")


async def test_every_wing_that_parts_come_from_can_be_built(platform: Platform) -> None:
    for package, wing in WINGS.items():
        importlib.import_module(package)
        platform.wing(wing)


async def test_wings_are_closed_in_the_order_of_closing(tmp_path: Path) -> None:
    platform = await start(Settings(port=0, data_dir=tmp_path / "data"))
    closed: list[Closing] = []

    def closes(when: Closing) -> None:
        async def close() -> None:
            closed.append(when)
            if when is Closing.TASKS:
                # What ends may be the first to need something that ends later.
                closes(Closing.LOGS)

        platform.at_close(when, close)

    for when in (Closing.NODE, Closing.TASKS, Closing.LAYERS, Closing.POOLS, Closing.METADATA):
        closes(when)
    await platform.close()
    assert closed == list(Closing)


def test_the_gateway_knows_the_paths_that_rooms_hand_out() -> None:
    assert claims.CODE == downloads.PATH
    assert OWN_PREFIX + claims.ANSWERS == answers.PATH
