"""Segments as the recorder writes them, read back without a decoder."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pileus.media import fragments
from pileus.media.fragments import Unplayable
from pileus.media.matroska import MalformedMedia, parse
from pileus.ports import intakes as messages

from .intake.test_intake import Desk, write_talkie
from .videos import every, write_video


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("talkie")
    write_talkie(folder / "v.mp4", 3)
    desk = Desk(folder).run(f"file:{folder}/v.mp4")
    return [Path(each.path).read_bytes() for each in desk.of(messages.Segment)]


def test_tracks_blocks_and_a_still(talkie: list[bytes]) -> None:
    media = parse(talkie[1])
    video, audio = media.video, media.audio
    assert video is not None and audio is not None
    assert (video.codec, video.width, video.height) == ("V_MPEG4/ISO/AVC", 64, 48)
    assert [block.pts_ms for block in video.blocks] == [2000 + at for at in every(40, 25)]
    assert [block.is_key for block in video.blocks] == [True] + [False] * 24
    assert (audio.codec, audio.rate, audio.channels) == ("A_AAC", 48_000, 2)
    assert media.still[:3] == b"\xff\xd8\xff"


def test_the_still_disturbs_no_reader(talkie: list[bytes]) -> None:
    with av.open(io.BytesIO(talkie[0])) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 50


def test_packed_as_mp4_picture_and_sound_keep_their_times(talkie: list[bytes]) -> None:
    media = parse(talkie[1])
    whole = fragments.initialization(media) + fragments.fragment(media, 1)
    with av.open(io.BytesIO(whole)) as opened:
        assert opened.streams.audio[0].sample_rate == 48_000
        times = [round((frame.time or 0) * 1000) for frame in opened.decode(video=0)]
    assert times == [2000 + at for at in every(40, 25)]
    with av.open(io.BytesIO(whole)) as opened:
        sound = [frame.samples for frame in opened.decode(audio=0)]
    assert sum(sound) >= 48_000 * 0.9


def test_other_codecs_are_refused_by_name() -> None:
    file = io.BytesIO()
    write_video(file, every(40, 5), codec="mpeg4", container="matroska")
    with pytest.raises(Unplayable, match="V_MPEG4/ISO/ASP"):
        fragments.initialization(parse(file.getvalue()))


@settings(max_examples=150, deadline=None)
@given(place=some.integers(0, 20_000), bad=some.binary(min_size=1, max_size=6))
def test_damage_is_said_and_breaks_nothing(talkie: list[bytes], place: int, bad: bytes) -> None:
    data = bytearray(talkie[1])
    at = place % len(data)
    data[at : at + len(bad)] = bad
    try:
        media = parse(bytes(data))
        fragments.fragment(media, 1)
    except (MalformedMedia, Unplayable):
        pass
