"""Pictures for people: copied, encoded, as JPEG; from the newest keyframe on, and only while somebody looks."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from pileus.media.h264 import has_idr
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, Record, unpack
from pileus.ports import intakes as messages

from ..videos import every, write_video
from .test_intake import Desk

LOOK = messages.Attach(id="l", kind="h264")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def records(desk: Desk) -> list[Record]:
    told = desk.of(messages.Preview)
    return [record for each in told for record in unpack(each.records)]


def decoded(found: list[Record]) -> int:
    """How many pictures a decoder makes of them."""
    decoder = av.CodecContext.create("h264", "r")
    units = [each.data for each in found if each.kind in (PICTURE, KEY_PICTURE)]
    return sum(len(decoder.decode(av.Packet(unit))) for unit in units) + len(decoder.decode(None))


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_h264_is_copied_from_any_container(desk: Desk, tmp_path: Path, container: str) -> None:
    path = tmp_path / "v.mkv"
    write_video(path, every(40, 60), codec="libx264", key_every=25, container=container)
    desk.run(f"file:{path}", LOOK)
    found = records(desk)
    kinds = [each.kind for each in found if each.kind != DESCRIPTION]
    assert kinds == [KEY_PICTURE if n % 25 == 0 else PICTURE for n in range(60)]
    assert [each.pts_ms for each in found if each.kind == KEY_PICTURE] == [0, 1000, 2000]
    assert decoded(found) == 60
    described = json.loads(found[0].data)
    assert found[0].kind == DESCRIPTION and described["codec"].startswith("avc1.")
    assert (described["width"], described["height"]) == (64, 48)


def test_another_codec_is_encoded(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 60), codec="mpeg4")
    desk.run(f"file:{tmp_path}/v.mkv", LOOK)
    found = [each for each in records(desk) if each.kind != DESCRIPTION]
    assert found[0].kind == KEY_PICTURE and has_idr(found[0].data)
    assert [each.pts_ms for each in found] == every(40, 60)
    assert decoded(found) == 60


def test_jpeg_at_most_ten_a_second(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 50), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", messages.Attach(id="j", kind="jpeg"))
    found = records(desk)
    assert {each.kind for each in found} == {JPEG}
    assert 15 <= len(found) <= 20
    assert found[0].data[:2] == b"\xff\xd8"


def test_who_comes_later_begins_at_the_newest_keyframe(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 100), codec="libx264", key_every=25)

    def at_second_segment(what: messages.Told) -> None:
        # The first segment ends with the keyframe at 2 s.
        if isinstance(what, messages.Segment) and what.start_ms == 0:
            desk.commands.put(LOOK)

    desk.on_told = at_second_segment
    desk.run(f"file:{tmp_path}/v.mkv")
    found = [each for each in records(desk) if each.kind != DESCRIPTION]
    assert (found[0].kind, found[0].pts_ms) == (KEY_PICTURE, 2000)
    assert len(found) == 50 == decoded(found)


def test_nothing_is_made_once_nobody_looks(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 100), codec="libx264", key_every=25)

    def leave(what: messages.Told) -> None:
        if isinstance(what, messages.Segment) and what.start_ms == 0:
            desk.commands.put(messages.Detach(id="l"))

    desk.on_told = leave
    desk.run(f"file:{tmp_path}/v.mkv", LOOK)
    assert max(each.pts_ms for each in records(desk)) <= 2000
