"""The process of a source on real cameras: they hang, die, and come back as others."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.adapters.local_intakes import LocalIntakes
from pileus.ports.intakes import Attach, Begin, Chunk, Format, Open, Segment, State
from tests.conformance.commands import is_ci

from .watched import Watched

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_camera.py")
_NEEDED = "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')"


def _has_camera() -> bool:
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", _NEEDED], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(
    not is_ci() and not _has_camera(), reason="gir1.2-gst-rtsp-server-1.0 is not installed"
)


class Camera:
    """The RTSP server's process."""

    def __init__(self, port: int = 0, size: tuple[int, int] = (320, 240)) -> None:
        command = [PYTHON, str(SCRIPT), str(port), *map(str, size)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Any]:
    intakes = LocalIntakes(tmp_path)
    started: list[Watched] = []

    async def begin(camera: Camera, **more: Any) -> Watched:
        url = f"rtsp://me:open-sesame@127.0.0.1:{camera.port}/cam"
        given = {"stall_s": 2.0, "segment_ms": 1000, **more}
        opened = Open(url=url, spool="a/r/cam", rings="", stream="1", **given)
        watched = Watched(await intakes.start("source cam", opened))
        started.append(watched)
        watched.intake.send(Attach(id="p", kind="frames", rate=5.0, width=160))
        watched.intake.send(Begin())
        return watched

    yield begin
    for each in started:
        await each.close()
    await intakes.close()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_camera_is_live_recorded_and_seen(watch: Any, transport: str) -> None:
    camera = Camera()
    try:
        seen = await watch(camera, options={"rtsp_transport": transport})
        await seen.until(lambda: len(seen.of(Segment)) >= 2 and len(seen.of(Chunk)) >= 5)
        assert seen.states == ["connecting", "live"]
        (shape,) = seen.of(Format)
        assert (shape.video, shape.width, shape.height) == ("h264", 320, 240)
        assert shape.audio == "pcm_mulaw"
    finally:
        camera.kill()


async def test_a_camera_that_hangs_is_told_and_read_again(
    watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    camera = Camera()
    try:
        seen = await watch(camera)
        await seen.until(lambda: len(seen.of(Segment)) >= 1)
        camera.signal(signal.SIGSTOP)
        await seen.until(lambda: "stalled" in seen.states)
        camera.signal(signal.SIGCONT)
        await seen.until(lambda: seen.states.count("live") == 2)
        silence = next(each for each in seen.of(State) if each.state == "stalled")
        assert silence.reason.endswith("/cam sends nothing any more.")
        assert "open-sesame" not in repr(seen.told) + caplog.text
    finally:
        camera.kill()


async def test_a_camera_comes_back_with_another_picture(watch: Any) -> None:
    camera = Camera()
    seen = await watch(camera)
    try:
        await seen.until(lambda: len(seen.of(Segment)) >= 1)
        port = camera.port
        camera.kill()
        await seen.until(lambda: "failed" in seen.states)
        camera = Camera(port, (480, 360))
        await seen.until(lambda: len(seen.of(Format)) == 2 and len(seen.of(Segment)) >= 4)
    finally:
        camera.kill()
    assert [(each.width, each.height) for each in seen.of(Format)] == [(320, 240), (480, 360)]
    assert all(each.reason for each in seen.of(State) if each.state in ("failed", "stalled"))
    segments = seen.of(Segment)
    for before, after in itertools.pairwise(segments):
        assert before.start_ms <= before.stop_ms < after.start_ms
    starts = [each.start_ms for each in seen.of(Chunk)]
    assert starts == sorted(set(starts))
