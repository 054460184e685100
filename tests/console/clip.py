"""Clips for the console's tests: H.264 access units, JPEGs, and who stands where in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg

CODEC = "avc1.42c01f"


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame, encoded both ways; boxes ``[x0, y0, x1, y1]`` in 0–1."""

    pts_ms: float
    is_key: bool
    access_unit: bytes
    jpeg: bytes
    boxes: list[list[float]]


@dataclass(frozen=True, slots=True)
class Clip:
    width: int
    height: int
    frames_per_s: int
    codec: str
    frames: list[ClipFrame]


def synthetic_clip(seconds: int = 6, frames_per_s: int = 10, people: int = 3) -> Clip:
    """White figures that walk over a dark floor; their boxes are known to the pixel."""
    width, height = 640, 360
    pictures, boxes = [], []
    for index in range(seconds * frames_per_s):
        picture = np.full((height, width, 3), (38, 34, 30), np.uint8)
        picture[::24] = (52, 46, 40)
        seen = []
        for person in range(people):
            # A step is wide, so that boxes of a neighbouring frame would be seen to be wrong.
            left = 20 + (index * (8 + 3 * person) + person * 170) % (width - 90)
            top = 40 + person * 105
            cv2.rectangle(picture, (left, top), (left + 43, top + 79), (250, 250, 250), -1)
            box = [left / width, top / height, (left + 44) / width, (top + 80) / height]
            seen.append([round(edge, 4) for edge in box])
        pictures.append(picture)
        boxes.append(seen)
    return _encode(pictures, boxes, frames_per_s)


def film_clip(path: Path, seconds: int = 60) -> Clip:
    """A real film of a still camera; boxes by background subtraction, for the eye only."""
    pictures, boxes = [], []
    subtractor = cv2.createBackgroundSubtractorMOG2(history=300, detectShadows=True)
    with av.open(str(path)) as container:
        frames_per_s = round(container.streams.video[0].average_rate)
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="bgr24")
            pictures.append(picture)
            boxes.append(_moving(subtractor, picture))
            if len(pictures) >= seconds * frames_per_s:
                break
    return _encode(pictures, boxes, frames_per_s)


def _moving(subtractor: cv2.BackgroundSubtractorMOG2, picture: np.ndarray) -> list[list[float]]:
    height, width = picture.shape[:2]
    mask = subtractor.apply(picture)
    mask = cv2.morphologyEx((mask > 200).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((13, 9)))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if h > 45 and 1.2 < h / w < 5:
            found.append([x / width, y / height, (x + w) / width, (y + h) / height])
    return found


def _encode(pictures: list[np.ndarray], boxes: list[list[list[float]]], frames_per_s: int) -> Clip:
    height, width = pictures[0].shape[:2]
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, frames_per_s)
    context.framerate = Fraction(frames_per_s, 1)
    context.gop_size = frames_per_s
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": "repeat-headers=1:annexb=1",
    }
    units = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = index
        units += [(packet.is_keyframe, bytes(packet)) for packet in context.encode(frame)]
    units += [(packet.is_keyframe, bytes(packet)) for packet in context.encode(None)]
    frames = [
        ClipFrame(
            index * 1000 / frames_per_s,
            is_key,
            unit,
            simplejpeg.encode_jpeg(np.ascontiguousarray(picture), 75, "BGR", "420"),
            seen,
        )
        for index, ((is_key, unit), picture, seen) in enumerate(
            zip(units, pictures, boxes, strict=True)
        )
    ]
    return Clip(width, height, frames_per_s, CODEC, frames)
