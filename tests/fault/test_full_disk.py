"""A full disk: writes are refused by name, reads go on, and work resumes by itself once there is room."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.commands import is_ci
from tests.conformance.live import PYTHON, LivePlatform
from tests.fault.functions import add_function
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full_disk")]
ACCOUNT = "000000000000"
SIZE = "24m"
_CODE = """
import time

def handler(event, context):
    print("working on", event["n"])
    time.sleep(event.get("seconds", 0))
    return {"n": event["n"]}
"""


class SmallDisk:
    """A file system of its own that can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        if is_ci():
            pytest.fail(f"no small file system can be mounted: {done.stderr}")
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def platform(disk: SmallDisk) -> Iterator[LivePlatform]:
    platform = LivePlatform(disk.folder / "data").start()
    yield platform
    platform.stop()


def _refusal(disk: SmallDisk, call: Callable[..., Any], **given: Any) -> str:
    """The message of a refused write, once nothing fits any more."""

    def refused() -> str:
        # What the platform itself gives back in between (a file half written, a log) is no room.
        disk.fill()
        try:
            call(**given)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ServiceUnavailable", error
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            return str(error.response["Error"]["Message"])
        return ""

    return until(refused, "a refusal", 60)


def _routed(platform: LivePlatform) -> Any:
    """A client of the bus, with a rule: an event that nothing wants leaves nothing to be written."""
    platform.client("sqs").create_queue(QueueName="told")
    target = {"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:told"}
    events = platform.client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    events.put_targets(Rule="r", Targets=[target])
    return events


def _drain(platform: LivePlatform, url: str) -> list[str]:
    client, bodies = platform.client("sqs"), []
    while found := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
    ).get("Messages"):
        for message in found:
            bodies.append(message["Body"])
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def test_full_disk_refuses_writes_and_loses_nothing(
    platform: LivePlatform, disk: SmallDisk
) -> None:
    s3, sqs, functions = (platform.client(name) for name in ("s3", "sqs", "lambda"))
    s3.create_bucket(Bucket="bucket")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    done = sqs.create_queue(QueueName="done")["QueueUrl"]
    add_function(platform, "f", _CODE)
    destination = {"Destination": f"arn:aws:sqs:us-east-1:{ACCOUNT}:done"}
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": destination}
    )
    events = _routed(platform)
    large, small = bytes(range(256)) * 8000, b"small"
    s3.put_object(Bucket="bucket", Key="large", Body=large)
    s3.put_object(Bucket="bucket", Key="small", Body=small)
    functions.invoke(FunctionName="f", Payload=json.dumps({"n": 0}))
    # These end, and are to be told, while nothing can be written.
    for number in (1, 2, 3):
        event = json.dumps({"n": number, "seconds": 6})
        functions.invoke(FunctionName="f", InvocationType="Event", Payload=event)
    disk.fill()

    sent = []

    def send() -> None:
        body = f"m{len(sent)} " + "x" * 8000
        sqs.send_message(QueueUrl=url, MessageBody=body)
        sent.append(body)

    assert "disk is full" in _refusal(disk, send)
    assert "disk is full" in _refusal(disk, s3.put_object, Bucket="bucket", Key="new", Body=large)
    assert "disk is full" in _refusal(disk, s3.put_object, Bucket="bucket", Key="new", Body=small)
    assert "disk is full" in _refusal(disk, sqs.create_queue, QueueName="another")
    entry = {"Source": "app", "DetailType": "d", "Detail": "{}"}
    assert "disk is full" in _refusal(disk, events.put_events, Entries=[entry])
    given = {"FunctionName": "f", "InvocationType": "Event", "Payload": json.dumps({"n": 9})}
    assert "disk is full" in _refusal(disk, functions.invoke, **given)

    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == large
    assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == small
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [
        "large",
        "small",
    ]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(told["ApproximateNumberOfMessages"]) == len(sent)
    # A function still runs, and by its end the earlier ones have ended too.
    answer = functions.invoke(FunctionName="f", Payload=json.dumps({"n": 4, "seconds": 8}))
    assert json.load(answer["Payload"]) == {"n": 4}

    disk.free()
    before = platform.pid
    send()
    s3.put_object(Bucket="bucket", Key="new", Body=large)
    assert sorted(_drain(platform, url)) == sorted(sent)
    records: list[str] = []
    until(lambda: len(records.extend(_drain(platform, done)) or records) >= 3, "three ends", 60)
    assert sorted(json.loads(text)["requestPayload"]["n"] for text in records) == [1, 2, 3]
    assert platform.pid == before
    assert "Traceback" not in platform.errors(), platform.errors()

    platform.kill()
    platform.start()
    s3, sqs = platform.client("s3"), platform.client("sqs")
    for key, content in (("large", large), ("small", small), ("new", large)):
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == content
    assert _drain(platform, url) == []
    assert _drain(platform, done) == []


def test_start_on_a_full_disk_says_so_and_works_with_room(
    platform: LivePlatform, disk: SmallDisk
) -> None:
    url = platform.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    platform.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    platform.kill()
    disk.fill()
    command = [PYTHON, "-m", "pileus.cli.main", "up", "--port", "0", "--data"]
    done = subprocess.run(
        [*command, str(platform.data_dir)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("pileus: ")
    assert "o space left" in done.stderr or "disk is full" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    disk.free()
    platform.start()
    assert _drain(platform, url) == ["kept"]
