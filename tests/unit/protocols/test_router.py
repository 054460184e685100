from __future__ import annotations

import pytest

from pileus.protocols.codec import encode_error
from pileus.protocols.http import HttpRequest
from pileus.protocols.router import bucket_of_host, is_form, route
from pileus.protocols.targets import Unroutable


def scoped(service: str, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    authorization = (
        f"AWS4-HMAC-SHA256 Credential=K/20261121/us-east-1/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    return {"host": "127.0.0.1:4566", "authorization": authorization, **named}


def s3(method: str, path: str, query: str = "", **headers: str) -> str:
    return route(HttpRequest(method, path, query, scoped("s3", **headers))).operation


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", "/", "", "ListBuckets"),
        ("PUT", "/b", "", "CreateBucket"),
        ("PUT", "/b/", "", "CreateBucket"),
        ("HEAD", "/b", "", "HeadBucket"),
        ("GET", "/b", "", "ListObjects"),
        ("GET", "/b", "list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", "/b", "versions", "ListObjectVersions"),
        ("GET", "/b", "versioning", "GetBucketVersioning"),
        ("GET", "/b", "location", "GetBucketLocation"),
        ("GET", "/b", "uploads", "ListMultipartUploads"),
        ("POST", "/b", "delete", "DeleteObjects"),
        ("GET", "/b", "lifecycle", "GetBucketLifecycleConfiguration"),
        ("PUT", "/b", "notification=", "PutBucketNotificationConfiguration"),
        ("GET", "/b", "analytics", "ListBucketAnalyticsConfigurations"),
        ("GET", "/b", "analytics&id=1", "GetBucketAnalyticsConfiguration"),
        ("PUT", "/b/a/b/c", "", "PutObject"),
        ("PUT", "/b//leading", "", "PutObject"),
        ("GET", "/b/k", "x-id=GetObject", "GetObject"),
        ("GET", "/b/k", "versionId=1&acl", "GetObjectAcl"),
        ("GET", "/b/k", "uploadId=1", "ListParts"),
        ("PUT", "/b/k", "uploadId=1&partNumber=2", "UploadPart"),
        ("POST", "/b/k", "uploads", "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=1", "CompleteMultipartUpload"),
        ("DELETE", "/b/k", "uploadId=1", "AbortMultipartUpload"),
        ("DELETE", "/b/k", "versionId=1", "DeleteObject"),
        ("DELETE", "/b/k", "tagging", "DeleteObjectTagging"),
        ("GET", "/b/k", "tagging", "GetObjectTagging"),
        ("GET", "/b/k", "attributes", "GetObjectAttributes"),
    ],
)
def test_s3_by_method_path_and_query(method: str, path: str, query: str, operation: str) -> None:
    assert s3(method, path, query) == operation


def test_s3_copies_are_told_by_a_header() -> None:
    assert s3("PUT", "/b/k", x_amz_copy_source="/a/b") == "CopyObject"
    query = "partNumber=1&uploadId=u"
    assert s3("PUT", "/b/k", query, x_amz_copy_source="/a/b") == "UploadPartCopy"


def test_labels_are_decoded() -> None:
    target = route(HttpRequest("GET", "/b/a%20b/%C3%BC%2F+", "", scoped("s3")))
    assert target.labels == {"Bucket": "b", "Key": "a b/ü/+"}


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("127.0.0.1:4566", ""),
        ("[::1]:4566", ""),
        ("localhost:4566", ""),
        ("photos.localhost:4566", "photos"),
        ("my.photos.localhost", "my.photos"),
        ("s3.localhost:4566", ""),
        ("photos.s3.localhost:4566", "photos"),
        ("photos.s3.us-east-1.localhost", "photos"),
        ("photos.s3.amazonaws.com", "photos"),
        ("s3.eu-west-1.amazonaws.com", ""),
        ("my.photos.s3.eu-west-1.amazonaws.com", "my.photos"),
    ],
)
def test_buckets_in_hosts(host: str, bucket: str) -> None:
    assert bucket_of_host(host) == bucket


def test_a_virtual_hosted_request_addresses_its_bucket() -> None:
    headers = {**scoped("s3"), "host": "photos.localhost:4566"}
    target = route(HttpRequest("GET", "/a/b", "", headers))
    assert (target.operation, target.labels) == ("GetObject", {"Bucket": "photos", "Key": "a/b"})
    assert route(HttpRequest("GET", "/", "", headers)).operation == "ListObjects"


