"""What the template tells the functions, and the clients they share."""

from __future__ import annotations

import os

import boto3

TABLE = os.environ["RENDERS_TABLE"]
SCENES_BUCKET = os.environ["SCENES_BUCKET"]
WORK_BUCKET = os.environ["WORK_BUCKET"]
STEPS_QUEUE = os.environ["STEPS_QUEUE_URL"]
CLUSTER = os.environ["CLUSTER"]
TASK_DEFINITION = os.environ["TASK_DEFINITION"]
LANES = int(os.environ["TASKS_AT_ONCE"])
"""So many tiles of a picture are rendered at once."""

dynamodb = boto3.client("dynamodb")
ecs = boto3.client("ecs")
s3 = boto3.client("s3")
sqs = boto3.client("sqs")
