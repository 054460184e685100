"""Stills of recordings: one keyframe, decoded by itself."""

from __future__ import annotations

from pathlib import Path

import av
import numpy
import pytest
import simplejpeg

from pileus.media.intake.stills import STILL_WIDTH_MAX, still
from pileus.ports import intakes as messages

from ..videos import every, write_video
from .test_intake import PICTURES, Desk


@pytest.mark.parametrize(
    ("codec", "name"), [("msmpeg4", "v.avi"), ("mpeg4", "v.mkv"), ("mjpeg", "v.mkv")]
)
def test_also_old_codecs_that_tell_no_size(codec: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as output:
        track = output.add_stream(codec, rate=5)
        track.width, track.height = 640, 480
        track.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        image = numpy.full((480, 640, 3), 90, numpy.uint8)
        output.mux(track.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(track.encode(None))
    with av.open(str(path)) as film:
        video = film.streams.video[0]
        made = still(video, next(film.demux(video)))
    height, width, _, _ = simplejpeg.decode_jpeg_header(made)
    assert (width, height) == (STILL_WIDTH_MAX, 240)


def covers(folder: Path, video: Path, *attached: messages.Attach) -> list[bytes]:
    """The stills of a recording, by segment."""
    folder.mkdir()
    desk = Desk(folder)
    desk.run(f"file:{video}", *attached)
    found = []
    for each in desk.of(messages.Segment):
        with av.open(each.path) as segment:
            (cover,) = [
                track for track in segment.streams if track.metadata.get("filename") == "cover.jpg"
            ]
            found.append(bytes(cover.data) if cover.type == "attachment" else _packet(segment))
    return found


def _packet(segment: av.container.InputContainer) -> bytes:
    """FFmpeg shows an attached picture as a film of one packet."""
    for packet in segment.demux():
        if packet.stream.metadata.get("filename") == "cover.jpg" and packet.size:
            return bytes(packet)
    raise AssertionError("no picture is attached")


def test_a_picture_that_is_decoded_for_an_engine_is_the_same_still(tmp_path: Path) -> None:
    video = tmp_path / "v.mkv"
    write_video(video, every(40, 250), codec="libx264", key_every=25)
    alone = covers(tmp_path / "alone", video)
    assert len(alone) == 5 and len(set(alone)) > 1
    assert covers(tmp_path / "looked", video, PICTURES) == alone