def test_an_anonymous_path_is_s3() -> None:
    target = route(HttpRequest("GET", "/b/k", headers={"host": "127.0.0.1"}))
    assert (target.service, target.operation) == ("s3", "GetObject")


def test_presigned_requests() -> None:
    credential = "X-Amz-Credential=K%2F20261121%2Fus-east-1%2Fs3%2Faws4_request"
    assert route(HttpRequest("GET", "/b/k", credential)).operation == "GetObject"
    second = "AWSAccessKeyId=K&Signature=x&Expires=1"
    assert route(HttpRequest("GET", "/b/k", second)).operation == "GetObject"
    sts = "Action=GetCallerIdentity&Version=2011-06-15&" + credential.replace("s3", "sts")
    target = route(HttpRequest("GET", "/", sts))
    assert (target.service, target.operation) == ("sts", "GetCallerIdentity")


@pytest.mark.parametrize(
    ("scope", "method", "path", "service", "operation"),
    [
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "lambda", "Invoke"),
        ("lambda", "GET", "/2015-03-31/functions", "lambda", "ListFunctions"),
        ("lambda", "GET", "/2015-03-31/functions/", "lambda", "ListFunctions"),
        ("lambda", "GET", "/2015-03-31/functions/f", "lambda", "GetFunction"),
        ("sagemaker", "POST", "/endpoints/e/invocations", "sagemaker-runtime", "InvokeEndpoint"),
        ("apigateway", "POST", "/restapis", "apigateway", "CreateRestApi"),
        ("apigateway", "POST", "/v2/apis", "apigatewayv2", "CreateApi"),
        ("kinesisvideo", "POST", "/getMedia", "kinesis-video-media", "GetMedia"),
        ("kinesisvideo", "POST", "/createStream", "kinesisvideo", "CreateStream"),
    ],
)
def test_services_that_share_a_signing_name(
    scope: str, method: str, path: str, service: str, operation: str
) -> None:
    target = route(HttpRequest(method, path, headers=scoped(scope)))
    assert (target.service, target.operation) == (service, operation)


@pytest.mark.parametrize(
    ("aimed", "service", "operation"),
    [
        ("AmazonSQS.SendMessage", "sqs", "SendMessage"),
        ("DynamoDB_20120810.GetItem", "dynamodb", "GetItem"),
        ("DynamoDBStreams_20120810.GetRecords", "dynamodbstreams", "GetRecords"),
        ("AWSStepFunctions.StartExecution", "stepfunctions", "StartExecution"),
        ("Logs_20140328.PutLogEvents", "logs", "PutLogEvents"),
        ("AWSEvents.PutEvents", "events", "PutEvents"),
        ("SageMaker.CreateModel", "sagemaker", "CreateModel"),
    ],
)
def test_the_target_header(aimed: str, service: str, operation: str) -> None:
    headers = {"x-amz-target": aimed, "content-type": "application/x-amz-json-1.0"}
    target = route(HttpRequest("POST", "/", headers=headers))
    assert (target.service, target.operation) == (service, operation)
    assert (target.protocol, target.json_version) == ("json", "1.0")


def test_forms() -> None:
    form = b"Action=AssumeRole&Version=2011-06-15&RoleArn=a"
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    signed = HttpRequest("POST", "/", headers=scoped("sts", content_type=kind))
    assert is_form(signed)
    assert route(signed, form).operation == "AssumeRole"
    unsigned = HttpRequest("POST", "/", headers={"content-type": kind})
    assert route(unsigned, form).service == "sts"
    sqs = HttpRequest("POST", "/000000000000/q", headers=scoped("sqs", content_type=kind))
    target = route(sqs, b"Action=SendMessage&MessageBody=x&Version=2012-11-05")
    assert (target.service, target.operation, target.protocol) == ("sqs", "SendMessage", "query")


def test_hosts_name_services_too() -> None:
    headers = {"host": "lambda.us-east-1.amazonaws.com"}
    assert route(HttpRequest("GET", "/2015-03-31/functions", headers=headers)).service == "lambda"
    headers = {"host": "lambda.localhost:4566"}
    assert route(HttpRequest("GET", "/2015-03-31/functions", headers=headers)).service == "lambda"


