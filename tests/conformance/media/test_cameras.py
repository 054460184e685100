"""The process of a source on real cameras: they hang, die, and come back as others."""

from __future__ import annotations

import itertools
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.adapters.local_intakes import LocalIntakes
from pileus.ports.intakes import Attach, Begin, Chunk, Format, Open, Segment, State
from tests.conformance.commands import is_ci

from .camera import Camera, has_camera
from .watched import Watched

pytestmark = pytest.mark.skipif(
    not is_ci() and not has_camera(), reason="gir1.2-gst-rtsp-server-1.0 is not installed"
)


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
