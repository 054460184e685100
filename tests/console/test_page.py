"""The page in a real Chromium: what it shows, on which screens, and that nothing goes wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.console.chromium import Chromium, Page
from tests.console.clip import synthetic_clip
from tests.console.conftest import Stage
from tests.console.fake_feed import FakePlatform, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

CHECKS = (Path(__file__).parent / "page_checks.js").read_text()
HAS_BOXES = "window.pileus?.picture.hasBoxes && window.pileus.picture.boxes.length > 0"


async def opened(page: Page, stage: Stage, *, until: str = HAS_BOXES) -> None:
    await page.open(stage.address)
    await page.wait_for("window.pileus !== undefined")
    await page.evaluate(CHECKS)
    await page.wait_for(until)


async def test_shows_the_app_without_any_request_elsewhere(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.wait_for("document.querySelectorAll('.node').length >= 20")
    await page.wait_for("document.querySelectorAll('#function-rows tr:not(.empty)').length >= 2")
    await page.wait_for("document.querySelectorAll('#log-lines li').length > 5")
    await page.wait_for("document.querySelectorAll('#call-rows li').length > 5")
    assert "corb-results" in await page.evaluate("document.querySelector('#rooms').textContent")
    assert "VideoIngress" in await page.evaluate("document.querySelector('#functions').textContent")
    foreign = [each for each in page.requests if not each.startswith(stage.address)]
    assert foreign == []


async def test_something_is_painted_before_anything_came(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    boxes_ms = await page.evaluate("performance.now()")
    painted_ms = await page.wait_for(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    )
    assert painted_ms < boxes_ms


async def exact_figures(page: Page) -> list[dict[str, Any]]:
    """Several moments at which the shown frame is one the detector looked at."""
    found: dict[float, dict[str, Any]] = {}
    for _ in range(200):
        figures = await page.evaluate("window.checks.figures()")
        if figures["exact"] and figures["seen"]:
            found[figures["pts"]] = figures
        if len(found) >= 5:
            return list(found.values())
        await asyncio.sleep(0.04)
    raise AssertionError(f"only {len(found)} exact frames were seen")


def assert_boxes_fit(figures: list[dict[str, Any]]) -> None:
    for moment in figures:
        for figure in moment["seen"]:
            for drawn, found in zip(figure["drawn"], figure["found"], strict=True):
                # A frame earlier or later the figures stand at least 8 of 640 pixels away.
                assert abs(drawn - found) < 5 / 640, moment


async def test_boxes_are_drawn_for_the_exact_frame(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    figures = await exact_figures(page)
    assert figures[0]["mode"].startswith("H.264")
    assert_boxes_fit(figures)


async def test_without_webcodecs_jpegs_are_shown_with_the_same_boxes(
    page: Page, stage: Stage
) -> None:
    await page.before_load("delete window.VideoDecoder")
    await opened(page, stage)
    figures = await exact_figures(page)
    assert figures[0]["mode"] == "MJPEG"
    assert_boxes_fit(figures)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
async def test_fits_and_can_be_read(
    page: Page, stage: Stage, width: int, height: int, scheme: str
) -> None:
    await page.size(width, height, phone=width < 600, scale=2 if width < 600 else 1)
    await page.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    await opened(page, stage)
    await page.wait_for("document.querySelectorAll('#function-rows tr:not(.empty)').length >= 2")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("window.checks.wide()") == []
    assert await page.evaluate("window.checks.faint()") == []
    if folder := os.environ.get("PILEUS_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"{scheme}-{width}.png", whole=True)


async def test_every_control_has_a_name(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    assert await page.nameless_controls() == []


async def test_an_sms_conversation_by_keyboard(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.evaluate("document.querySelector('#composer-text').focus()")
    await page.type("alarm lobby 9")
    await page.press("Enter", "\r")
    await page.wait_for(
        "[...document.querySelectorAll('#bubbles .out')].some(b => b.textContent.includes('more than 9'))"
    )
    sent = "[...document.querySelectorAll('#bubbles .in')].filter(b => b.textContent === 'alarm lobby 9')"
    assert await page.evaluate(f"{sent}.length") == 1
    assert ("000000000000", "+12025550142", "alarm lobby 9") in stage.platform.sms_taken
    await page.wait_for("document.querySelector('#people-limit').textContent === '9 people'")


async def test_map_and_log_by_keyboard(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    node = (
        "[...document.querySelectorAll('.node')].find(n => n.ariaLabel?.endsWith('VideoIngress'))"
    )
    await page.wait_for(f"{node} !== undefined")
    await page.evaluate(f"{node}.focus()")
    await page.press("Enter", "\r")
    detail = await page.evaluate("document.querySelector('#map-detail').textContent")
    assert "passes results to" in detail and "arn:aws:lambda" in detail
    await page.evaluate("document.querySelector('#map-detail button').click()")
    names = (
        "[...new Set([...document.querySelectorAll('#log-lines li span')].map(s => s.textContent))]"
    )
    await page.wait_for(f"JSON.stringify({names}) === '[\"VideoIngress\"]'")
    await page.evaluate("document.querySelector('#log-text').focus()")
    await page.type("persons=")
    await page.wait_for(
        "[...document.querySelectorAll('#log-lines p')].every(p => p.textContent.includes('persons='))"
    )
    await page.evaluate("document.querySelector('#log-pause').click()")
    before = await page.evaluate("document.querySelectorAll('#log-lines li').length")
    await page.wait_for(
        "/[1-9]\\d* lines? waiting/.test(document.querySelector('#log-note').textContent)"
    )
    assert await page.evaluate("document.querySelectorAll('#log-lines li').length") == before


async def test_sparks_run_unless_less_motion_is_wanted(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.wait_for("document.querySelectorAll('.pulse').length > 0")
    await page.prefer(prefers_reduced_motion="reduce")
    await page.wait_for("document.querySelectorAll('.pulse').length === 0")
    await page.wait_for("document.querySelectorAll('.link.is-lit').length > 0")
    assert await page.evaluate("document.querySelectorAll('.pulse').length") == 0


async def test_comes_back_when_the_platform_does(chromium: Chromium) -> None:
    page = await chromium.page()
    platform = FakePlatform(synthetic_clip(seconds=4))
    async with served(platform) as address:
        playing = asyncio.ensure_future(platform.play())
        await page.open(f"{address}/_pileus/")
        await page.wait_for(HAS_BOXES)
        playing.cancel()
    await page.wait_for("!document.querySelector('#outage').hidden")
    again = FakePlatform(synthetic_clip(seconds=4))
    async with served(again, int(address.rsplit(":", 1)[1])) as address:
        playing = asyncio.ensure_future(again.play())
        await page.wait_for("document.querySelector('#outage').hidden")
        await page.wait_for(f"{HAS_BOXES} && window.pileus.picture.pts < 4000")
        await exact_after_restart(page)
        playing.cancel()
    await page.close()


async def exact_after_restart(page: Page) -> None:
    await page.evaluate(CHECKS)
    assert_boxes_fit(await exact_figures(page))
