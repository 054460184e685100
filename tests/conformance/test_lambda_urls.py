"""Functions' own addresses, asked by an HTTP client; response streams, read by boto3."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.live import REGION, LivePlatform
from tests.conformance.test_lambda_node import add_function

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node is on the path")

ECHO = """
export const handler = async (event) => {
  if (event.rawPath === '/teapot') return {
    statusCode: 418, headers: { 'x-kind': 'pot', 'content-type': 'text/x' }, cookies: ['a=1', 'b=2'],
    body: Buffer.from('short and stout').toString('base64'), isBase64Encoded: true,
  };
  if (event.rawPath === '/fail') throw new Error('no');
  if (event.rawPath === '/bad') return { statusCode: 'many' };
  if (event.rawPath === '/text') return 'Hello, world!';
  return event;
};
"""
STREAM = """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const raw = stream;
  if (event.rawPath === '/http') {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { 'x-a': 'b' } });
  } else stream.setContentType('text/event-stream');
  if (event.rawPath === '/half') { stream.write('some'); await new Promise((ok) => setTimeout(ok, 50)); throw new Error('half'); }
  const count = event.count ?? 3;
  for (let i = 0; i < count; i += 1) {
    stream.write(`part ${i} ` + 'x'.repeat(event.size ?? 0));
    await new Promise((ok) => setTimeout(ok, event.pause ?? 1));
  }
  stream.end();
});
"""


def open_to_all(platform: LivePlatform, name: str) -> None:
    """The two statements that AWS wants of an address without authentication."""
    client = platform.client("lambda")
    client.add_permission(
        FunctionName=name, StatementId="url", Principal="*", Action="lambda:InvokeFunctionUrl",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    client.add_permission(
        FunctionName=name, StatementId="invoke", Principal="*", Action="lambda:InvokeFunction",
        InvokedViaFunctionUrl=True,
    )  # fmt: skip


def ask(
    platform: LivePlatform,
    url: str,
    path: str = "/",
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> http.client.HTTPResponse:
    """One request to the platform's port under the name of the address."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Host": urlsplit(url).netloc, **given})
    return connection.getresponse()


@pytest.fixture(scope="module")
def echo(live_platform: LivePlatform) -> str:
    add_function(live_platform, "echo-url", ECHO)
    client = live_platform.client("lambda")
    made = client.create_function_url_config(FunctionName="echo-url", AuthType="NONE")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    open_to_all(live_platform, "echo-url")
    return str(made["FunctionUrl"])


