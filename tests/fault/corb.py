"""Edifice Corb on a real platform: what its tests put in, and what they look at afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import av

from pileus.deploy.api import Api
from pileus.deploy.demonstration import Handset
from pileus.media import assets
from pileus.media.segments import Cutter, Segment
from pileus.media.source import FileSource
from tests.conformance.live import PYTHON, LivePlatform
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "corb"
ACCOUNT = "000000000000"
VIDEO_BUCKET, RESULTS_BUCKET, TABLE = "video-bucket", "corb-results", "corb-occupancy"
FAILURES = "failures"


def model() -> Path:
    """The packaged detector."""
    return assets.ensure(assets.MODEL, ROOT / assets.DEFAULT_FOLDER)


def clip(folder: Path, frames: int) -> Path:
    """The first pictures of the sample video (10 a second), as they are."""
    sample = assets.ensure(assets.VIDEO, ROOT / assets.DEFAULT_FOLDER)
    path = folder / f"first-{frames}.avi"
    with av.open(str(sample)) as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if number == frames or packet.dts is None:
                break
            packet.stream = track
            target.mux(packet)
    return path


def segments(video: Path) -> list[Segment]:
    """The video as its source would cut it."""
    with FileSource(video) as source:
        cutter = Cutter(source.stream)
        found = [one for unit in source.units() if (one := cutter.add(unit))]
        last = cutter.finish()
    return found + ([last] if last else [])


class Corb:
    """The app on one platform."""

    def __init__(self, platform: LivePlatform) -> None:
        self.platform = platform

    # -- deploying --------------------------------------------------------------------------

    def publish(self) -> None:
        """Put the model where the app expects it."""
        command = [PYTHON, str(APP / "publish_model.py"), "--model", str(model())]
        subprocess.run(command, env=self.platform.environment(), check=True, capture_output=True)

    def start_deploying(self) -> subprocess.Popen[str]:
        """``pileus deploy``, still under way."""
        return subprocess.Popen(
            [PYTHON, "-m", "pileus.cli.main", "deploy", "--config", str(APP / "serverless.yml")],
            cwd=ROOT,
            env=self.platform.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def deploy(self) -> None:
        """Model and app, ready to work."""
        self.publish()
        deployment = self.start_deploying()
        told, _ = deployment.communicate(timeout=1200)
        assert deployment.returncode == 0, told

    # -- putting in -------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Store an object for the app."""
        self.platform.client("s3").put_object(Bucket=VIDEO_BUCKET, Key=key, Body=data)

    def text(self, words: str) -> None:
        """Text the app's number, from the page's handset."""
        self._handset().send(words)

    def start_player(self, video: Path, spool: Path, source: str) -> Player:
        """Play a video four times as fast as it was filmed."""
        return Player(self.platform, video, spool, source)

    # -- looking ----------------------------------------------------------------------------

    def texts(self, direction: str) -> list[str]:
        """What the handset holds: ``in`` to the app, ``out`` to the guest."""
        return [
            one["text"] for one in self._handset().conversation() if one["direction"] == direction
        ]

    def results(self, source: str = "lobby") -> dict[str, list[dict[str, Any]]]:
        """Segment name → its stored lines."""
        client, found = self.platform.client("s3"), {}
        for key in self.result_keys(source):
            body = client.get_object(Bucket=RESULTS_BUCKET, Key=key)["Body"].read()
            found[_stem(key)] = [json.loads(line) for line in body.splitlines()]
        return found

    def result_keys(self, source: str = "lobby") -> list[str]:
        """Keys of stored detections."""
        pages = self.platform.client("s3").get_paginator("list_objects_v2")
        return [
            item["Key"]
            for page in pages.paginate(Bucket=RESULTS_BUCKET, Prefix=f"{source}/")
            for item in page.get("Contents", ())
        ]

    def counted(self, room: str = "lobby") -> Counter[str]:
        """Segments of a room by how often they are marked as counted."""
        return Counter(
            item["record"]["S"].removeprefix("segment#")
            for item in self._items(f"room#{room}")
            if item["record"]["S"].startswith("segment#")
        )

    def minutes(self, room: str = "lobby") -> list[dict[str, int]]:
        """A room's minutes: how many segments each counted, and their persons."""
        return [
            {name: int(item[name]["N"]) for name in ("segments", "persons_sum", "persons_max")}
            for item in self._items(f"room#{room}")
            if item["record"]["S"].startswith("minute#")
        ]

    def log(self, function: str) -> str:
        """Everything a function logged."""
        pages = self.platform.client("logs").get_paginator("filter_log_events")
        group = f"/aws/lambda/corb-dev-{function}"
        return "".join(
            event["message"]
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
        )

    def _items(self, owner: str) -> list[dict[str, Any]]:
        pages = self.platform.client("dynamodb").get_paginator("query")
        return [
            item
            for page in pages.paginate(
                TableName=TABLE,
                ConsistentRead=True,
                KeyConditionExpression="#o = :o",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":o": {"S": owner}},
            )
            for item in page["Items"]
        ]

    def _handset(self) -> Handset:
        return Handset(Api(self.platform.endpoint, ACCOUNT, "us-east-1"))

    # -- failures ---------------------------------------------------------------------------

    def watch_failures(self) -> None:
        """Queue every failure that VideoIngress tells the bus, and let it fail at once.

        Without retries, which take three minutes; they are proven under virtual time.
        """
        sqs, events = self.platform.client("sqs"), self.platform.client("events")
        sqs.create_queue(QueueName=FAILURES)
        pattern = {"source": ["lambda"], "detail-type": [f"{_RESULT} - Failure"]}
        events.put_rule(Name="failures", EventPattern=json.dumps(pattern))
        target = {"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{FAILURES}"}
        events.put_targets(Rule="failures", Targets=[target])
        self.platform.client("lambda").update_function_event_invoke_config(
            FunctionName="corb-dev-VideoIngress", MaximumRetryAttempts=0
        )

    def failure(self, timeout_s: float = 120.0) -> dict[str, Any]:
        """The next failure's event."""
        sqs = self.platform.client("sqs")
        url = sqs.get_queue_url(QueueName=FAILURES)["QueueUrl"]

        def take() -> list[dict[str, Any]]:
            found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", [])
            return list(found)

        message = until(take, "an event of a failure", timeout_s)[0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        event: dict[str, Any] = json.loads(message["Body"])
        return event


_RESULT = "Lambda Function Invocation Result"


def _stem(key: str) -> str:
    return key.rpartition("/")[2].rpartition(".")[0]


class Player:
    """The player's process; ``acknowledged`` are the segments it was told are stored."""

    def __init__(self, platform: LivePlatform, video: Path, spool: Path, source: str) -> None:
        command = [PYTHON, "-m", "pileus.media.player", "--video", str(video), "--source", source]
        command += ["--bucket", VIDEO_BUCKET, "--spool", str(spool), "--speed", "4"]
        self._told = spool.parent / "player.jsonl"
        with self._told.open("w") as out:
            self._process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **platform.environment()},
            )

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What it told of one kind."""
        lines = self._told.read_text().splitlines()
        return [fact for line in lines if (fact := _whole(line)).get("event") == kind]

    @property
    def acknowledged(self) -> list[str]:
        """Names of acknowledged segments, oldest first."""
        return [_stem(fact["key"]) for fact in self.told("segment")]

    def wait(self, timeout_s: float = 120.0) -> None:
        """It must end well by itself."""
        _, errors = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, errors

    def end(self) -> None:
        """Not to outlive its test."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def _whole(line: str) -> dict[str, Any]:
    """A line as told; nothing of one that is still being written."""
    try:
        fact: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return fact
