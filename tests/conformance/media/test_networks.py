"""Cameras as networks have them: a link that is cut, and sixteen at once of which some go wrong."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.commands import is_ci
from tests.conformance.live import LivePlatform
from tests.conformance.test_media_live import zipped

from .camera import Camera, has_camera

PATIENCE_S = 60.0
_RATE = 5
_STEP_MS = 1000 // _RATE
_SMALL = ("--rate", str(_RATE), "--mute")
_ENGINE = """
from pileus.engines import object_engine

@object_engine
def see(frames, context):
    return [[{"label": "ball"}] for frame in frames]
"""

pytestmark = pytest.mark.skipif(
    not is_ci() and not has_camera(), reason="gir1.2-gst-rtsp-server-1.0 is not installed"
)


class Watched:
    """The sources of a platform."""

    def __init__(self, platform: LivePlatform) -> None:
        self.media = platform.client("media", read_timeout=60)

    def add(self, name: str, url: str) -> None:
        self.media.create_source(Name=name, Url=url, SegmentSeconds=1)

    def source(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.media.describe_source(Name=name)["Source"]
        return told

    def state(self, name: str) -> str:
        return str(self.source(name)["State"])

    def connections(self, name: str) -> int:
        return int(self.source(name).get("Counts", {}).get("connections", 0))

    def segments(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"Source": name}
        while True:
            told = self.media.list_segments(**asked)
            found += told["Segments"]
            if not told.get("NextToken"):
                return found
            asked["NextToken"] = told["NextToken"]

    def until(self, holds: Callable[[], bool], what: Callable[[], Any]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline_s, what()
            time.sleep(0.1)

    def until_state(self, name: str, *states: str) -> None:
        self.until(lambda: self.state(name) in states, lambda: self.source(name))

    def until_segments(self, name: str, count: int) -> None:
        self.until(lambda: len(self.segments(name)) >= count, lambda: self.source(name))


def check_in_order(segments: list[dict[str, Any]]) -> None:
    """No moment is recorded twice."""
    for before, after in itertools.pairwise(segments):
        assert before["StartMs"] <= before["StopMs"] < after["StartMs"]


def holes_ms(segments: list[dict[str, Any]]) -> list[int]:
    """Distances of segments, beyond that of two pictures."""
    return [b["StartMs"] - a["StopMs"] - _STEP_MS for a, b in itertools.pairwise(segments)]


# -- a network of its own -------------------------------------------------------------------------


def _ip(*arguments: str, inside: int | None = None) -> None:
    """``ip``, in the network of a process if one is given; skips where this is not allowed."""
    within = [] if inside is None else ["nsenter", "-t", str(inside), "-n"]
    ran = subprocess.run([*within, "ip", *arguments], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"no right to make networks here: ip {arguments[0]}: {ran.stderr.strip()}")


class Cable:
    """A camera in a network of its own, and the cable to it."""

    def __init__(self) -> None:
        for program in ("ip", "unshare", "nsenter"):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        may = subprocess.run(["unshare", "-n", "true"], capture_output=True, text=True)
        if may.returncode:
            pytest.skip(f"no right to make networks here: {may.stderr.strip()}")
        options = (*_SMALL, "--address", "0.0.0.0")  # its own network, which only we reach
        self.camera = Camera(0, (160, 120), options, within=("unshare", "-n"))
        number = os.getpid()
        # A range for tests of networks (RFC 2544), a pair of addresses for each process that tests.
        net = f"198.18.{number // 64 % 256}.{number % 64 * 4}".rpartition(".")
        ours, theirs = (f"{net[0]}.{int(net[2]) + host}" for host in (1, 2))
        self._name, peer = f"pa{number}", f"pb{number}"
        pid = self.camera.pid
        try:
            _ip("link", "add", self._name, "type", "veth", "peer", "name", peer, "netns", str(pid))
            _ip("addr", "add", f"{ours}/30", "dev", self._name)
            _ip("link", "set", self._name, "up")
            _ip("addr", "add", f"{theirs}/30", "dev", peer, inside=pid)
            _ip("link", "set", peer, "up", inside=pid)
        except BaseException:
            self.camera.kill()
            raise
        self.url = f"rtsp://{theirs}:{self.camera.port}/cam"

    def cut(self) -> None:
        _ip("link", "set", self._name, "down")

    def mend(self) -> None:
        _ip("link", "set", self._name, "up")

    def close(self) -> None:
        """The network goes with its last process."""
        self.camera.kill()
        subprocess.run(["ip", "link", "del", self._name], capture_output=True)


def test_a_cable_is_cut_and_mended(platform: LivePlatform) -> None:
    watched = Watched(platform)
    media = watched.media
    with contextlib.closing(Cable()) as cable:
        media.create_engine(
            Name="see",
            Mode="object",
            Handler="engine.see",
            Code={"ZipFile": zipped(engine=_ENGINE)},
            Input={"Kind": "frames", "Rate": _RATE},
        )
        watched.add("door", cable.url)
        media.create_pipeline(Name="p", Source="door", Engines=["see"])
        watched.until_segments("door", 2)
        cable.cut()
        watched.until_state("door", "STALLED", "FAILED")
        assert watched.source("door")["StateReason"]
        before = watched.segments("door")
        cable.mend()
        watched.until_state("door", "LIVE")
        watched.until_segments("door", len(before) + 3)
        watched.until(lambda: watched.connections("door") >= 2, lambda: watched.source("door"))
        segments = watched.segments("door")
        documents: list[dict[str, Any]] = []

        def is_seen() -> bool:
            last = documents[-1]["chunk"]["start_ms"] if documents else -1
            told = media.list_results(Source="door", Engine="see", AfterOffset=len(documents) - 1)
            documents.extend(json.loads(each["Document"]) for each in told["Results"])
            return last >= segments[-1]["StartMs"]

        watched.until(is_seen, lambda: media.list_lanes()["Lanes"])
    check_in_order(segments)
    assert len({each["Stream"] for each in segments}) == 1  # one life, with a gap in it
    assert max(holes_ms(segments)) > 2000  # so long at least nothing came until it was told
    starts = [each["chunk"]["start_ms"] for each in documents]
    assert starts == sorted(set(starts))


# -- sixteen --------------------------------------------------------------------------------------


@pytest.fixture
def cameras() -> Iterator[Callable[..., Camera]]:
    made: list[Camera] = []

    def make(*options: str, port: int = 0) -> Camera:
        made.append(Camera(port, (160, 120), (*_SMALL, *options)))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def test_sixteen_cameras_of_which_three_go_wrong(
    platform: LivePlatform, cameras: Callable[..., Camera]
) -> None:
    watched = Watched(platform)
    house = cameras("--streams", "13")
    well = [f"well-{number}" for number in range(13)]
    for number, name in enumerate(well):
        watched.add(name, f"rtsp://127.0.0.1:{house.port}/cam{number or ''}")
    others = {name: cameras() for name in ("killed", "hung", "restarted")}
    for name, camera in others.items():
        watched.add(name, f"rtsp://127.0.0.1:{camera.port}/cam")
    for name in (*well, *others):
        watched.until_segments(name, 2)
    others["killed"].kill()
    others["hung"].signal(signal.SIGSTOP)
    others["restarted"].kill()
    cameras(port=others["restarted"].port)
    watched.until_state("killed", "FAILED")
    watched.until_state("hung", "STALLED", "FAILED")
    kept = {name: len(watched.segments(name)) for name in (*well, "restarted")}
    others["hung"].signal(signal.SIGCONT)
    for name, count in kept.items():
        watched.until_segments(name, count + 3)
    for name in ("hung", "restarted"):
        watched.until(
            lambda name=name: watched.state(name) == "LIVE" and watched.connections(name) >= 2,
            lambda name=name: watched.source(name),
        )
        check_in_order(watched.segments(name))
    assert watched.source("killed")["StateReason"]
    for name in well:
        told = watched.source(name)
        assert (told["State"], told["Counts"]["connections"]) == ("LIVE", 1)
        segments = watched.segments(name)
        check_in_order(segments)
        assert max(holes_ms(segments)) < _STEP_MS  # not a picture is missing between two
        for each in segments:
            pictures = round((each["StopMs"] - each["StartMs"]) / _STEP_MS) + 1
            assert each["Pictures"] == pictures, (name, each)
