"""boto3 against the gateway with a door that only writes down what it is asked."""

from __future__ import annotations

import asyncio
import io
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from pileus.adapters.chance_seeded import SeededChance
from pileus.adapters.clock_system import SystemClock
from pileus.gateway.app import GatewayApp
from pileus.gateway.aws import AwsFront
from pileus.gateway.server import Server
from pileus.kernel.credentials import Credential
from pileus.kernel.operations import Reply
from pileus.kernel.rooms import BodyLimit
from pileus.ports.state import StateUnavailable
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import Body, BytesBody
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

ROOT = Principal.root("000000000000", "test")


class Door:
    """Keeps objects, repeats messages, and fails when told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallContext, str, str, Mapping[str, Any]]] = []
        self.objects: dict[str, bytes] = {}
        self.fault: Exception | None = None

    async def __call__(
        self,
        context: CallContext,
        service: str,
        operation: str,
        input: Mapping[str, Any],
        body: Body | None,
        /,
    ) -> Reply:
        self.calls.append((context, service, operation, input))
        if self.fault is not None:
            raise self.fault
        if operation == "PutObject":
            assert body is not None
            self.objects[input["Key"]] = b"".join([piece async for piece in body])
            return Reply({"ETag": '"x"'})
        if operation == "GetObject":
            data = self.objects[input["Key"]]
            return Reply({"ContentLength": len(data), "ContentType": "a/b"}, BytesBody(data))
        if operation == "Invoke":
            return Reply({"StatusCode": 200, "Payload": input.get("Payload", b"")})
        return Reply({})


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def url(door: Door) -> AsyncIterator[str]:
    clock = SystemClock()

    def lookup(access_key: str, token: str) -> Credential | None:
        known = access_key == "test" and not token
        return Credential("test", "test", ROOT, is_loopback_only=True) if known else None

    limits = {"ImportApi": BodyLimit(100, ServiceError("TooMuch", "At most 100.", status=413))}
    limits["CreateFunction"] = BodyLimit(32 << 20, limits["ImportApi"].refusal)
    front = AwsFront(
        door, lookup, clock, SeededChance(1), body_limit=lambda _, operation: limits.get(operation)
    )
    app = GatewayApp(front)
    app.add_handler("health", _health)
    server = Server(app, clock)
    port = await server.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await server.close()


async def _health(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, [("Content-Type", "text/plain")], request.path.encode())


def client(url: str, service: str, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "endpoint_url": url,
        "region_name": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(retries={"max_attempts": 0}),
        **changes,
    }
    return boto3.client(service, **given)


async def called(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    return await asyncio.to_thread(function, *given, **named)


def fetched(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


async def test_an_operation_may_take_more_or_less_than_others(url: str, door: Door) -> None:
    functions = client(url, "lambda")
    package = {"ZipFile": bytes(14 << 20)}  # a third more as base64: past what others may bring
    given = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": package}
    await called(functions.create_function, **given)
    assert len(door.calls[0][3]["Code"]["ZipFile"]) == 14 << 20
    with pytest.raises(ClientError) as caught:
        await called(client(url, "apigatewayv2").import_api, Body="x" * 200)
    assert caught.value.response["Error"] == {"Code": "TooMuch", "Message": "At most 100."}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert len(door.calls) == 1


async def test_the_context_tells_who_calls_and_whence(url: str, door: Door) -> None:
    answer = await called(client(url, "sqs").create_queue, QueueName="q")
    context, service, operation, given = door.calls[0]
    assert (service, operation, given) == ("sqs", "CreateQueue", {"QueueName": "q"})
    assert (context.account, context.region) == ("000000000000", "eu-west-1")
    assert context.principal is ROOT
    assert context.endpoint == url
    assert context.request_id == answer["ResponseMetadata"]["RequestId"]
    assert len(context.request_id) == 36


@pytest.mark.parametrize("checksum", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
async def test_uploads_in_every_checksum(url: str, door: Door, checksum: str) -> None:
    if checksum in ("CRC32C", "CRC64NVME"):
        pytest.importorskip("awscrt", reason="boto3 itself needs awscrt to make this checksum")
    data = bytes(range(256)) * 2000
    s3 = client(url, "s3")
    await called(
        s3.put_object, Bucket="b", Key="a b/ü", Body=io.BytesIO(data), ChecksumAlgorithm=checksum
    )
    assert door.objects["a b/ü"] == data
    assert door.calls[0][3]["ChecksumAlgorithm"] == checksum
    answer = await called(s3.get_object, Bucket="b", Key="a b/ü")
    assert answer["Body"].read() == data
    assert len(answer["ResponseMetadata"]["RequestId"]) == 16


async def test_presigned_urls(url: str, door: Door) -> None:
    for version in ("s3v4", "s3"):
        s3 = client(url, "s3", config=Config(signature_version=version))
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "b", "Key": version})
        # A browser or curl adds a content type of its own, which a v2 signature covers.
        kind = {"Content_Type": "text/plain"} if version == "s3v4" else {"Content_Type": ""}
        assert (await called(fetched, put, "PUT", b"data", **kind))[0] == 200
        get = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": version})
        assert (await called(fetched, get))[2] == b"data"
        assert (await called(fetched, get + "x"))[0] == 403


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("dynamodb", "list_tables", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("sqs", "list_queues", "InvalidClientTokenId"),
        ("cloudwatch", "list_metrics", "InvalidClientTokenId"),
    ],
)
async def test_strangers_are_refused(url: str, service: str, operation: str, code: str) -> None:
    stranger = client(url, service, aws_access_key_id="nobody")
    with pytest.raises(ClientError) as raised:
        await called(getattr(stranger, operation))
    assert raised.value.response["Error"]["Code"] == code


async def test_unsigned_calls(url: str, door: Door) -> None:
    unsigned = Config(signature_version=UNSIGNED)
    await called(client(url, "s3", config=unsigned).list_objects_v2, Bucket="b")
    assert door.calls[0][0].principal.arn == "anonymous"
    with pytest.raises(ClientError) as raised:
        await called(client(url, "sts", config=unsigned).get_caller_identity)
    assert raised.value.response["Error"]["Code"] == "MissingAuthenticationToken"
    sts = client(url, "sts", config=unsigned)
    await called(
        sts.assume_role_with_web_identity,
        RoleArn="arn:aws:iam::000000000000:role/r",
        RoleSessionName="session",
        WebIdentityToken="token",
    )
    assert door.calls[1][2] == "AssumeRoleWithWebIdentity"


@pytest.mark.parametrize(
    ("fault", "service", "code", "status"),
    [
        (RuntimeError("a secret detail"), "sqs", "InternalFailure", 500),
        (RuntimeError("a secret detail"), "s3", "InternalError", 500),
        (StateUnavailable("disk full"), "sns", "ServiceUnavailable", 503),
        (ServiceError("Throttling", "slow", status=400), "iam", "Throttling", 400),
    ],
)
async def test_faults_keep_the_clients_wire_form(
    url: str, door: Door, fault: Exception, service: str, code: str, status: int
) -> None:
    door.fault = fault
    operations = {
        "sqs": "list_queues",
        "s3": "list_buckets",
        "sns": "list_topics",
        "iam": "list_roles",
    }
    with pytest.raises(ClientError) as raised:
        await called(getattr(client(url, service), operations[service]))
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert "secret" not in str(raised.value)


async def test_lambda_payloads_pass_untouched(url: str) -> None:
    answer = await called(client(url, "lambda").invoke, FunctionName="f", Payload=b'{"a": null}')
    assert answer["Payload"].read() == b'{"a": null}'


async def test_large_metrics_arrive_gzipped(url: str, door: Door) -> None:
    data = [{"MetricName": f"m{i}", "Value": float(i)} for i in range(900)]
    await called(client(url, "cloudwatch").put_metric_data, Namespace="n", MetricData=data)
    assert door.calls[0][3] == {"Namespace": "n", "MetricData": data}


async def test_our_own_pages(url: str) -> None:
    assert (await called(fetched, f"{url}/_pileus/health/x"))[2] == b"/_pileus/health/x"
    assert (await called(fetched, f"{url}/_pileus/nonesuch"))[0] == 404


async def test_pages_from_elsewhere(url: str, door: Door) -> None:
    port = url.rpartition(":")[2]
    own = f"http://localhost:{port}"
    wanted = {"Access_Control_Request_Headers": "x-amz-date"}
    status, headers, _ = await called(fetched, f"{url}/b", "OPTIONS", Origin=own, **wanted)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, own)
    assert headers["Access-Control-Allow-Headers"] == "x-amz-date"
    status, headers, _ = await called(fetched, f"{url}/b", "OPTIONS", Origin="http://evil.example")
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers
    assert (await called(fetched, f"{url}/b", Origin="http://evil.example"))[0] == 403
    # The bucket's own rules are all that is looked at.
    assert {call[2] for call in door.calls} == {"GetBucketCors"}
    status, headers, _ = await called(fetched, f"{url}/b", Origin=own)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, own)


async def test_unknown_operations_are_named(url: str) -> None:
    headers = {"X_Amz_Target": "AmazonSQS.FlyAway", "Content_Type": "application/x-amz-json-1.0"}
    status, _, body = await called(fetched, url, "POST", b"{}", **headers)
    assert status == 400
    assert b"FlyAway" in body
