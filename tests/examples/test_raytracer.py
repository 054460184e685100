"""apps/raytracer on a live platform: the picture, refusals, tiles that fail."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from tests.conformance.live import LivePlatform
from tests.fault.raytracer import TILES, WORK, Raytracer, rendered_alone, small_scene
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("raytracer")]


@pytest.fixture(scope="module")
def app(live_platform: LivePlatform) -> Raytracer:
    made = Raytracer(live_platform)
    made.deploy()
    return made


def test_the_picture_is_that_of_one_process_bit_for_bit(app: Raytracer, tmp_path: Path) -> None:
    scene = small_scene()
    app.put("dusk/scene.zip", scene)
    assert app.picture("dusk/scene.zip") == rendered_alone(scene, tmp_path)
    assert app.attempts("dusk/scene.zip") == {tile: [0] for tile in range(TILES)}
    assert app.versions("dusk/scene.png") == 1


def test_what_is_told_again_changes_nothing(app: Raytracer) -> None:
    app.put("heard.zip", small_scene())
    picture = app.picture("heard.zip")
    render, tasks = app.render_of("heard.zip"), app.tasks("heard.zip")
    until(app.has_rested, "the end of all steps")
    for tile in range(TILES):
        app.send_step({"start": [render, tile]})
    for task in tasks:
        app.send_step({"detail-type": "ECS Task State Change", "detail": task})
        # The same, as if it had failed.
        (container,) = task["containers"]
        failed = {**task, "containers": [{**container, "exitCode": 1}]}
        app.send_step({"detail-type": "ECS Task State Change", "detail": failed})
    until(app.has_rested, "the end of all steps")
    assert {task["taskArn"] for task in app.tasks("heard.zip")} == {
        task["taskArn"] for task in tasks
    }
    assert app.versions("heard.png") == 1
    assert app.get("heard.png") == picture
    assert app.get("heard.error.json") is None


def test_a_scene_put_again_gets_a_new_picture(app: Raytracer, tmp_path: Path) -> None:
    app.put("twice.zip", small_scene(seed=1))
    first = app.render_of("twice.zip")
    app.put("twice.zip", small_scene(seed=2))
    until(lambda: app.render_of("twice.zip") != first, "the second render")
    wanted = rendered_alone(small_scene(seed=2), tmp_path)
    until(lambda: app.get("twice.png") == wanted, "the second picture")
    until(
        lambda: all(task["lastStatus"] == "STOPPED" for task in app.tasks("twice.zip")),
        "the end of all tasks",
    )
    assert app.get("twice.png") == wanted


def test_what_is_no_scene_is_refused_beside_it(app: Raytracer) -> None:
    app.put("bad.zip", b"not a zip")
    assert app.report("bad.zip")["refused"].startswith("the file cannot be read as a zip")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("scene.json", json.dumps({"picture": {"width": 0}, "objects": []}))
    app.put("worse.zip", written.getvalue())
    assert app.report("worse.zip")["refused"] == (
        "scene.json.objects: must be an array of 1 to 1000 elements"
    )
    # Mended, it has a picture and no report any more.
    app.put("bad.zip", small_scene())
    until(lambda: app.get("bad.error.json") is None, "the report's end")
    assert app.picture("bad.zip")


def _spoil(app: Raytracer, name: str) -> bytes:
    """Takes the scene away from the tasks of a render that has just begun."""
    key = f"renders/{app.render_of(name)}/scene.zip"
    whole: bytes = until(lambda: app.get(key, WORK), "the tasks' scene")
    app.s3.put_object(Bucket=WORK, Key=key, Body=b"spoilt")
    return whole


def test_tiles_that_failed_are_rendered_again(app: Raytracer, tmp_path: Path) -> None:
    scene = small_scene(samples=3)
    app.put("again.zip", scene)
    whole = _spoil(app, "again.zip")
    until(lambda: app.files("again.zip", ".0.error"), "a failure")
    key = f"renders/{app.render_of('again.zip')}/scene.zip"
    app.s3.put_object(Bucket=WORK, Key=key, Body=whole)
    assert app.picture("again.zip") == rendered_alone(scene, tmp_path)
    attempts = app.attempts("again.zip")
    assert attempts.keys() == set(range(TILES))
    assert any(len(numbers) > 1 for numbers in attempts.values()), attempts
    assert all(numbers == list(range(len(numbers))) for numbers in attempts.values()), attempts


def test_a_tile_that_always_fails_is_reported(app: Raytracer) -> None:
    app.put("never.zip", small_scene())
    _spoil(app, "never.zip")
    report = app.report("never.zip")
    assert report["failed"].startswith("tile ")
    assert report["attempts"] == 3
    assert "BadScene: the file cannot be read as a zip" in report["why"]
    assert app.get("never.png") is None


def test_tasks_that_are_stopped_are_started_again(app: Raytracer, tmp_path: Path) -> None:
    scene = small_scene(samples=4)
    app.put("stopped.zip", scene)
    ecs = app.platform.client("ecs")
    tasks = until(lambda: len(found := app.tasks("stopped.zip")) >= 4 and found, "tasks")
    for task in tasks:
        ecs.stop_task(cluster="raytracer", task=task["taskArn"], reason="to see what happens")
    assert app.picture("stopped.zip") == rendered_alone(scene, tmp_path)
    # One whose tile was done before it heard of the stop is not started again.
    ended = app.tasks("stopped.zip")
    cut_short = [task for task in ended if task["containers"][0].get("exitCode") != 0]
    assert len(ended) == TILES + len(cut_short)


def test_a_task_that_cannot_start_is_reported(app: Raytracer) -> None:
    app.deploy(RAYTRACER_IMAGE="nothing:1")
    app.put("imageless.zip", small_scene())
    report = app.report("imageless.zip")
    assert report["why"].startswith("CannotPullContainerError"), report
    assert report["attempts"] == 3
