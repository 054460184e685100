"""``kill -9`` of the platform while the thumbnailer works: the picture comes, of one task, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.live import LivePlatform
from tests.fault.thumbnailer import Thumbnailer, need_what_the_base_is_made_of, write_video
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("thumbnailer_kills")]


@pytest.fixture(scope="module")
def app(live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Thumbnailer:
    need_what_the_base_is_made_of()
    made = Thumbnailer(live_platform)
    made.deploy(tmp_path_factory.mktemp("program"))
    return made


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video"))


def is_running(app: Thumbnailer, key: str) -> bool:
    return any(task["lastStatus"] == "RUNNING" for task in app.tasks(key))


def is_downloaded(app: Thumbnailer, key: str) -> bool:
    return is_running(app, key) and "download: " in app.output(app.tasks(key)[0])


MOMENTS: dict[str, Callable[[Thumbnailer, str], bool]] = {
    "acknowledged": lambda app, key: True,
    "task-accepted": lambda app, key: bool(app.tasks(key)),
    "task-running": is_running,
    "video-downloaded": is_downloaded,
    "picture-stored": lambda app, key: f"{key}.jpg" in app.stored(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_at_a_moment(app: Thumbnailer, video: Path, moment: str) -> None:
    _check(app, video, f"{moment}_00-01.mp4", lambda key: MOMENTS[moment](app, key), 0)


@pytest.mark.parametrize("moment", ["task-running", "video-downloaded"])
def test_a_platform_that_stays_away(app: Thumbnailer, video: Path, moment: str) -> None:
    """Longer than clients wait for their keys; the task does its work, or waits with it."""
    _check(app, video, f"{moment}-away_00-01.mp4", lambda key: MOMENTS[moment](app, key), 15)


def _check(
    app: Thumbnailer, video: Path, key: str, is_reached: Callable[[str], bool], away_s: float
) -> None:
    app.put(key, video)
    until(lambda: is_reached(key), "the moment")
    app.platform.kill()
    time.sleep(away_s)
    app.platform.start()
    assert app.thumbnail(key)
    task = app.stopped(key)
    assert task["containers"][0]["exitCode"] == 0, app.output(task)
    assert len(app.tasks(key)) == 1
    if not key.startswith("picture-stored"):  # there the last second of logs may be lost
        line = f"*** New thumbnail: file {key}.jpg."
        until(lambda: line in app.said("onNewThumbnail"), "onNewThumbnail")
        assert app.said("onNewThumbnail").count(line) == 1
