"""Wire forms that clients rely on, letter by letter, and input that is not as it should be."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from pileus.protocols import codec
from pileus.protocols.codec import codec_for, decode, encode, encode_error
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.targets import Target
from pileus.values.body import BytesBody, StreamBody
from pileus.values.errors import ServiceError


def text(response: HttpResponse) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


async def decoded(target: Target, body: bytes, **request: Any) -> dict[str, Any]:
    found, stream = await decode(target, HttpRequest("POST", "/", body=BytesBody(body), **request))
    assert stream is None
    return found


# ---------------------------------------------------------------- JSON

PUT_ITEM = Target("dynamodb", "PutItem", "json", json_version="1.0")


async def test_json_blobs_numbers_and_nulls() -> None:
    body = b'{"TableName":"t","Item":{"a":{"B":"AAE="},"l":{"L":[{"S":"x"}]}},"ReturnValues":null}'
    assert await decoded(PUT_ITEM, body) == {
        "TableName": "t",
        "Item": {"a": {"B": b"\x00\x01"}, "l": {"L": [{"S": "x"}]}},
    }


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b"\xff", b'{"Item":{"a":{"B":"%"}}}'])
async def test_json_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ServiceError) as raised:
        await decoded(PUT_ITEM, body)
    assert raised.value.code == "SerializationException"


async def test_values_of_a_wrong_type_pass_through_for_the_validation_to_name() -> None:
    assert await decoded(PUT_ITEM, b'{"Item":{"a":3}}') == {"Item": {"a": 3}}
    assert await decoded(PUT_ITEM, b'{"Item":[3]}') == {"Item": [3]}


def test_json_timestamps_are_epoch_seconds_whatever_a_room_gives() -> None:
    target = Target("dynamodb", "DescribeTable", "json")
    for moment in (datetime(2026, 1, 1, tzinfo=UTC), 1767225600, "2026-01-01T00:00:00Z"):
        response = encode(target, {"Table": {"CreationDateTime": moment}}, None, "id")
        assert text(response) == '{"Table":{"CreationDateTime":1767225600}}'
    halves = encode(target, {"Table": {"CreationDateTime": 1.25}}, None, "id")
    assert text(halves) == '{"Table":{"CreationDateTime":1.25}}'


def test_absent_and_unknown_members_are_left_out() -> None:
    target = Target("sqs", "SendMessage", "json", json_version="1.0")
    response = encode(target, {"MessageId": "m", "SequenceNumber": None, "Ours": 1}, None, "id")
    assert text(response) == '{"MessageId":"m"}'
    assert response.header("content-type") == "application/x-amz-json-1.0"
    assert response.header("x-amzn-requestid") == "id"


async def test_numbers_json_cannot_hold() -> None:
    target = Target("cloudwatch", "PutMetricData", "json")
    body = b'{"Namespace":"n","MetricData":[{"MetricName":"m","Value":"NaN"}]}'
    assert math.isnan((await decoded(target, body))["MetricData"][0]["Value"])
    out = Target("cloudwatch", "GetMetricData", "json")
    results = {"MetricDataResults": [{"Values": [math.inf, 1.0]}]}
    assert text(encode(out, results, None, "id")) == (
        '{"MetricDataResults":[{"Values":["Infinity",1.0]}]}'
    )


def test_sqs_errors_tell_both_codes() -> None:
    target = Target("sqs", "GetQueueUrl", "json", json_version="1.0")
    error = ServiceError("QueueDoesNotExist", "The specified queue does not exist.")
    response = encode_error(target, error, "id")
    assert response.status == 400
    assert response.header("x-amzn-query-error") == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert orjson.loads(text(response)) == {
        "__type": "com.amazonaws.sqs#QueueDoesNotExist",
        "message": "The specified queue does not exist.",
    }


def test_dynamodb_errors_name_their_namespace() -> None:
    modelled = encode_error(PUT_ITEM, ServiceError("ResourceNotFoundException", "no"), "id")
    kind = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
    assert orjson.loads(text(modelled)) == {"__type": kind, "message": "no"}
    general = encode_error(PUT_ITEM, ServiceError("ValidationException", "no"), "id")
    kind = "com.amazon.coral.validate#ValidationException"
    assert orjson.loads(text(general))["__type"] == kind


def test_error_fields_are_rendered() -> None:
    error = ServiceError(
        "ConditionalCheckFailedException",
        "The conditional request failed",
        fields={"Item": {"a": {"B": b"\x01"}}},
    )
    assert orjson.loads(text(encode_error(PUT_ITEM, error, "id")))["Item"] == {"a": {"B": "AQ=="}}


# ---------------------------------------------------------------- query

ASSUME = Target("sts", "AssumeRole", "query")


async def test_query_lists_structures_and_escapes() -> None:
    form = (
        b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws&RoleSessionName=a+b"
        b"&DurationSeconds=900&Tags.member.2.Key=k2&Tags.member.2.Value=v2"
        b"&Tags.member.1.Key=k1&Tags.member.1.Value=v%3D1&Tags.member.10.Key=k10"
    )
    assert await decoded(ASSUME, form) == {
        "RoleArn": "arn:aws",
        "RoleSessionName": "a b",
        "DurationSeconds": 900,
        "Tags": [{"Key": "k1", "Value": "v=1"}, {"Key": "k2", "Value": "v2"}, {"Key": "k10"}],
    }


@pytest.mark.parametrize(
    "form",
    [
        b"DurationSeconds=soon",
        b"DurationSeconds.member.1=900",
        b"Tags.member.one.Key=k",
        b"\xff",
        b"A." * 100 + b"A=1",
    ],
)
async def test_query_that_cannot_be_read(form: bytes) -> None:
    with pytest.raises(ServiceError) as raised:
        await decoded(ASSUME, form)
    assert raised.value.code in ("MalformedInput", "MalformedQueryString")


def test_query_answers() -> None:
    target = Target("sts", "GetCallerIdentity", "query")
    response = encode(target, {"Account": "1", "Arn": "a<b"}, None, "the-id")
    assert text(response) == (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<GetCallerIdentityResult><Account>1</Account><Arn>a&lt;b</Arn></GetCallerIdentityResult>"
        "<ResponseMetadata><RequestId>the-id</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    assert response.header("content-type") == "text/xml"


def test_query_errors() -> None:
    response = encode_error(
        Target("iam", "GetRole", "query"), ServiceError("NoSuchEntity", "no <role>"), "the-id"
    )
    assert response.status == 404
    root = ElementTree.fromstring(text(response))
    assert root.tag == "{https://iam.amazonaws.com/doc/2010-05-08/}ErrorResponse"
    assert [each.text for each in root[0]] == ["Sender", "NoSuchEntity", "no <role>"]


# The forms and answers below are those of the SQS API reference's query examples.


async def test_sqs_query_requests() -> None:
    create = Target("sqs", "CreateQueue", "query")
    form = (
        b"Action=CreateQueue&QueueName=q&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40"
        b"&Tag.1.Key=QueueType&Tag.1.Value=Production&Version=2012-11-05"
    )
    assert await decoded(create, form) == {
        "QueueName": "q",
        "Attributes": {"VisibilityTimeout": "40"},
        "tags": {"QueueType": "Production"},
    }
    receive = Target("sqs", "ReceiveMessage", "query")
    form = b"AttributeName.1=All&MaxNumberOfMessages=5&MessageAttributeName.1=a&QueueUrl=u"
    assert await decoded(receive, form) == {
        "AttributeNames": ["All"],
        "MaxNumberOfMessages": 5,
        "MessageAttributeNames": ["a"],
        "QueueUrl": "u",
    }
    assert await decoded(receive, b"AttributeName=All") == {"AttributeNames": ["All"]}
    batch = Target("sqs", "SendMessageBatch", "query")
    form = (
        b"SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Binary"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=AQI%3D"
    )
    attributes = {"n": {"DataType": "Binary", "BinaryValue": b"\x01\x02"}}
    assert await decoded(batch, form) == {
        "Entries": [{"Id": "a", "MessageBody": "b", "MessageAttributes": attributes}]
    }
    set_ = Target("sqs", "SetQueueAttributes", "query")
    assert await decoded(set_, b"Attribute.Name=VisibilityTimeout&Attribute.Value=35") == {
        "Attributes": {"VisibilityTimeout": "35"}
    }


async def test_sqs_requests_may_be_sent_to_the_queue_itself() -> None:
    target = Target("sqs", "SendMessage", "query")
    body = BytesBody(b"Action=SendMessage&MessageBody=x")
    request = HttpRequest("POST", "/000000000000/q/", headers={"host": "h:1"}, body=body)
    found, _ = await decode(target, request)
    assert found == {"MessageBody": "x", "QueueUrl": "http://h:1/000000000000/q"}


def test_sqs_query_answers() -> None:
    target = Target("sqs", "ReceiveMessage", "query")
    message = {"MessageId": "m", "Body": "b", "Attributes": {"SenderId": "s"}}
    assert (
        "<ReceiveMessageResult><Message><MessageId>m</MessageId><Body>b</Body>"
        "<Attribute><Name>SenderId</Name><Value>s</Value></Attribute></Message>"
        "</ReceiveMessageResult>"
    ) in text(encode(target, {"Messages": [message]}, None, "id"))
    target = Target("sqs", "ListQueues", "query")
    assert "<ListQueuesResult><QueueUrl>u</QueueUrl></ListQueuesResult>" in text(
        encode(target, {"QueueUrls": ["u"]}, None, "id")
    )
    target = Target("sqs", "GetQueueUrl", "query")
    response = encode_error(target, ServiceError("QueueDoesNotExist", "gone"), "id")
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in text(response)
    assert "<Type>Sender</Type>" in text(response)


# ---------------------------------------------------------------- rest-json


def test_lambda_errors() -> None:
    target = Target("lambda", "GetFunction", "rest-json")
    error = ServiceError("ResourceNotFoundException", "Function not found: f")
    response = encode_error(target, error, "id")
    assert response.status == 404
    assert response.header("x-amzn-errortype") == "ResourceNotFoundException"
    assert orjson.loads(text(response)) == {"Type": "User", "Message": "Function not found: f"}


def test_lambda_invoke_answers() -> None:
    target = Target("lambda", "Invoke", "rest-json")
    output = {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b'{"a":1}'}
    response = encode(target, output, None, "id")
    assert (response.status, text(response)) == (202, '{"a":1}')
    assert response.header("x-amz-function-error") == "Unhandled"


async def test_rest_headers_of_a_wrong_form() -> None:
    target = Target("s3", "PutObject", "rest-xml", {"Bucket": "b", "Key": "k"})
    request = HttpRequest("PUT", "/b/k", headers={"content-length": "many"})
    with pytest.raises(ServiceError) as raised:
        await decode(target, request)
    assert "content-length" in raised.value.message


# ---------------------------------------------------------------- S3


def test_s3_errors() -> None:
    target = Target("s3", "GetObject", "rest-xml", method="GET")
    response = encode_error(
        target,
        ServiceError("NoSuchKey", "The specified key does not exist.", fields={"Key": "k"}),
        "ID",
    )
    assert response.status == 404
    assert response.header("x-amz-request-id") == "ID"
    root = ElementTree.fromstring(text(response))
    assert root.tag == "Error"
    assert [each.tag for each in root] == ["Code", "Message", "Key", "RequestId", "HostId"]
    other = encode_error(target, ServiceError("AccessDenied", "Access Denied", status=403), "ID")
    tags = [each.tag for each in ElementTree.fromstring(text(other))]
    assert tags == ["Code", "Message", "RequestId", "HostId"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 404), ("GET", 304)])
def test_s3_answers_without_a_body(method: str, status: int) -> None:
    target = Target("s3", "GetObject", "rest-xml", method=method)
    response = encode_error(target, ServiceError("NotModified", "", status=status), "ID")
    assert (response.status, response.body) == (status, b"")


def test_s3_root_elements() -> None:
    target = Target("s3", "ListObjectsV2", "rest-xml", method="GET")
    output = {"Name": "b", "IsTruncated": False, "Contents": [{"Key": "a&b", "Size": 1}]}
    assert text(encode(target, output, None, "ID")) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<IsTruncated>false</IsTruncated><Contents><Key>a&amp;b</Key><Size>1</Size></Contents>"
        "<Name>b</Name></ListBucketResult>"
    )
    location = Target("s3", "GetBucketLocation", "rest-xml", method="GET")
    answer = text(encode(location, {"LocationConstraint": "eu-west-1"}, None, "ID"))
    assert answer.endswith('/2006-03-01/">eu-west-1</LocationConstraint>')
    assert text(encode(location, {}, None, "ID")).endswith('"></LocationConstraint>')


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete><Object>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><Delete><Object><Key>&x;</Key></Object></Delete>',
        b"not xml",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
    ],
)
async def test_xml_that_cannot_be_read(body: bytes) -> None:
    target = Target("s3", "DeleteObjects", "rest-xml", {"Bucket": "b"})
    with pytest.raises(ServiceError) as raised:
        await decoded(target, body)
    assert raised.value.code == "MalformedXML"


async def test_xml_namespaces_and_unknown_elements_do_not_matter() -> None:
    target = Target("s3", "DeleteObjects", "rest-xml", {"Bucket": "b"})
    objects = b"<Object><Key>a</Key><Odd/></Object><Object><Key>b</Key></Object>"
    for opening in (b"<Delete>", b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'):
        found = await decoded(target, opening + objects + b"</Delete>")
        assert found == {"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}}


async def test_a_streamed_payload_is_handed_over_unread() -> None:
    target = Target("s3", "PutObject", "rest-xml", {"Bucket": "b", "Key": "k"})
    body = BytesBody(b"x" * 100)
    found, stream = await decode(target, HttpRequest("PUT", "/b/k", body=body), limit_bytes=10)
    assert stream is body
    assert "Body" not in found


# ---------------------------------------------------------------- bounds


async def test_bodies_are_bounded() -> None:
    for body in (BytesBody(b"x" * 101), StreamBody(aiter(BytesBody(b"x" * 101)))):
        with pytest.raises(ServiceError) as raised:
            await decode(PUT_ITEM, HttpRequest("POST", "/", body=body), limit_bytes=100)
        assert (raised.value.code, raised.value.status) == ("RequestEntityTooLarge", 413)


async def test_gzipped_documents() -> None:
    packed = gzip.compress(b'{"TableName": "t"}')
    headers = {"content-encoding": "gzip"}
    assert await decoded(PUT_ITEM, packed, headers=headers) == {"TableName": "t"}
    for broken in (b"no gzip", packed[:-9]):
        with pytest.raises(ServiceError) as raised:
            await decoded(PUT_ITEM, broken, headers=headers)
        assert raised.value.code == "SerializationException"
    request = HttpRequest("POST", "/", headers=headers, body=BytesBody(gzip.compress(b" " * 9999)))
    with pytest.raises(ServiceError) as raised:
        await decode(PUT_ITEM, request, limit_bytes=1000)
    assert raised.value.code == "RequestEntityTooLarge"


def test_a_protocol_we_do_not_speak_is_named() -> None:
    with pytest.raises(ServiceError, match="ec2"):
        codec_for("ec2", "DescribeInstances", "ec2")


def test_error_headers_are_sent() -> None:
    error = ServiceError(
        "ThrottlingException", "slow down", status=429, headers={"Retry-After": "1"}
    )
    for protocol in ("json", "query", "rest-json", "rest-xml", "smithy-rpc-v2-cbor"):
        response = encode_error(codec.Target("lambda", "Invoke", protocol), error, "id")
        assert (response.status, response.header("retry-after")) == (429, "1")
