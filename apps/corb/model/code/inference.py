"""Person detection behind endpoint ``person-detector``: SSD-MobileNetV2 (Open Images) in TFLite.

The four functions are SageMaker's inference-script convention
(https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html). A request is one
NumPy array (``application/x-npy``) of pictures, uint8, shape (n, 300, 300, 3), RGB; the answer is
JSON: for each picture the persons found, boxes as fractions 0-1 of the picture's width and height.
"""

from __future__ import annotations

import io
import json
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

MODEL_FILE = "model.tflite"
NPY = "application/x-npy"
JSON = "application/json"

PICTURE_SIDE = 300
CLASSES = (
    "bicycle", "boot", "laptop", "person", "chair", "cattle", "desk", "cat", "computer mouse",
    "computer monitor", "box", "mug", "coffee cup", "stationary bicycle", "table", "bottle",
    "high heels", "vehicle", "footwear", "dog", "book", "camera", "car",
)  # fmt: skip
"""What the network knows, from its class 1 on, as the package that ships it names them."""
PERSON_CLASS = 4
THRESHOLD = 0.40
OVERLAP_MAX = 0.5
PICTURES_MAX = 64

_STRIDES = (16, 32, 64, 128, 256, 512)
_SCALE_LEAST, _SCALE_MOST = 0.2, 0.95
_CENTRE_VARIANCE, _SIZE_VARIANCE = 10.0, 5.0

Person = dict[str, Any]
"""``{"box": [x0, y0, x1, y1], "confidence": c}``."""


@dataclass(frozen=True)
class Detector:
    """A loaded network.

    Attributes:
        anchors: float32 (1917, 4): centre x, centre y, width, height as fractions of the picture.
        picture, boxes, scores: tensor indices of the input and the two raw outputs.
        threshold: least confidence of a person that is reported, 0-1.
    """

    interpreter: Interpreter
    anchors: NDArray[np.float32]
    picture: int
    boxes: int
    scores: int
    threshold: float


def model_fn(model_dir: str) -> Detector:
    """Load the network; ``DETECTION_THRESHOLD`` in the environment overrides 0.40."""
    interpreter = Interpreter(os.path.join(model_dir, MODEL_FILE), num_threads=1)
    interpreter.allocate_tensors()
    by_width = {int(out["shape"][2]): out["index"] for out in interpreter.get_output_details()}
    return Detector(
        interpreter,
        anchors(),
        interpreter.get_input_details()[0]["index"],
        by_width.pop(4),
        by_width.popitem()[1],
        float(os.environ.get("DETECTION_THRESHOLD", THRESHOLD)),
    )


def input_fn(request_body: bytes, request_content_type: str) -> NDArray[np.uint8]:
    """Decode the pictures.

    Raises:
        ValueError: another content type, dtype or shape, or more than 64 pictures.
    """
    if request_content_type != NPY:
        raise ValueError(f"Content type {request_content_type!r} is not taken; send {NPY}.")
    pictures = np.load(io.BytesIO(request_body), allow_pickle=False)
    expected = (PICTURE_SIDE, PICTURE_SIDE, 3)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != expected:
        raise ValueError(
            f"Pictures must be uint8 of shape (n, 300, 300, 3), not {pictures.dtype} of shape "
            f"{pictures.shape}."
        )
    if len(pictures) > PICTURES_MAX:
        raise ValueError(f"{len(pictures)} pictures in one request; {PICTURES_MAX} is the most.")
    return pictures


def predict_fn(pictures: NDArray[np.uint8], model: Detector) -> list[list[Person]]:
    """The persons of each picture, most confident first.

    The network's graph is fixed to one picture a run, so a batch saves the way here, not the run.
    """
    return [_detect(picture, model) for picture in pictures]


def objects_of(picture: NDArray[np.uint8], model: Detector) -> list[dict[str, Any]]:
    """Everything in a picture of 300 × 300 that the network knows: as a person's, with a ``label``."""
    _run(picture, model)
    found = [
        {"label": label, **thing}
        for number, label in enumerate(CLASSES, 1)
        for thing in _found(number, model)
    ]
    return sorted(found, key=lambda thing: -thing["confidence"])


