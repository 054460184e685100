"""sqs as older clients speak it: signed forms and XML; and the errors of both protocols."""

from __future__ import annotations

import http.client
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.commands import Commands
from tests.conformance.live import REGION, LivePlatform

Post = Callable[..., tuple[int, ET.Element]]
_NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture
def post(live_platform: LivePlatform) -> Post:
    """``post(path, Action=…, **{"Attribute.1.Name": …})``: the status and the parsed answer."""

    def send(path: str, **form: str) -> tuple[int, ET.Element]:
        body = urlencode({"Version": "2012-11-05", **form}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", live_platform.endpoint + path, headers=headers, data=body)
        SigV4Auth(Credentials("test", "test"), "sqs", REGION).add_auth(request)
        address = urlsplit(live_platform.endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.request("POST", path, body, dict(request.headers.items()))
            answer = connection.getresponse()
            return answer.status, ET.fromstring(answer.read())
        finally:
            connection.close()

    return send


def _text(root: ET.Element, name: str) -> str:
    found = root.find(f".//{_NAMESPACE}{name}")
    assert found is not None, ET.tostring(root)
    return found.text or ""


def test_a_message_goes_round_by_forms(post: Post) -> None:
    status, root = post("/", Action="CreateQueue", QueueName="forms")
    assert status == 200
    path = urlsplit(_text(root, "QueueUrl")).path
    attribute = {
        "MessageAttribute.1.Name": "kind",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "greeting",
    }
    _, sent = post(path, Action="SendMessage", MessageBody="a <b> & c", **attribute)
    names = {"AttributeName.1": "SenderId", "MessageAttributeName.1": "All"}
    _, found = post(path, Action="ReceiveMessage", **names)
    assert _text(found, "Body") == "a <b> & c"
    assert _text(found, "MessageId") == _text(sent, "MessageId")
    assert _text(found, "MD5OfMessageAttributes") == _text(sent, "MD5OfMessageAttributes")
    assert _text(found, "StringValue") == "greeting"
    handle = _text(found, "ReceiptHandle")
    assert post(path, Action="DeleteMessage", ReceiptHandle=handle)[0] == 200
    _, empty = post(path, Action="ReceiveMessage")
    assert empty.find(f".//{_NAMESPACE}Message") is None


def test_a_batch_goes_by_forms(post: Post) -> None:
    _, root = post("/", Action="CreateQueue", QueueName="form-batch")
    path = urlsplit(_text(root, "QueueUrl")).path
    entries = {
        "SendMessageBatchRequestEntry.1.Id": "good",
        "SendMessageBatchRequestEntry.1.MessageBody": "x",
        "SendMessageBatchRequestEntry.2.Id": "bad",
        "SendMessageBatchRequestEntry.2.MessageBody": "x",
        "SendMessageBatchRequestEntry.2.DelaySeconds": "901",
    }
    _, root = post(path, Action="SendMessageBatch", **entries)
    good = root.find(f".//{_NAMESPACE}SendMessageBatchResultEntry/{_NAMESPACE}Id")
    bad = root.find(f".//{_NAMESPACE}BatchResultErrorEntry/{_NAMESPACE}Code")
    assert good is not None and good.text == "good"
    assert bad is not None and bad.text == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("action", "form", "status", "code", "message"),
    [
        ("GetQueueUrl", {"QueueName": "never"}, 400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist for this wsdl version."),
        ("CreateQueue", {"QueueName": "a b"}, 400, "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"),
        ("CreateQueue", {}, 400, "MissingParameter", "The request must contain the parameter QueueName."),
        ("CreateQueue", {"QueueName": "x", "Attribute.1.Name": "Colour", "Attribute.1.Value": "red"}, 400, "InvalidAttributeName", "Unknown Attribute Colour."),
    ],
)  # fmt: skip
def test_refusals_by_forms(
    post: Post, action: str, form: dict[str, str], status: int, code: str, message: str
) -> None:
    got, root = post("/", Action=action, **form)
    assert (got, _text(root, "Code"), _text(root, "Message")) == (status, code, message)
    assert _text(root, "Type") == "Sender"


def test_purging_twice_is_forbidden_by_forms(post: Post) -> None:
    _, root = post("/", Action="CreateQueue", QueueName="purged")
    path = urlsplit(_text(root, "QueueUrl")).path
    assert post(path, Action="PurgeQueue")[0] == 200
    status, root = post(path, Action="PurgeQueue")
    assert (status, _text(root, "Code")) == (
        403,
        "AWS.SimpleQueueService.PurgeQueueInProgress",
    )


@pytest.mark.parametrize(
    ("operation", "given", "code", "json_code"),
    [
        ("get_queue_url", {"QueueName": "never"}, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        ("create_queue", {"QueueName": "a b"}, "InvalidParameterValue", "InvalidParameterValueException"),
        ("send_message", {"QueueUrl": "known", "MessageBody": ""}, "MissingParameter", "MissingRequiredParameterException"),
        ("send_message_batch", {"QueueUrl": "known", "Entries": []}, "AWS.SimpleQueueService.EmptyBatchRequest", "EmptyBatchRequest"),
        ("create_queue", {"QueueName": "known", "Attributes": {"DelaySeconds": "1"}}, "QueueAlreadyExists", "QueueNameExists"),
    ],
)  # fmt: skip
def test_refusals_by_json_name_the_old_code_too(
    live_platform: LivePlatform, operation: str, given: dict[str, Any], code: str, json_code: str
) -> None:
    sqs = live_platform.client("sqs")
    url = sqs.create_queue(QueueName="known")["QueueUrl"]
    if "QueueUrl" in given:
        given = {**given, "QueueUrl": url}
    with pytest.raises(ClientError) as caught:
        getattr(sqs, operation)(**given)
    error = caught.value.response["Error"]
    assert (error["Code"], error["QueryErrorCode"], error["Type"]) == (code, json_code, "Sender")


def test_a_region_in_the_address_is_obeyed(live_platform: LivePlatform) -> None:
    sqs = live_platform.client("sqs")
    sqs.create_queue(QueueName="here")
    elsewhere = f"{live_platform.endpoint}/queue/eu-west-1/000000000000/here"
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=elsewhere, MessageBody="x")


def test_dead_letters_and_redrive_by_the_cli(commands: Commands) -> None:
    def aws(*arguments: str) -> Any:
        endpoint = commands.platform.endpoint
        return commands.aws("sqs", *arguments, "--endpoint-url", endpoint)

    dead = aws("create-queue", "--queue-name", "cli-dead")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:cli-dead"
    policy = f'{{"RedrivePolicy": "{{\\"deadLetterTargetArn\\":\\"{arn}\\",\\"maxReceiveCount\\":1}}", "VisibilityTimeout": "0"}}'
    url = aws("create-queue", "--queue-name", "cli-source", "--attributes", policy)["QueueUrl"]
    aws("send-message", "--queue-url", url, "--message-body", "again and again")
    assert len(aws("receive-message", "--queue-url", url)["Messages"]) == 1
    assert aws("receive-message", "--queue-url", url) == {}
    found = aws("receive-message", "--queue-url", dead, "--attribute-names", "All")["Messages"]
    assert found[0]["Attributes"]["DeadLetterQueueSourceArn"].endswith(":cli-source")
