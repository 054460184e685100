"""The player as a process: real signing client, real outages, real deaths."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pileus.media.preview import KEY_PICTURE, unpack

from .bucket_server import BucketServer, Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds at ten pictures a second, in a codec that must be transcoded."""
    path = tmp_path_factory.mktemp("video") / "a.mkv"
    with av.open(str(path), "w") as output:
        track = output.add_stream("mpeg4", rate=10)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for number in range(200):
            picture = np.full((48, 64, 3), 16 + number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return path


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def server(store: Store) -> Iterator[BucketServer]:
    running = BucketServer(store)
    yield running
    running.stop()


def start(video: Path, endpoint: str, spool: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pileus.media.player", "--video", str(video)]
    command += ["--source", "lobby", "--bucket", "video-bucket", "--endpoint", endpoint]
    command += ["--spool", str(spool), *more]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean
    )


def finish(player: "subprocess.Popen[str]") -> tuple[int, list[dict[str, Any]], str]:
    out, err = player.communicate(timeout=60)
    return player.returncode, [json.loads(line) for line in out.splitlines()], err


def times(store: Store) -> list[int]:
    """Picture times over all segments, in the order of their names."""
    found = []
    for key in sorted(store.objects):
        with av.open(io.BytesIO(store.objects[key])) as container:
            found += [round(frame.time * 1000) for frame in container.decode(video=0)]
    return found


def test_a_whole_file_arrives_with_its_preview(
    video: Path, server: BucketServer, store: Store, tmp_path: Path
) -> None:
    status, told, err = finish(start(video, server.endpoint, tmp_path, "--speed", "20"))
    assert (status, err) == (0, "")
    assert times(store) == [at * 100 for at in range(200)]
    assert told[0]["event"] == "opened"
    assert told[0]["copied"] is False
    keys = [fact["key"] for fact in told if fact["event"] == "segment"]
    assert keys == sorted(store.objects)
    assert told[-1]["segments"] == 10
    shown = [record for batch in store.preview for record in unpack(batch)]
    assert sum(record.kind == KEY_PICTURE for record in shown) == 20


def test_an_outage_in_the_middle_loses_nothing(
    video: Path, server: BucketServer, store: Store, tmp_path: Path
) -> None:
    store.fail_first = 2
    player = start(video, server.endpoint, tmp_path, "--speed", "10", "--no-preview")
    store.wait_for(2)
    server.stop()
    again = BucketServer(store, server.port)
    try:
        status, told, err = finish(player)
    finally:
        again.stop()
    assert (status, err) == (0, "")
    assert times(store) == [at * 100 for at in range(200)]
    assert any(fact["event"] == "waiting" for fact in told)
    assert len(store.puts) - 2 >= len(store.objects) == 10


def test_a_killed_player_leaves_its_segments_to_the_next(
    video: Path, server: BucketServer, store: Store, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:9"
    player = start(video, nowhere, tmp_path, "--speed", "0", "--no-preview")
    assert player.stdout is not None
    while json.loads(player.stdout.readline())["event"] != "waiting":
        pass
    while len(list(tmp_path.glob("lobby/*.mkv"))) < 3:
        assert player.poll() is None
    player.send_signal(signal.SIGKILL)
    player.communicate()
    left = {path.name for path in tmp_path.glob("lobby/*.mkv")}
    status, told, _ = finish(start(video, server.endpoint, tmp_path, "--speed", "0"))
    assert status == 0
    assert told[0]["left_over"] == len(left)
    sent = {fact["key"].replace("/", "%2F") for fact in told if fact["event"] == "segment"}
    assert left <= sent
    assert list(tmp_path.glob("lobby/*.mkv")) == []


def test_a_missing_bucket_is_said_at_once(
    video: Path, server: BucketServer, tmp_path: Path
) -> None:
    player = start(video, server.endpoint, tmp_path, "--bucket", "nowhere", "--no-preview")
    status, _, err = finish(player)
    assert status == 1
    assert "NoSuchBucket" in err
    assert "Traceback" not in err


def test_patience_ends_with_a_sentence(video: Path, tmp_path: Path) -> None:
    arguments = ["--speed", "0", "--away-s", "0.3", "--no-preview"]
    status, _, err = finish(start(video, "http://127.0.0.1:9", tmp_path, *arguments))
    assert status == 1
    assert "are kept and sent next time" in err
