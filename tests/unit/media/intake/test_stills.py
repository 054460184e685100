"""Stills of recordings: one keyframe, decoded by itself."""

from __future__ import annotations

from pathlib import Path

import av
import numpy
import pytest
import simplejpeg

from pileus.media.intake.stills import STILL_WIDTH_MAX, still


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
