"""Each step of a render: starts tasks, hears how they ended, assembles the picture.

A step may come more than once, and from several at a time: see README.md for why that changes
nothing.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from tracer import png
from tracer import scene as scenes
from tracer.tiles import assemble

from steps import outcome, records, tasks
from steps.records import Render
from steps.settings import LANES, WORK_BUCKET, s3
from steps.tasks import Attempt

FAILURES_MAX = 3
"""A tile whose tasks failed so often by themselves fails the render."""
ATTEMPTS_MAX = 20
"""The same for tasks that something else ended: a machine going down, a platform being stopped."""
TRY_AGAIN = 75
"""The task's exit status when it did not reach the platform (``EX_TEMPFAIL``)."""


def handle(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Take messages of the queue of steps; those that are to come again."""
    failed = []
    for record in event["Records"]:
        try:
            _take(json.loads(record["body"]))
        except (ClientError, tasks.NotPlaced) as error:
            print(f"step put off: {error}")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _take(step: dict[str, Any]) -> None:
    if "start" in step:
        render_id, tile = step["start"]
        render = records.get(render_id)
        if render is not None and _goes_on(render):
            tasks.start(render, Attempt(render_id, tile))
        return
    detail = step["detail"]
    attempt = tasks.attempt_of(detail)
    if detail["containers"][0].get("exitCode") == 0:
        _tile_is_there(attempt)
    else:
        _task_failed(attempt, detail)


def _goes_on(render: Render) -> bool:
    return render.state == records.RENDERING and records.is_newest(render)


def _tile_is_there(attempt: Attempt) -> None:
    render = records.add_tile(attempt.render, attempt.tile)
    if render is None or not _goes_on(render):
        return
    if render.is_whole:
        _finish(render)
    elif attempt.tile + LANES < render.tiles:
        tasks.start(render, Attempt(attempt.render, attempt.tile + LANES))


def _finish(render: Render) -> None:
    """Assemble and put the picture; repeated until the render is noted as ended."""
    scene = scenes.read_zip(_read(f"{render.folder}/scene.zip"))
    image = assemble(scene.picture, lambda number: _read(f"{render.folder}/{number:04}.rgb"))
    if outcome.put_picture(render, png.write(image)):
        records.end(render.id, records.RENDERED)


def _read(key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=WORK_BUCKET, Key=key)["Body"].read()
    return body


def _task_failed(attempt: Attempt, detail: dict[str, Any]) -> None:
    render = records.get(attempt.render)
    if render is None or not _goes_on(render) or attempt.tile in render.done:
        return
    failures = attempt.failures + _is_its_own_fault(detail)
    if failures < FAILURES_MAX and attempt.number + 1 < ATTEMPTS_MAX:
        tasks.start(render, Attempt(attempt.render, attempt.tile, attempt.number + 1, failures))
        return
    report = {
        "failed": f"tile {attempt.tile} of {render.tiles}",
        "attempts": attempt.number + 1,
        "why": _why(render, attempt, detail),
        "task": detail["taskArn"],
    }
    outcome.put_report(render, report)
    records.end(render.id, records.FAILED)


def _is_its_own_fault(detail: dict[str, Any]) -> bool:
    """Whether the task ended badly, or did not start, without anybody stopping it."""
    status = detail["containers"][0].get("exitCode")
    if detail.get("stopCode") == "EssentialContainerExited":
        return status != TRY_AGAIN
    return detail.get("stopCode") == "TaskFailedToStart"


def _why(render: Render, attempt: Attempt, detail: dict[str, Any]) -> str:
    """The task's own words, or else the platform's."""
    try:
        key = f"{render.folder}/{attempt.tile:04}.{attempt.number}.error"
        return _read(key).decode()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    container = detail["containers"][0]
    if reason := container.get("reason") or detail.get("stoppedReason"):
        return f"{reason} (exit status {container.get('exitCode', 'unknown')})"
    return f"exit status {container.get('exitCode', 'unknown')}"
