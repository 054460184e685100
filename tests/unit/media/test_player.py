"""A played file arrives whole, named by capture time, at its pace, through outages."""

import io
from pathlib import Path
from typing import Any

import av
import pytest

from pileus.media.player import Pace, Play, Player, main
from pileus.media.source import FileSource
from pileus.media.spool import Spool
from pileus.media.upload import Unreachable, UploadRefused

from .test_upload import FlakyBucket, Time
from .videos import every, write_video

START_MS = 1_771_668_902_000


class WallTime(Time):
    """Wall time that begins on 21 February 2026, 10:15:02 UTC."""

    def patience(self, away_s_max: float) -> Any:
        patience = super().patience(away_s_max)
        return type(patience)(
            lambda: START_MS + round(self.now_s * 1000), patience.mono_s, self.sleep, away_s_max
        )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.mkv"
    write_video(path, every(100, 50))
    return path


def play(
    video: Path, bucket: FlakyBucket, speed: float, time: WallTime
) -> tuple[list[dict[str, Any]], Spool]:
    told: list[dict[str, Any]] = []
    spool = Spool(video.parent / "spool", 1 << 20)
    with FileSource(video) as source:
        player = Player(Play("lobby", speed), spool, bucket, time.patience(60), told.append)
        player.run(source, None)
    return told, spool


def pts_of(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data)) as container:
        return [round(frame.time * 1000) for frame in container.decode(video=0)]


def test_segments_are_named_by_the_capture_of_their_first_picture(video: Path) -> None:
    bucket = FlakyBucket()
    told, spool = play(video, bucket, 1.0, WallTime())
    assert list(bucket.stored) == [
        "lobby/20260221T101502.000Z.mkv",
        "lobby/20260221T101504.000Z.mkv",
        "lobby/20260221T101506.000Z.mkv",
    ]
    pts = [at for data in bucket.stored.values() for at in pts_of(data)]
    assert pts == every(100, 50)
    assert told[-1]["event"] == "ended"
    assert told[-1]["counts"]["frames"] == 50
    assert len(spool) == 0


def test_speed_compresses_capture_time_not_the_sources_own(video: Path) -> None:
    bucket, time = FlakyBucket(), WallTime()
    play(video, bucket, 4.0, time)
    assert list(bucket.stored)[1] == "lobby/20260221T101502.500Z.mkv"
    assert pts_of(bucket.stored["lobby/20260221T101502.500Z.mkv"])[0] == 2000
    assert time.now_s == pytest.approx(4.9 / 4)


def test_without_pacing_names_still_differ(video: Path) -> None:
    bucket = FlakyBucket()
    play(video, bucket, 0, WallTime())
    assert list(bucket.stored) == [f"lobby/20260221T101502.00{number}Z.mkv" for number in range(3)]


def test_an_outage_loses_nothing_and_repeats_no_key(video: Path) -> None:
    bucket = FlakyBucket(*[Unreachable("away")] * 4)
    told, _ = play(video, bucket, 0, WallTime())
    assert len(bucket.stored) == 3
    assert {"event": "waiting", "reason": "away"} in told


def test_a_refusal_ends_the_player_and_keeps_the_segments(video: Path) -> None:
    bucket = FlakyBucket(*[UploadRefused("no such bucket")] * 9)
    with pytest.raises(UploadRefused):
        play(video, bucket, 0, WallTime())
    kept = [path.name for path in (video.parent / "spool").glob("*.mkv")]
    assert kept
    assert bucket.stored == {}


def test_a_late_reader_is_not_waited_for(video: Path) -> None:
    time = WallTime()
    pace = Pace(1.0, time.patience(1))
    time.sleep(5)
    assert pace.wait_for(1000) == START_MS + 1000
    assert time.now_s == 5


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    arguments = ["--video", str(tmp_path / "a.mp4"), "--source", "lobby", "--bucket", "b"]
    assert main(arguments) == 1
    assert "a.mp4 is empty (0 bytes)." in capsys.readouterr().err
