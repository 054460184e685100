"""Files of every kind of badness give good pictures or a clear error, and all is counted."""

import io
import itertools
from pathlib import Path

import av
import pytest

from pileus.media.source import FileSource
from pileus.media.units import AccessUnit, SourceError

from .videos import every, write_video


def read(path: Path) -> tuple[FileSource, list[AccessUnit]]:
    with FileSource(path) as source:
        return source, list(source.units())


def decoded_count(units: list[AccessUnit]) -> int:
    stream = io.BytesIO(b"".join(unit.data for unit in units))
    with av.open(stream, format="h264") as container:
        return sum(1 for _ in container.decode(video=0))


def test_another_codec_is_transcoded_with_a_keyframe_each_second(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", every(40, 75))
    source, units = read(tmp_path / "a.avi")
    assert not source.is_copied
    assert [unit.pts_ms for unit in units] == every(40, 75)
    assert [unit.pts_ms for unit in units if unit.is_key] == [0, 1000, 2000]
    assert decoded_count(units) == 75


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_h264_with_dense_keyframes_is_copied(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, every(40, 75), codec="libx264", key_every=25, options={"tune": "zerolatency"})
    source, units = read(path)
    assert source.is_copied
    assert [unit.pts_ms for unit in units] == every(40, 75)
    assert [unit.pts_ms for unit in units if unit.is_key] == [0, 1000, 2000]
    assert all(unit.data.startswith((b"\0\0\0\1", b"\0\0\1")) for unit in units)
    assert decoded_count(units) == 75


def test_reordered_pictures_are_copied_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "b.mp4"
    write_video(
        path, every(40, 75), codec="libx264", key_every=25, options={"bf": "2", "preset": "fast"}
    )
    source, units = read(path)
    assert source.is_copied
    assert [unit.pts_ms for unit in units] != every(40, 75)
    assert sorted(unit.pts_ms for unit in units) == every(40, 75)
    assert all(a.dts_ms < b.dts_ms for a, b in itertools.pairwise(units))


def test_h264_with_sparse_keyframes_is_transcoded(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", every(40, 75), codec="libx264", key_every=50)
    source, units = read(tmp_path / "a.mp4")
    assert not source.is_copied
    assert [unit.pts_ms for unit in units if unit.is_key] == [0, 1000, 2000]


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 300, 310, 900, 2500, 2540]
    write_video(tmp_path / "a.mkv", times)
    _, units = read(tmp_path / "a.mkv")
    assert [unit.pts_ms for unit in units] == times


def test_a_late_start_counts_from_the_first_picture(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", [5000 + at for at in every(40, 10)])
    _, units = read(tmp_path / "a.mkv")
    assert [unit.pts_ms for unit in units] == every(40, 10)


def test_fast_sources_are_thinned_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        track = output.add_stream("mpeg4", rate=60)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for _ in range(60):
            frame = av.VideoFrame(64, 48, "yuv420p")
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    source, units = read(path)
    assert len(units) == 30
    assert source.counts.frames_thinned == 30


def test_large_pictures_are_bounded(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", every(40, 2), side=(2560, 1440))
    source, _ = read(tmp_path / "a.mkv")
    assert (source.stream.width, source.stream.height) == (1280, 720)


def test_garbage_in_the_middle_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    write_video(path, every(40, 100), codec="libx264", key_every=25)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 1500] = bytes(at * 37 % 256 for at in range(1500))
    path.write_bytes(data)
    source, units = read(path)
    assert 50 < len(units) <= 100
    assert source.counts.packets_damaged > 0
    assert all(a.dts_ms < b.dts_ms for a, b in itertools.pairwise(units))


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_truncated_file_plays_to_where_it_ends(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, every(40, 100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    _, units = read(path)
    assert 5 < len(units) < 100


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"no video at all\n" * 100, "not a video"), (None, "No such file")],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        FileSource(path)


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as output:
        track = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate = 8000
        output.mux(track.encode(frame))
    with pytest.raises(SourceError, match="no video stream"):
        FileSource(path)


def test_an_mp4_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, every(40, 100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"a\.mp4 is not a video that can be read"):
        FileSource(path)
