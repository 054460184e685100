"""A small JPEG of one keyframe, which a segment carries so that people find their way in a recording."""

from __future__ import annotations

from typing import Any

import av
import simplejpeg
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pileus.media.intake.inputs import pixels_of

STILL_WIDTH_MAX = 320
_QUALITY = 72


def still(video: Any, packet: Packet[Any]) -> bytes:
    """A keyframe of a stream, decoded by itself; empty where that cannot be done."""
    decoder = av.CodecContext.create(video.codec_context.name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    # Old codecs (MPEG-4 as Microsoft had it) do not say in their packets how large a picture is.
    decoder.width, decoder.height = video.codec_context.width, video.codec_context.height
    if video.codec_context.extradata:
        decoder.extradata = video.codec_context.extradata
    try:
        frames = decoder.decode(packet) or decoder.decode(None)
    except FFmpegError:
        return b""
    return still_of(frames[0]) if frames else b""


def still_of(frame: VideoFrame) -> bytes:
    """A picture that is decoded already."""
    return jpeg_of(frame, STILL_WIDTH_MAX, _QUALITY)


def jpeg_of(frame: VideoFrame, width_max: int, quality: int) -> bytes:
    """A picture as JPEG, no wider than that."""
    pixels = pixels_of(frame, width_max, interpolation="AREA")
    made = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="420")
    return bytes(made)
