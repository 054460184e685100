"""sqs as its real clients see it: boto3, the AWS CLI, and a power cut amid ten thousand sends."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.live import PYTHON, REGION, LivePlatform

SENDS = 10_000
SENDERS = 4
BATCH = 10


@pytest.fixture(scope="module")
def sqs(live_platform: LivePlatform) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=live_platform.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_boto3_sends_receives_and_deletes(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="boto")["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "greeting"}},
    )
    found = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"], WaitTimeSeconds=1
    )["Messages"]
    assert [message["Body"] for message in found] == ["hello"]
    assert found[0]["MessageId"] == sent["MessageId"]
    assert found[0]["MessageAttributes"]["kind"]["StringValue"] == "greeting"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_boto3_knows_the_error_by_its_class(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="never-made")


def test_fifo_keeps_order_and_drops_duplicates(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for text, token in (("1", "a"), ("2", "b"), ("2", "b"), ("3", "c")):
        sqs.send_message(
            QueueUrl=url, MessageBody=text, MessageGroupId="g", MessageDeduplicationId=token
        )
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in found] == ["1", "2", "3"]


def test_the_aws_cli_sends_receives_and_deletes(live_platform: LivePlatform) -> None:
    aws = _aws(live_platform)
    url = aws("create-queue", "--queue-name", "typed")["QueueUrl"]
    assert url == f"{live_platform.endpoint}/000000000000/typed"
    aws("send-message", "--queue-url", url, "--message-body", "by hand")
    found = aws("receive-message", "--queue-url", url)["Messages"]
    assert found[0]["Body"] == "by hand"
    handle = found[0]["ReceiptHandle"]
    aws("delete-message", "--queue-url", url, "--receipt-handle", handle)
    assert aws("receive-message", "--queue-url", url) == {}


def _aws(platform: LivePlatform) -> Callable[..., Any]:
    program = Path(PYTHON).parent / "aws"

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            # `aws sqs` does not look at AWS_ENDPOINT_URL.
            [str(program), "sqs", *arguments, "--endpoint-url", platform.endpoint],
            env=platform.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    return run


def test_accounts_do_not_see_each_other(live_platform: LivePlatform) -> None:
    ours = live_platform.client("sqs")
    theirs = live_platform.client("sqs", "123456789012")
    ours.create_queue(QueueName="same")
    url = theirs.create_queue(QueueName="same")["QueueUrl"]
    assert "/123456789012/" in url
    theirs.send_message(QueueUrl=url, MessageBody="theirs")
    own_url = ours.get_queue_url(QueueName="same")["QueueUrl"]
    assert "Messages" not in ours.receive_message(QueueUrl=own_url)


class _Sender:
    """Sends numbered messages in batches until told to stop or cut off; keeps what was promised."""

    def __init__(self, platform: LivePlatform, url: str, numbers: range) -> None:
        # A client each: a sender must not wait for another's connection.
        self._client = platform.client("sqs", user_agent_extra=f"sender/{numbers.start}")
        self._url = url
        self._numbers = numbers
        self.acknowledged: set[str] = set()
        self.tried: set[str] = set()
        self.failures = 0

    def run(self, enough: threading.Event, at_count: int) -> None:
        for first in range(self._numbers.start, self._numbers.stop, BATCH):
            entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(first, first + BATCH)]
            self.tried.update(entry["Id"] for entry in entries)
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError):
                self.failures += 1
                return
            self.acknowledged.update(entry["Id"] for entry in answer["Successful"])
            if len(self.acknowledged) * SENDERS >= at_count:
                enough.set()


@pytest.mark.slow
def test_a_power_cut_amid_sends_loses_nothing_acknowledged(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform()
    url = platform.client("sqs").create_queue(QueueName="cut")["QueueUrl"]
    share = SENDS // SENDERS
    senders = [_Sender(platform, url, range(n * share, (n + 1) * share)) for n in range(SENDERS)]
    half_way = threading.Event()
    threads = [
        threading.Thread(target=sender.run, args=(half_way, SENDS // 2)) for sender in senders
    ]
    for thread in threads:
        thread.start()
    assert half_way.wait(60)
    platform.kill()
    for thread in threads:
        thread.join(60)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    tried = set().union(*(sender.tried for sender in senders))
    assert any(sender.failures for sender in senders), "the cut came after the last send"
    assert SENDS // 4 <= len(acknowledged) < SENDS

    platform.start()
    kept = _drain(platform.client("sqs"), url)
    assert acknowledged <= set(kept), f"lost {len(acknowledged - set(kept))} acknowledged messages"
    assert set(kept) <= tried
    assert len(kept) == len(set(kept)), "a message is there twice"


def _drain(client: Any, url: str) -> list[str]:
    bodies: list[str] = []
    while found := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in found]
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(found)
        ]
        client.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies
