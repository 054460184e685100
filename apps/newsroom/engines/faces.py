"""Engine ``faces``: where faces are, and whose, among the people enrolled by ``apps/newsroom/enrol.py``.

An object ``face`` a face; ``text`` is the person's name, and ``attributes.distance`` how far the face is from
the enrolled one (0 the same picture, 0.6 no longer the same person). Somebody unknown has no ``text``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import boto3
import face_finding
from botocore.exceptions import ClientError

from pileus.engines import EngineContext, Frame, object_engine

_LOOK_AGAIN_S = 5.0


class Enrolled:
    """People by name with their faces' embeddings, read again when they have changed."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._where = {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
        self._client = boto3.client("s3")
        self._people: dict[str, list[list[float]]] = {}
        self._version = ""
        self._looked_s = -_LOOK_AGAIN_S

    def people(self) -> dict[str, list[list[float]]]:
        """As of at most five seconds ago; nobody before the first enrolment."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_AGAIN_S:
            self._looked_s = now_s
            self._look()
        return self._people

    def _look(self) -> None:
        known = {"IfNoneMatch": self._version} if self._version else {}
        try:
            told = self._client.get_object(**self._where, **known)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "NoSuchBucket"):
                self._people, self._version = {}, ""
            elif code != "304":
                raise
            return
        self._people, self._version = json.loads(told["Body"].read()), told["ETag"]


_ENROLLED = Enrolled(os.environ["ENROLLED"])


@object_engine
def recognise(frames: Sequence[Frame], context: EngineContext) -> list[list[dict[str, Any]]]:
    """A list of faces for every picture, most certain first."""
    people = _ENROLLED.people()
    return [
        [_told(each, face, people) for face in face_finding.find(each.image)] for each in frames
    ]


def _told(frame: Frame, face: face_finding.Face, people: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"label": "face", "confidence": face.score, "box": face.box}
    if people:
        name, distance = face_finding.whose(face_finding.embed(frame.image, face), people)
        if name:
            told |= {"text": name, "attributes": {"distance": round(distance, 3)}}
    return told