def test_a_request_is_an_event_of_format_two(live_platform: LivePlatform, echo: str) -> None:
    path = "/a%20b/c?x=1&y=2&x=3"
    answer = ask(live_platform, echo, path, "POST", b'{"a": 1}', Cookie="s=1; t=2", content_type="application/json", X_Own="yes")  # fmt: skip
    event = json.loads(answer.read())
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/c", "x=1&y=2&x=3")
    assert event["queryStringParameters"] == {"x": "1,3", "y": "2"}
    assert event["cookies"] == ["s=1", "t=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    assert event["headers"]["x-own"] == "yes" and "cookie" not in event["headers"]
    context = event["requestContext"]
    assert context["http"]["method"] == "POST"
    assert context["domainName"] == urlsplit(echo).hostname
    assert context["apiId"] == context["domainName"].split(".")[0]
    assert context["accountId"] == "anonymous"
    binary = ask(live_platform, echo, "/", "POST", b"\x00\xff", content_type="image/png")
    event = json.loads(binary.read())
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x00\xff", True)


def test_what_a_function_answers_is_http(live_platform: LivePlatform, echo: str) -> None:
    pot = ask(live_platform, echo, "/teapot")
    assert (pot.status, pot.read()) == (418, b"short and stout")
    assert (pot.headers["x-kind"], pot.headers["content-type"]) == ("pot", "text/x")
    assert pot.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert ask(live_platform, echo, "/text").read() == b"Hello, world!"
    for path in ("/fail", "/bad"):
        failed = ask(live_platform, echo, path)
        assert (failed.status, failed.read()) == (502, b"Internal Server Error")


def test_the_path_form_is_the_same_address(live_platform: LivePlatform, echo: str) -> None:
    url_id = urlsplit(echo).hostname.split(".")[0]  # type: ignore[union-attr]
    here = f"http://127.0.0.1:{live_platform.port}"
    event = json.loads(ask(live_platform, here, f"/_pileus/lambda-url/{url_id}/deep/er").read())
    assert event["rawPath"] == "/deep/er"
    assert ask(live_platform, here, f"/_pileus/lambda-url/{'a' * 32}/").status == 404


def test_without_the_permissions_nobody_comes_in(live_platform: LivePlatform) -> None:
    add_function(live_platform, "closed", ECHO)
    client = live_platform.client("lambda")
    url = client.create_function_url_config(FunctionName="closed", AuthType="NONE")["FunctionUrl"]
    refused = ask(live_platform, url)
    assert (refused.status, refused.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert json.loads(refused.read())["Message"].startswith("Forbidden. For troubleshooting")
    open_to_all(live_platform, "closed")
    assert ask(live_platform, url).status == 200
    client.remove_permission(FunctionName="closed", StatementId="invoke")
    assert ask(live_platform, url).status == 403


def test_an_address_of_iam_wants_a_signature(live_platform: LivePlatform) -> None:
    add_function(live_platform, "signed", ECHO)
    client = live_platform.client("lambda")
    url = client.create_function_url_config(FunctionName="signed", AuthType="AWS_IAM")[
        "FunctionUrl"
    ]
    assert ask(live_platform, url).status == 403

    def signed(account: str) -> http.client.HTTPResponse:
        request = AWSRequest("GET", url + "who", headers={"Host": urlsplit(url).netloc})
        SigV4Auth(Credentials(account, "test"), "lambda", REGION).add_auth(request)
        headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
        headers.pop("Host")
        return ask(live_platform, url, "/who", **headers)

    event = json.loads(signed("test").read())
    assert event["requestContext"]["accountId"] == "000000000000"
    iam = event["requestContext"]["authorizer"]["iam"]
    assert iam["accountId"] == "000000000000" and iam["userArn"].startswith("arn:aws:iam::")
    assert signed("111122223333").status == 403, "another account needs the function's policy"
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        client.add_permission(
            FunctionName="signed", StatementId=action.split(":")[1], Action=action,
            Principal="111122223333",
        )  # fmt: skip
    assert signed("111122223333").status == 200


def test_cross_origin_rules_answer_for_the_function(live_platform: LivePlatform) -> None:
    add_function(live_platform, "cors", ECHO)
    client = live_platform.client("lambda")
    cors = {
        "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-own"], "ExposeHeaders": ["x-kind"], "MaxAge": 60, "AllowCredentials": True,
    }  # fmt: skip
    made = client.create_function_url_config(FunctionName="cors", AuthType="NONE", Cors=cors)
    assert made["Cors"] == cors
    open_to_all(live_platform, "cors")
    asked = {"Origin": "https://shop.example", "Access_Control_Request_Method": "PUT"}
    told = ask(live_platform, made["FunctionUrl"], "/", "OPTIONS", **asked)
    assert told.status == 200
    assert told.headers["access-control-allow-origin"] == "https://shop.example"
    assert told.headers["access-control-allow-methods"] == "GET,PUT"
    assert told.headers["access-control-allow-credentials"] == "true"
    assert told.headers["access-control-max-age"] == "60"
    got = ask(live_platform, made["FunctionUrl"], "/teapot", Origin="https://shop.example")
    assert got.headers["access-control-expose-headers"] == "x-kind"
    other = ask(live_platform, made["FunctionUrl"], "/", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers
    with pytest.raises(ClientError, match="AllowCredentials"):
        both = {"AllowOrigins": ["*"], "AllowCredentials": True}
        client.update_function_url_config(FunctionName="cors", Cors=both)


def test_the_life_of_an_address(live_platform: LivePlatform) -> None:
    add_function(live_platform, "life", ECHO)
    client = live_platform.client("lambda")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function_url_config(FunctionName="life")
    made = client.create_function_url_config(FunctionName="life", AuthType="NONE")
    with pytest.raises(ClientError, match="FunctionUrlConfig exists for this Lambda function"):
        client.create_function_url_config(FunctionName="life", AuthType="NONE")
    changed = client.update_function_url_config(
        FunctionName="life", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM"
    )
    assert (changed["AuthType"], changed["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert changed["FunctionUrl"] == made["FunctionUrl"]
    version = client.publish_version(FunctionName="life")["Version"]
    client.create_alias(FunctionName="life", Name="live", FunctionVersion=version)
    alias = client.create_function_url_config(
        FunctionName="life", Qualifier="live", AuthType="NONE"
    )
    assert alias["FunctionArn"].endswith(":function:life:live")
    listed = client.list_function_url_configs(FunctionName="life")["FunctionUrlConfigs"]
    assert len(listed) == 2
    client.delete_function_url_config(FunctionName="life", Qualifier="live")
    assert ask(live_platform, alias["FunctionUrl"]).status == 404
    client.delete_function(FunctionName="life")
    assert ask(live_platform, made["FunctionUrl"]).status == 404


def test_streamed_answers_over_http(live_platform: LivePlatform) -> None:
    add_function(live_platform, "streams", STREAM)
    client = live_platform.client("lambda")
    made = client.create_function_url_config(
        FunctionName="streams", AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    open_to_all(live_platform, "streams")
    plain = ask(live_platform, made["FunctionUrl"])
    assert (plain.status, plain.headers["content-type"]) == (200, "text/event-stream")
    assert plain.read() == b"part 0 part 1 part 2 "
    opened = ask(live_platform, made["FunctionUrl"], "/http")
    assert (opened.status, opened.headers["x-a"]) == (203, "b")
    assert opened.read() == b"part 0 part 1 part 2 "
    broken = ask(live_platform, made["FunctionUrl"], "/half")
    with pytest.raises(http.client.HTTPException):
        broken.read()
    client.update_function_url_config(FunctionName="streams", InvokeMode="BUFFERED")
    whole = ask(live_platform, made["FunctionUrl"], "/http")
    assert (whole.status, whole.read()) == (203, b"part 0 part 1 part 2 ")


def test_boto3_reads_a_response_stream(live_platform: LivePlatform) -> None:
    add_function(live_platform, "streams-for-boto", STREAM, Timeout=30)
    client = live_platform.client("lambda")

    def read(**event: Any) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
        reply = client.invoke_with_response_stream(
            FunctionName="streams-for-boto", Payload=json.dumps(event), LogType="Tail"
        )
        events = list(reply["EventStream"])
        data = b"".join(e["PayloadChunk"]["Payload"] for e in events if "PayloadChunk" in e)
        return reply, data, events[-1]["InvokeComplete"]

    reply, data, complete = read(count=2)
    assert (reply["StatusCode"], reply["ExecutedVersion"]) == (200, "$LATEST")
    assert data == b"part 0 part 1 "
    assert "REPORT RequestId" in base64.b64decode(complete["LogResult"]).decode()
    _, data, complete = read(rawPath="/half")
    assert data == b"some"
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "half"
    _, data, _ = read(count=40, size=400_000, pause=0)
    assert len(data) > 16_000_000, "more than an answer in one piece may have"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.invoke_with_response_stream(FunctionName="nobody")
