"""Real videos in, real pictures out: the app on a live platform, with its own Debian and ffmpeg."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from tests.conformance.live import LivePlatform
from tests.fault.thumbnailer import Thumbnailer, need_what_the_base_is_made_of, write_video
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("thumbnails")]
Picture = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def app(live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Thumbnailer:
    need_what_the_base_is_made_of()
    made = Thumbnailer(live_platform)
    made.deploy(tmp_path_factory.mktemp("program"))
    return made


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video"))


def pictures(content: bytes) -> list[Picture]:
    with av.open(io.BytesIO(content)) as film:
        return [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in film.decode(video=0)]


def nearest(thumbnail: bytes, video: Path) -> tuple[int, float]:
    """Which picture of the video the thumbnail shows, and how far it is from it on average."""
    [shown] = pictures(thumbnail)
    away = [float(np.abs(one - shown).mean()) for one in pictures(video.read_bytes())]
    return int(np.argmin(away)), min(away)


@pytest.mark.parametrize(
    ("key", "index"),
    [
        ("cat_00-01.mp4", 25),
        ("cat_00-00-03.mp4", 75),
        ("plain.mp4", 0),
        ("my films/Kätzchen 猫 'n' 50%d:+_00-02.mp4", 50),
    ],
)
def test_the_picture_at_the_moment(app: Thumbnailer, video: Path, key: str, index: int) -> None:
    app.put(key, video)
    found, away = nearest(app.thumbnail(key), video)
    assert found == index
    assert away < 4
    assert app.stopped(key)["containers"][0]["exitCode"] == 0
    line = f"*** New thumbnail: file {key}.jpg."
    until(lambda: line in app.said("onNewThumbnail"), "onNewThumbnail")
    assert app.said("onNewThumbnail").count(line) == 1


def test_two_videos_at_once(app: Thumbnailer, video: Path) -> None:
    keys = ["first_00-01.mp4", "second_00-02.mp4"]
    for key in keys:
        app.put(key, video)
    until(
        lambda: all(any(t["lastStatus"] == "RUNNING" for t in app.tasks(key)) for key in keys),
        "both tasks at once",
    )
    assert [nearest(app.thumbnail(key), video)[0] for key in keys] == [25, 50]


def test_a_bad_video_fails_where_one_can_see_it(app: Thumbnailer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video at all")
    app.put("bad_00-01.mp4", bad)
    task = app.stopped("bad_00-01.mp4")
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["containers"][0]["exitCode"] not in (0, None)
    assert "Invalid data found when processing input" in app.output(task)
    assert "bad_00-01.mp4" in app.stored()
    assert "bad_00-01.mp4.jpg" not in app.stored()


def test_a_moment_after_the_end_fails(app: Thumbnailer, video: Path) -> None:
    app.put("short_10-00.mp4", video)
    task = app.stopped("short_10-00.mp4")
    assert task["containers"][0]["exitCode"] not in (0, None)
    assert "short_10-00.mp4.jpg does not exist" in app.output(task)
    assert "short_10-00.mp4.jpg" not in app.stored()


def test_a_task_gets_the_memory_it_reserved_and_no_more(app: Thumbnailer, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    side = 13_000
    with av.open(str(huge), "w", format="mp4") as film:
        stream = film.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = side, side, "yuvj420p"
        picture = av.VideoFrame(side, side, "yuvj420p")
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        picture.pts = 0
        film.mux(stream.encode(picture))
        film.mux(stream.encode())
    app.put("huge_00-00.mp4", huge)
    task = app.stopped("huge_00-00.mp4")
    [container] = task["containers"]
    assert container["reason"].startswith("OutOfMemoryError: Container killed due to memory usage")
    assert container["exitCode"] == 137
    assert "huge_00-00.mp4.jpg" not in app.stored()
