"""``kill -9`` of the platform while apps/raytracer renders: every tile is there, the picture is put once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.live import LivePlatform
from tests.fault.raytracer import TILES, Raytracer, rendered_alone, small_scene
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("raytracer_kills")]


@pytest.fixture(scope="module")
def app(live_platform: LivePlatform) -> Raytracer:
    made = Raytracer(live_platform)
    made.deploy()
    return made


def _check(app: Raytracer, name: str, scene: bytes, folder: Path) -> None:
    assert app.picture(name) == rendered_alone(scene, folder)
    assert app.files(name, ".rgb") == [f"{tile:04}.rgb" for tile in range(TILES)]
    attempts = app.attempts(name)
    assert attempts.keys() == set(range(TILES))
    # No two tasks for one attempt: a step that came again found the task that it had started.
    assert all(numbers == list(range(len(numbers))) for numbers in attempts.values()), attempts
    assert app.versions(name.replace(".zip", ".png")) == 1


def test_kill_at_every_step(app: Raytracer, tmp_path: Path) -> None:
    scene = small_scene(seed=5, samples=3)
    name = "steps.zip"
    app.put(name, scene)
    moments: list[tuple[str, Callable[[], Any]]] = [
        ("put", lambda: True),
        ("begun", lambda: app.render_of(name)),
        ("tasks", lambda: app.tasks(name)),
        ("first tile", lambda: app.files(name, ".rgb")),
        ("half", lambda: len(app.files(name, ".rgb")) >= TILES // 2),
        ("last tile", lambda: len(app.files(name, ".rgb")) == TILES),
    ]
    for what, is_reached in moments:
        until(is_reached, what)
        app.kill()
    _check(app, name, scene, tmp_path)


@pytest.mark.parametrize("pause_s", [0.2, 0.9])
def test_kill_again_and_again(app: Raytracer, pause_s: float, tmp_path: Path) -> None:
    scene = small_scene(seed=7, samples=3)
    name = f"again-{pause_s}.zip"
    app.put(name, scene)
    for _ in range(4):
        time.sleep(pause_s)
        app.kill()
    _check(app, name, scene, tmp_path)


def test_an_end_in_order_takes_the_tasks_along_and_they_come_again(
    app: Raytracer, tmp_path: Path
) -> None:
    scene = small_scene(seed=9, samples=3)
    name = "ordered.zip"
    app.put(name, scene)
    until(lambda: app.tasks(name), "tasks")
    assert app.platform.stop() == 0
    app.platform.start()
    _check(app, name, scene, tmp_path)
