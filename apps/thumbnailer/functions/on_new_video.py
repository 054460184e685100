"""``onNewVideo``: an ``.mp4`` was put into the bucket; start a task that takes a picture out of it.

The moment stands at the end of the video's name: ``cat_00-01.mp4`` asks for the picture at 00:01,
``talk_01-02-03.mp4`` for 01:02:03. A name without one asks for the first picture.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any
from urllib.parse import unquote_plus

import boto3

_MOMENT = re.compile(r"_((?:\d+-)?\d+-\d\d)\.mp4$")
_ecs = boto3.client("ecs")


def frame_position(file: str) -> str:
    """The moment that a video's name tells, as ffmpeg reads it; ``00:00`` where it tells none."""
    found = _MOMENT.search(file)
    return found[1].replace("-", ":") if found else "00:00"


def handler(event: dict[str, Any], context: Any) -> None:
    """Start ``ffmpegTask`` for each new video.

    Events come at least once. The same put has the same token, and for the same token ECS starts
    nothing more.

    Raises:
        RuntimeError: there is no room for the task; Lambda calls again later.
    """
    for record in event["Records"]:
        bucket, put = record["s3"]["bucket"]["name"], record["s3"]["object"]
        file = unquote_plus(put["key"])
        environment = {
            "S3_BUCKET": bucket,
            "INPUT_VIDEO": file,
            "TIME_OFFSET": frame_position(file),
            "OUTPUT_FILE": file + ".jpg",
        }
        told = [bucket, file, put["sequencer"]]
        token = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        task = run_ffmpeg_task(environment, token)
        print(f"*** New video: file {file}, picture at {environment['TIME_OFFSET']}, task {task}.")


def run_ffmpeg_task(environment: dict[str, str], token: str) -> str:
    """Start a task; its ARN. Raises RuntimeError when ECS gives none."""
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    network = {
        "subnets": os.environ["TASK_SUBNETS"].split(","),
        "assignPublicIp": "ENABLED",
    }
    reply = _ecs.run_task(
        cluster=os.environ["TASK_CLUSTER"],
        taskDefinition=os.environ["TASK_DEFINITION"],
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
        overrides={
            "containerOverrides": [{"name": os.environ["TASK_CONTAINER"], "environment": variables}]
        },
        clientToken=token,
    )
    if reply["failures"]:
        raise RuntimeError(f"no task: {reply['failures']}")
    return str(reply["tasks"][0]["taskArn"])