@pytest.mark.parametrize(
    ("request_", "form", "code", "status", "named"),
    [
        (
            HttpRequest("POST", "/", headers={"x-amz-target": "AmazonSQS.Fly"}),
            b"",
            "UnknownOperationException",
            400,
            "Fly",
        ),
        (
            HttpRequest(
                "POST",
                "/",
                headers={
                    "x-amz-target": "Kinesis_20131202.PutRecord",
                    "content-type": "application/x-amz-cbor-1.1",
                },
            ),
            b"",
            "NotImplemented",
            501,
            "x-amz-cbor",
        ),
        (
            HttpRequest("POST", "/", headers={"x-amz-target": "Nobody.Fly"}),
            b"",
            "UnknownOperationException",
            400,
            "Fly",
        ),
        (
            HttpRequest("POST", "/", headers=scoped("sts")),
            b"Action=Fly&Version=2011-06-15",
            "InvalidAction",
            400,
            "Fly",
        ),
        (
            HttpRequest("POST", "/nowhere", headers=scoped("lambda")),
            b"",
            "UnknownOperationException",
            404,
            "/nowhere",
        ),
        (HttpRequest("GET", "/b/%FF", headers=scoped("s3")), b"", "InvalidURI", 400, ""),
        (HttpRequest("PATCH", "/b/k", headers=scoped("s3")), b"", "MethodNotAllowed", 405, ""),
        (
            HttpRequest("POST", "/", headers=scoped("ec2")),
            b"Action=Fly&Version=2016-11-15",
            "InvalidAction",
            400,
            "<Response><Errors><Error>",
        ),
        (HttpRequest("POST", "/", headers=scoped("sts")), b"x=y", "MissingAction", 400, "action"),
        (HttpRequest("POST", "/"), b"rubbish", "MissingAction", 400, "X-Amz-Target"),
        (
            HttpRequest("POST", "/", headers={"content-type": "application/x-amz-json-1.0"}),
            b"{}",
            "UnknownOperationException",
            400,
            "X-Amz-Target",
        ),
        (HttpRequest("PURGE", "/b/k"), b"", "MethodNotAllowed", 405, "<Method>PURGE</Method>"),
        (
            HttpRequest("POST", "/", headers=scoped("nonesuch")),
            b"",
            "UnknownOperationException",
            404,
            "nonesuch",
        ),
    ],
)
def test_what_is_not_there_is_named(
    request_: HttpRequest, form: bytes, code: str, status: int, named: str
) -> None:
    with pytest.raises(Unroutable) as raised:
        route(request_, form)
    assert (raised.value.code, raised.value.status) == (code, status)
    response = encode_error(raised.value.target, raised.value, "the-id")
    assert response.status == status
    assert isinstance(response.body, bytes)
    assert named in response.body.decode()
    assert code in response.body.decode() + str(response.headers)


def test_an_s3_object_may_be_asked_for_with_action_in_its_query() -> None:
    assert s3("GET", "/b/k", "Action=x") == "GetObject"


def test_the_dialect_of_ec2() -> None:
    form = b"Action=DescribeInstances&Version=2016-11-15"
    found = route(HttpRequest("POST", "/", headers=scoped("ec2")), form)
    assert (found.service, found.operation, found.protocol) == ("ec2", "DescribeInstances", "ec2")


@pytest.mark.parametrize(
    ("path", "host", "kind", "code", "status"),
    [
        ("/", "photos.s3.localhost:4566", "multipart/form-data; boundary=b", "NotImplemented", 501),
        ("/photos", "localhost", "multipart/form-data; boundary=b", "NotImplemented", 501),
        ("/photos", "localhost", "text/plain", "PreconditionFailed", 412),
        ("/", "localhost", "multipart/form-data; boundary=b", "MethodNotAllowed", 405),
    ],
)
def test_a_form_of_a_browser_is_s3s(
    path: str, host: str, kind: str, code: str, status: int
) -> None:
    headers = {"host": host, "content-type": kind}
    with pytest.raises(Unroutable) as caught:
        route(HttpRequest("POST", path, headers=headers))
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.target.service == "s3"
