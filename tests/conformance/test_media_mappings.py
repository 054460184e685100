"""A function fed by what an engine says of real pictures; the platform killed in the middle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.conformance.live import LivePlatform
from tests.conformance.test_media_http_engines import zipped
from tests.conformance.test_media_live import begin, results, write_shades

_PATIENCE_S = 60.0
_RESULTS = "arn:aws:media:us-east-1:000000000000:source/lobby/results/shade"
_FUNCTION = """
import os
import boto3

queue = boto3.client("sqs")

def handler(event, context):
    starts = [str(record["media"]["start_ms"]) for record in event["Records"]]
    queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=" ".join(starts))
"""


class Told:
    """What the function was told, in order, out of the queue that it writes to."""

    def __init__(self, platform: LivePlatform) -> None:
        self._queue = platform.client("sqs", read_timeout=60)
        self.url = self._queue.create_queue(
            QueueName="told", Attributes={"VisibilityTimeout": "3600"}
        )["QueueUrl"]
        self.starts: list[int] = []

    def upto(self, start_ms: int) -> None:
        """Wait until a piece is told."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while start_ms not in self.starts:
            assert time.monotonic() < deadline_s, self.starts
            given = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
            for each in self._queue.receive_message(**given).get("Messages", ()):
                self.starts += [int(word) for word in each["Body"].split()]
                self._queue.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])


def test_every_result_reaches_its_function_across_kill_9(
    platform: LivePlatform, tmp_path: Path
) -> None:
    told = Told(platform)
    write_shades(tmp_path / "v.mkv", 30)
    media: Any = begin(platform, tmp_path / "v.mkv")
    functions = platform.client("lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.11", Role=platform.add_role("f"), Handler="app.handler",
        Timeout=60, Code={"ZipFile": zipped({"app.py": _FUNCTION})},
        Environment={"Variables": {"QUEUE": told.url}},
    )  # fmt: skip
    functions.create_event_source_mapping(
        EventSourceArn=_RESULTS, FunctionName="f", StartingPosition="TRIM_HORIZON", BatchSize=4
    )
    told.upto(1000)
    platform.kill()
    platform.start()
    results(media, lambda found: len(found) >= 30)
    told.upto(29 * 200)
    # At least once: what was with the function when the power went may come twice, in one batch.
    assert sorted(set(told.starts)) == [200 * number for number in range(30)]
    assert len(told.starts) <= 30 + 4
