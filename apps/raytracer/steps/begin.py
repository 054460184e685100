"""On the put of a scene: reads it, refuses it or has its first tiles rendered."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError
from tracer import scene as scenes
from tracer.reading import BadScene
from tracer.tiles import tiles

from steps import outcome, program, records
from steps.records import Render
from steps.settings import LANES, SCENES_BUCKET, STEPS_QUEUE, WORK_BUCKET, s3, sqs

ZIP_BYTES_MAX = 32 << 20
_BATCH = 10


def handle(event: dict[str, Any], context: Any) -> list[dict[str, Any]]:
    """Take every put of an S3 notification; what became of each."""
    return [_take(record["s3"]["object"]) for record in event["Records"]]


def _take(put: dict[str, Any]) -> dict[str, Any]:
    key = unquote_plus(put["key"])
    render = Render(
        records.render_id(key, put["sequencer"]), key, 0, frozenset(), records.RENDERING, ""
    )
    if not records.claim_scene(key, put["sequencer"], render.id):
        return {"render": render.id, "state": "superseded"}
    if records.get(render.id) is None:
        # Only before the first word of this render: the report may be its own later on.
        outcome.forget_report(key)
    try:
        data = _fetch(key, put)
        if data is None:
            return {"render": render.id, "state": "superseded"}
        scene = scenes.read_zip(data)
    except BadScene as problem:
        records.begin(render, int(time.time()))
        records.end(render.id, records.FAILED)
        outcome.put_report(render, {"refused": str(problem)})
        return {"render": render.id, "state": "refused", "why": str(problem)}
    count = len(tiles(scene.picture))
    name, code = program.packed()
    render = Render(render.id, key, count, frozenset(), records.RENDERING, name)
    s3.put_object(Bucket=WORK_BUCKET, Key=name, Body=code)
    s3.put_object(Bucket=WORK_BUCKET, Key=f"{render.folder}/scene.zip", Body=data)
    records.begin(render, int(time.time()))
    _send_starts(render)
    return {"render": render.id, "state": records.RENDERING, "tiles": count}


def _fetch(key: str, put: dict[str, Any]) -> bytes | None:
    """The scene's bytes; None when another put has replaced them, whose own event comes."""
    if put["size"] > ZIP_BYTES_MAX:
        raise BadScene(f"the zip has {put['size']} bytes, may have {ZIP_BYTES_MAX}")
    try:
        found = s3.get_object(Bucket=SCENES_BUCKET, Key=key, IfMatch=f'"{put["eTag"]}"')
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412):
            return None
        raise
    body: bytes = found["Body"].read()
    return body


def _send_starts(render: Render) -> None:
    """One step a lane; each tile's end starts the next of its lane."""
    first = list(range(min(LANES, render.tiles)))
    for at in range(0, len(first), _BATCH):
        entries = [
            {"Id": str(tile), "MessageBody": json.dumps({"start": [render.id, tile]})}
            for tile in first[at : at + _BATCH]
        ]
        told = sqs.send_message_batch(QueueUrl=STEPS_QUEUE, Entries=entries)
        if told.get("Failed"):
            raise RuntimeError(f"steps were not taken: {told['Failed']}")
