"""The page's pure modules: when a picture is shown, which boxes it gets, how the map is laid out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.console.chromium import Page
from tests.console.conftest import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

CHECKS = (Path(__file__).parent / "module_checks.js").read_text()


async def ask(page: Page, stage: Stage, name: str, **given: Any) -> Any:
    await page.open(stage.address)
    await page.wait_for("window.pileus !== undefined")
    await page.evaluate(CHECKS)
    return await page.evaluate(f"window.modules.{name}({json.dumps(given)})")


@pytest.mark.parametrize("rate", [1, 4, 0.5])
@pytest.mark.parametrize("jitter_ms", [0, 300])
async def test_no_moment_is_shown_before_its_boxes_are_known(
    page: Page, stage: Stage, rate: float, jitter_ms: int
) -> None:
    given = {"rate": rate, "segmentMs": 2000, "analysisMs": 600, "jitterMs": jitter_ms}
    found = await ask(page, stage, "timing", **given)
    assert (found["early"], found["back"], found["stalls"]) == (0, 0, 0)
    assert abs(found["rate"] - rate) < 0.05 * rate
    shortest_ms, longest_ms = found["delays"]
    needed_ms = 2000 / rate + 600
    assert needed_ms - 150 < shortest_ms
    assert longest_ms < needed_ms + jitter_ms + 600


async def test_detections_of_another_run_are_not_taken_for_this_ones(
    page: Page, stage: Stage
) -> None:
    assert await ask(page, stage, "otherRun") == [False, True]


async def test_boxes_are_exact_or_between_their_neighbours(page: Page, stage: Stage) -> None:
    found = await ask(page, stage, "boxes")
    assert found["exact"] == {"boxes": [[0.1, 0, 0.3, 1, 0.6]], "exact": True}
    (moved, *newcomers) = found["between"]["boxes"]
    assert [round(edge, 3) for edge in moved] == [0.15, 0, 0.35, 1, 0.7]
    assert newcomers == [[0.8, 0, 0.9, 1, 0.5]]
    assert len(found["after"]["boxes"]) == 2 and not found["after"]["exact"]
    assert found["far"]["boxes"] == []
    assert found["count"] == 2


@pytest.mark.parametrize(("nodes", "links"), [(2, 1), (8, 7), (20, 26), (40, 90), (12, 100)])
async def test_any_graph_is_drawn_without_overlap(
    page: Page, stage: Stage, nodes: int, links: int
) -> None:
    for seed in range(5):
        given = {"nodes": nodes, "links": links, "seed": seed}
        assert await ask(page, stage, "layout", **given) == [0, 0, 0]
