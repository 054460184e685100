"""The page of live media in a real Chromium: the picture and its boxes, the recording, what was said, the buttons."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from tests.console.chromium import Page
from tests.console.clip import Clip, synthetic_clip
from tests.console.fake_media import MediaPlatform, media_served
from tests.console.test_page import CHECKS, assert_boxes_fit, exact_figures

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

HAS_BOXES = "window.pileus?.picture.exact && window.pileus.picture.boxes.length > 0"
IS_RECORDED = f"{HAS_BOXES} && !window.pileus.picture.isLive"


@pytest.fixture(scope="session")
def clip() -> Clip:
    return synthetic_clip(seconds=60)


@pytest_asyncio.fixture(loop_scope="session")
async def shown(page: Page, clip: Clip) -> AsyncIterator[tuple[Page, MediaPlatform]]:
    """The page on a platform whose camera was switched on a moment ago."""
    async with media_served(clip) as (platform, address):
        await page.open(address)
        await page.wait_for("window.pileus !== undefined")
        await page.evaluate(CHECKS)
        yield page, platform
        await page.open("about:blank")


Shown = tuple[Page, MediaPlatform]


async def click(page: Page, selector: str) -> None:
    await page.evaluate(f"document.querySelector({selector!r}).click()")


async def text(page: Page, selector: str) -> str:
    found: str = await page.evaluate(f"document.querySelector({selector!r}).textContent")
    return found


async def seek(page: Page, share: float) -> None:
    """Press on the timeline."""
    place: Any = await page.evaluate(
        "(() => { const c = document.querySelector('#timeline'); c.scrollIntoView({ behavior: 'instant', block: 'center' });"
        " const { left, top, width } = c.getBoundingClientRect(); return [left, top, width]; })()"
    )
    given = {"x": place[0] + place[2] * share, "y": place[1] + 20, "button": "left"}
    for kind in ("mousePressed", "mouseReleased"):
        await page.command("Input.dispatchMouseEvent", type=kind, clickCount=1, **given)


async def test_boxes_are_drawn_for_the_exact_frame(shown: Shown) -> None:
    page, _ = shown
    await page.wait_for(HAS_BOXES)
    figures = await exact_figures(page)
    assert figures[0]["mode"].startswith("H.264")
    assert_boxes_fit(figures)
    assert await page.evaluate("window.pileus.picture.delayMs") < 1500


async def test_the_wall_tells_state_still_and_what_is_seen(shown: Shown) -> None:
    page, _ = shown
    await page.wait_for("document.querySelector('.said')?.textContent === '3 persons'")
    assert await text(page, ".still .state") == "live"
    await page.wait_for("document.querySelector('.still img.is-there')?.naturalWidth === 320")
    await page.wait_for("document.querySelector('#events img')?.naturalWidth === 320")
    assert "3 persons" in await text(page, "#events")
    assert "persons" in await text(page, "#lane-rows")


async def test_the_recording_is_played_with_the_boxes_of_its_frames(shown: Shown) -> None:
    page, _ = shown
    await page.wait_for("document.querySelector('#events img')?.naturalWidth === 320")
    await seek(page, 0.75)
    await page.wait_for(IS_RECORDED)
    found = await page.evaluate("window.pileus.picture")
    assert found["mode"] == "recording" and len(found["boxes"]) == 3
    assert await text(page, "#clock-note") == "recorded"
    first = found["pts"]
    await page.wait_for(f"window.pileus.picture.pts > {first + 500}")
    await click(page, "#go-live")
    await page.wait_for(f"{HAS_BOXES} && window.pileus.picture.isLive")


async def test_an_engine_is_put_on_and_taken_off_and_its_words_run_along(shown: Shown) -> None:
    page, platform = shown
    await page.wait_for("document.querySelector('#engine option')?.value === 'speech'")
    await click(page, "#put-on button")
    await page.wait_for("document.querySelectorAll('#words p span').length > 4")
    assert platform.media.pipelines["news"]["Engines"] == ["persons", "speech"]
    assert (await text(page, "#words p")).startswith("good evening and")
    await page.wait_for("document.querySelector('#words .is-now') !== null")
    await click(page, "[aria-label='Take speech off']")
    await page.wait_for("document.querySelectorAll('#lane-rows tr').length === 1")
    assert platform.media.pipelines["news"]["Engines"] == ["persons"]


async def test_a_source_is_added_and_a_refusal_is_said(shown: Shown) -> None:
    page, platform = shown
    await page.wait_for(HAS_BOXES)
    await click(page, "#add-source")
    for name, problem in (("lobby", True), ("gate", False)):
        await page.evaluate("document.querySelector('#source-name').select()")
        await page.type(name)
        await page.evaluate("document.querySelector('#source-url').select()")
        await page.type("rtsp://camera/2")
        await page.press("Enter", "\r")
        if problem:
            await page.wait_for("!document.querySelector('#source-form .trouble').hidden")
            assert "already" in await text(page, "#source-form .trouble")
            page.problems.clear()  # the browser notes the refused request
    await page.wait_for("document.querySelector('#stage-title').textContent === 'gate'")
    assert platform.media.sources["gate"]["Url"] == "rtsp://camera/2"
    await page.wait_for("document.querySelector('#picture-words').textContent === 'Connecting.'")


async def test_this_device_is_a_camera_until_it_is_stopped(shown: Shown) -> None:
    page, platform = shown
    await page.wait_for(HAS_BOXES)
    await click(page, "#use-device")
    await page.evaluate("document.querySelector('#device-name').select()")
    await page.type("phone")
    await click(page, "#device-form [type=submit]")
    await page.wait_for("document.querySelector('#on-air').classList.contains('is-live')")
    await page.wait_for("document.querySelector('#stage-title').textContent === 'phone'")
    assert platform.media.sources["phone"]["Push"] is True
    await platform.has_pushed(lambda pushed: sum(map(len, pushed)) > 20_000)
    await click(page, "#on-air-stop")
    await platform.has_pushed(lambda pushed: pushed[-1] == '{"event":"end"}')
    webm = b"".join(each for each in platform.pushed if isinstance(each, bytes))
    assert parse_head(webm) == ("h264", 720)
    assert await page.evaluate("document.querySelector('#on-air').hidden")


def parse_head(webm: bytes) -> tuple[str, int]:
    """Codec and height of what a recorder made."""
    with av.open(io.BytesIO(webm)) as opened:
        context = opened.streams.video[0].codec_context
        return context.name, context.height


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
async def test_records_are_shown_in_the_place_of_the_picture(
    shown: Shown, width: int, height: int
) -> None:
    page, platform = shown
    await page.size(width, height, phone=width < 600, scale=2 if width < 600 else 1)
    platform.media.add_records("sensors")
    card = "[...document.querySelectorAll('#wall button')].find((b) => b.textContent.includes('sensors'))"
    await page.wait_for(f"{card}?.textContent.includes('no record yet')")
    await page.evaluate(f"{card}.click()")
    await page.wait_for(
        "document.querySelector('#picture-words').textContent === 'No record has come yet.'"
    )
    for n in range(130):
        platform.media.put_record("sensors", {"sensor": "<b>door</b>", "celsius": n, "is": [n]})
    await page.wait_for(
        "document.querySelector('#records li')?.textContent.includes('celsius 129')"
    )
    assert await page.evaluate("document.querySelectorAll('#records li').length") == 100
    assert "sensor <b>door</b>" in await text(page, "#records li code")
    platform.media.put_record("sensors", 7)
    await page.wait_for("document.querySelector('#records li code')?.textContent === '7'")
    await page.wait_for(
        "document.querySelector('#stage-chips').textContent.includes('131 records')"
    )
    await page.wait_for(f"{card}.querySelector('code').textContent === '7'")
    visible = "(() => { const { width, height } = document.querySelector('#records').getBoundingClientRect(); return width > 300 && height > 150; })()"
    assert await page.evaluate(visible)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("window.checks.wide()") == []
    if folder := os.environ.get("PILEUS_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"records-{width}.png", whole=True)
    await page.evaluate("document.querySelector('#wall button').click()")
    await page.wait_for(HAS_BOXES)
    assert await page.evaluate("document.querySelector('#records').hidden")


async def test_a_source_is_removed_with_what_looks_at_it(shown: Shown) -> None:
    page, platform = shown
    await page.wait_for(HAS_BOXES)
    await page.evaluate("window.confirm = () => true")
    await click(page, "#remove-source")
    await page.wait_for("document.querySelector('#wall').classList.contains('is-empty')")
    assert platform.media.sources == {} == platform.media.pipelines
    assert await text(page, "#stage-title") == "No source"


async def test_without_webcodecs_jpegs_are_shown_with_the_same_boxes(
    page: Page, clip: Clip
) -> None:
    await page.before_load("delete window.VideoDecoder")
    async with media_served(clip) as (_, address):
        await page.open(address)
        await page.wait_for(HAS_BOXES)
        await page.evaluate(CHECKS)
        figures = await exact_figures(page)
        assert figures[0]["mode"] == "MJPEG"
        assert_boxes_fit(figures)
        await page.open("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
async def test_fits_and_can_be_read(shown: Shown, width: int, height: int, scheme: str) -> None:
    page, _ = shown
    await page.size(width, height, phone=width < 600, scale=2 if width < 600 else 1)
    await page.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    await page.wait_for("document.querySelector('#engine option')?.value === 'speech'")
    await click(page, "#put-on button")
    await page.wait_for("document.querySelectorAll('#words p span').length > 6")
    await page.wait_for("document.querySelector('#events img')?.naturalWidth === 320")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("window.checks.wide()") == []
    assert await page.evaluate("window.checks.faint()") == []
    if folder := os.environ.get("PILEUS_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"media-{scheme}-{width}.png", whole=True)


async def test_every_control_has_a_name_and_nothing_is_asked_elsewhere(shown: Shown) -> None:
    page, _ = shown
    await page.wait_for(HAS_BOXES)
    assert await page.nameless_controls() == []
    base = (await page.evaluate("location.href")).split("media.html")[0]
    assert [each for each in page.requests if not each.startswith((base, "blob:"))] == []


async def test_an_empty_platform_says_how_to_begin(page: Page, clip: Clip) -> None:
    async with media_served(clip) as (platform, address):
        platform.media.sources.clear()
        platform.media.pipelines.clear()
        await page.open(address)
        await page.wait_for("document.querySelector('#wall')?.classList.contains('is-empty')")
        assert await text(page, "#stage-title") == "No source"
        await page.open("about:blank")