def output_fn(prediction: list[list[Person]], accept: str) -> tuple[str, str]:
    """The answer and its content type.

    Raises:
        ValueError: the caller does not accept JSON.
    """
    if not any(kind in accept for kind in (JSON, "*/*")):
        raise ValueError(f"Accept {accept!r} cannot be met; this endpoint answers {JSON}.")
    return json.dumps({"predictions": prediction}, separators=(",", ":")), JSON


def _detect(picture: NDArray[np.uint8], model: Detector) -> list[Person]:
    _run(picture, model)
    return _found(PERSON_CLASS, model)


def _run(picture: NDArray[np.uint8], model: Detector) -> None:
    network = model.interpreter
    network.set_tensor(model.picture, (picture.astype(np.float32) / 127.5 - 1.0)[None])
    network.invoke()


def _found(number: int, model: Detector) -> list[Person]:
    """What the last run found of a class."""
    network = model.interpreter
    logits = network.get_tensor(model.scores)[0, :, number]
    # Comparing logits spares the exponentials of the 1,900 anchors that see nobody.
    seen = np.flatnonzero(logits >= math.log(model.threshold / (1 - model.threshold)))
    if not len(seen):
        return []
    seen = seen[np.argsort(-logits[seen], kind="stable")]
    boxes = _boxes(network.get_tensor(model.boxes)[0, seen], model.anchors[seen])
    confidences = 1.0 / (1.0 + np.exp(-logits[seen]))
    return [
        {
            "box": [round(float(edge), 4) for edge in np.clip(boxes[at], 0.0, 1.0)],
            "confidence": round(float(confidences[at]), 3),
        }
        for at in _separate(boxes)
    ]


def _boxes(encoded: NDArray[np.float32], anchor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corner boxes (n, 4) x0, y0, x1, y1 from the network's (y, x, height, width) offsets."""
    centre_x = encoded[:, 1] / _CENTRE_VARIANCE * anchor[:, 2] + anchor[:, 0]
    centre_y = encoded[:, 0] / _CENTRE_VARIANCE * anchor[:, 3] + anchor[:, 1]
    half_width = np.exp(encoded[:, 3] / _SIZE_VARIANCE) * anchor[:, 2] / 2
    half_height = np.exp(encoded[:, 2] / _SIZE_VARIANCE) * anchor[:, 3] / 2
    corners = (
        centre_x - half_width,
        centre_y - half_height,
        centre_x + half_width,
        centre_y + half_height,
    )
    return np.stack(corners, axis=1).astype(np.float32)


def _separate(boxes: NDArray[np.float32]) -> list[int]:
    """Non-maximum suppression: indices of boxes, in order, that no kept one overlaps by > 0.5."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        width = np.minimum(boxes[left, 2], boxes[best, 2]) - np.maximum(
            boxes[left, 0], boxes[best, 0]
        )
        height = np.minimum(boxes[left, 3], boxes[best, 3]) - np.maximum(
            boxes[left, 1], boxes[best, 1]
        )
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        left = left[shared / (areas[left] + areas[best] - shared) <= OVERLAP_MAX]
    return kept


def anchors() -> NDArray[np.float32]:
    """The network's 1,917 prior boxes, (centre x, centre y, width, height) as fractions.

    Six feature maps; the first has three shapes a cell, the others six, the last of them a square
    between this map's scale and the next one's.
    """
    steps = len(_STRIDES) - 1
    scales = [_SCALE_LEAST + (_SCALE_MOST - _SCALE_LEAST) * level / steps for level in range(6)]
    priors: list[tuple[float, float, float, float]] = []
    for level, stride in enumerate(_STRIDES):
        scale = scales[level]
        if level == 0:
            shapes = [(1.0, 0.1), (2.0, scale), (0.5, scale)]
        else:
            following = scales[level + 1] if level < steps else 1.0
            shapes = [(ratio, scale) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
            shapes.append((1.0, math.sqrt(scale * following)))
        cells = math.ceil(PICTURE_SIDE / stride)
        priors.extend(
            ((x + 0.5) / cells, (y + 0.5) / cells, size * root, size / root)
            for y in range(cells)
            for x in range(cells)
            for root, size in [(math.sqrt(ratio), size) for ratio, size in shapes]
        )
    return np.array(priors, np.float32)
