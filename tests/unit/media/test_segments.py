"""Segments begin with keyframes, keep the source's time and decode alone."""

import io

import av
import pytest

from pileus.media.segments import Cutter, Segment, segment_key
from pileus.media.transcode import Transcoder
from pileus.media.units import AccessUnit, StreamFormat

from .videos import picture

STREAM = StreamFormat(64, 48, 10.0)


def coded(count: int, step_ms: int = 100) -> list[AccessUnit]:
    encoder = Transcoder(STREAM)
    units = [unit for at in range(count) for unit in encoder.encode(picture(at), at * step_ms)]
    return units + encoder.finish()


def cut(units: list[AccessUnit]) -> list[Segment]:
    cutter = Cutter(STREAM)
    found = [segment for unit in units if (segment := cutter.add(unit))]
    last = cutter.finish()
    return found + ([last] if last else [])


def test_names_tell_the_capture_time_and_sort() -> None:
    at_ms = 1_771_668_902_007
    assert segment_key("lobby", at_ms) == "lobby/20260221T101502.007Z.mkv"
    keys = [segment_key("lobby", at_ms + step) for step in (0, 1, 999, 1000, 86_400_000)]
    assert keys == sorted(keys)


def test_two_second_segments_with_a_keyframe_each_second() -> None:
    segments = cut(coded(50))
    assert [(one.pts_ms, one.frames) for one in segments] == [(0, 20), (2000, 20), (4000, 10)]
    for segment in segments:
        with av.open(io.BytesIO(segment.data)) as container:
            assert container.format.name.startswith("matroska")
            video = container.streams.video[0]
            assert video.codec_context.name == "h264"
            frames = [
                (round(float(frame.pts * frame.time_base) * 1000), frame.key_frame)
                for frame in container.decode(video)
            ]
        assert [at for at, _ in frames] == [unit.pts_ms for unit in segment.units]
        assert [at for at, is_key in frames if is_key] == [at for at, _ in frames if at % 1000 == 0]


def test_nothing_is_lost_between_segments() -> None:
    units = coded(47)
    assert [unit for segment in cut(units) for unit in segment.units] == units


def test_keyframes_off_the_grid_still_average_two_seconds() -> None:
    units = [
        AccessUnit(at * 960, at * 960, True, unit.data)
        for at, unit in enumerate(unit for unit in coded(210) if unit.is_key)
    ]
    segments = cut(units)
    assert len(segments) == 10
    assert {segment.frames for segment in segments} == {2, 3}


def test_the_same_pictures_give_the_same_bytes() -> None:
    units = coded(20)
    assert cut(units)[0].data == cut(units)[0].data


def test_a_stream_must_begin_with_a_keyframe() -> None:
    with pytest.raises(ValueError, match="keyframe"):
        Cutter(STREAM).add(AccessUnit(0, 0, False, b""))
