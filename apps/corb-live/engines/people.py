"""Engine ``people``: the persons in each picture of a live source; with ``LABELS=all`` everything that the
detector knows.

It runs the very detector that Edifice Corb's endpoint runs: ``MODEL_ARCHIVE`` names the archive that
``apps/corb/publish_model.py`` published, model and inference script in it. An instance fetches it once.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import tarfile
import tempfile
from typing import Any
from urllib.parse import urlsplit

import boto3
import cv2
import numpy as np

from pileus.engines import EngineContext, Frame, object_engine


def _published() -> tuple[Any, Any]:
    """The archive's inference script, and the model as it loads it."""
    address = urlsplit(os.environ["MODEL_ARCHIVE"])
    told = boto3.client("s3").get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))
    folder = tempfile.mkdtemp(prefix="model-")
    with tarfile.open(fileobj=io.BytesIO(told["Body"].read())) as archive:
        archive.extractall(folder, filter="data")
    sys.path.insert(0, os.path.join(folder, "code"))
    script = importlib.import_module("inference")
    return script, script.model_fn(folder)


_SCRIPT, _MODEL = _published()
_IS_ALL = os.environ.get("LABELS") == "all"


@object_engine
def detect(frames: list[Frame], context: EngineContext) -> list[list[dict[str, Any]]]:
    """A list of objects for every picture, most confident first."""
    side = _SCRIPT.PICTURE_SIDE
    small = [cv2.resize(each.image, (side, side), interpolation=cv2.INTER_AREA) for each in frames]
    if _IS_ALL:
        return [_SCRIPT.objects_of(each, _MODEL) for each in small]
    found = _SCRIPT.predict_fn(np.stack(small), _MODEL)
    return [[{"label": "person", **person} for person in persons] for persons in found]
