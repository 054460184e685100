"""Puts what became of a render beside its scene: ``<scene>.png`` or ``<scene>.error.json``."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from steps import records
from steps.records import Render
from steps.settings import SCENES_BUCKET, s3

_RENDER = "render"
"""In the objects' metadata: whose outcome it is."""


def picture_key(scene: str) -> str:
    """Where the picture of a scene goes."""
    return f"{scene.removesuffix('.zip')}.png"


def report_key(scene: str) -> str:
    """Where it is told why there is no picture."""
    return f"{scene.removesuffix('.zip')}.error.json"


def put_picture(render: Render, png: bytes) -> bool:
    """Put a render's picture; False when a newer put of the scene has made it old."""
    return _put(render, picture_key(render.scene), png, "image/png")


def put_report(render: Render, report: dict[str, Any]) -> bool:
    """Put a report, likewise."""
    body = json.dumps({"scene": render.scene, "render": render.id, **report}, indent=2)
    return _put(render, report_key(render.scene), body.encode(), "application/json")


def forget_report(scene: str) -> None:
    """Take away what was told of an earlier put."""
    s3.delete_object(Bucket=SCENES_BUCKET, Key=report_key(scene))


def _put(render: Render, key: str, body: bytes, kind: str) -> bool:
    """Once, and never over the outcome of a newer render: what was looked at must not have changed.

    Where a newer render comes between the look and the put, the put is refused, and the next look
    finds this one old.
    """
    while True:
        there = _there(key)
        if there.get(_RENDER) == render.id:
            return True
        if not records.is_newest(render):
            return False
        condition = {"IfMatch": there["etag"]} if there else {"IfNoneMatch": "*"}
        try:
            s3.put_object(
                Bucket=SCENES_BUCKET,
                Key=key,
                Body=body,
                ContentType=kind,
                Metadata={_RENDER: render.id},
                **condition,
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
                raise


def _there(key: str) -> dict[str, str]:
    """Entity tag and metadata of an object; empty when there is none."""
    try:
        found = s3.head_object(Bucket=SCENES_BUCKET, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return {}
    return {"etag": found["ETag"], **found["Metadata"]}
