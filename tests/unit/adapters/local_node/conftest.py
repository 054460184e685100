"""A house for whoever asks; a module may have one of its own that looks more closely."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.adapters.local_node.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    await made.pools.close()
    await made.nodes.close()
