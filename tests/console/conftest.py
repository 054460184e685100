"""One Chromium and one telling platform for the tests of the page."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.console.chromium import Chromium, Page, find_chromium
from tests.console.clip import synthetic_clip
from tests.console.fake_feed import FakePlatform, served


@dataclass(frozen=True, slots=True)
class Stage:
    """A platform that tells its story, and where its page is."""

    platform: FakePlatform
    address: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    if find_chromium() is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Debian's chromium: apt-get install chromium")
        pytest.skip("no chromium on this machine: apt-get install chromium")
    async with Chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    platform = FakePlatform(synthetic_clip(seconds=20))
    async with served(platform) as address:
        playing = asyncio.ensure_future(platform.play())
        yield Stage(platform, f"{address}/_pileus/")
        playing.cancel()


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    page = await chromium.page()
    await page.size(1440, 900)
    yield page
    await page.close()
    assert page.problems == []
