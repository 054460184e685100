"""Node.js functions as real clients see them: the AWS CLI, boto3, AWS's own signature of errors."""

from __future__ import annotations

import base64
import http.client
import io
import json
import re
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conformance.commands import Commands
from tests.conformance.live import PYTHON, LivePlatform

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node is on the path")

HANDLER = """
import os from 'node:os';
console.log('starting');
let calls = 0;
export const handler = async (event, context) => {
  calls += 1;
  if (event.fail) throw new RangeError(event.fail);
  if (event.fetch) return (await fetch(event.fetch)).status;
  console.log('event', event);
  return { calls, event, id: context.awsRequestId, name: context.functionName };
};
"""


def package(**files: str) -> bytes:
    """A zip; ``__`` in a name stands for the dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return packed.getvalue()


def add_function(platform: LivePlatform, name: str, source: str = HANDLER, **more: Any) -> Any:
    """A Node function of one ES module."""
    role = platform.add_role("node-runner")
    given = {"Runtime": "nodejs22.x", "Handler": "index.handler", "Timeout": 10, **more}
    code = {"ZipFile": package(index__mjs=source)}
    return platform.client("lambda").create_function(
        FunctionName=name, Role=role, Code=code, **given
    )


def test_the_aws_cli_invokes_it(live_platform: LivePlatform, tmp_path: Path) -> None:
    add_function(live_platform, "plain")
    answer = tmp_path / "answer.json"
    command = [PYTHON, "-m", "awscli", "lambda", "invoke", "--function-name", "plain"]
    more = ["--payload", '{"a": [1]}']
    done = subprocess.run(
        [*command, *more, "--log-type", "Tail", str(answer)],
        env=live_platform.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["StatusCode"], told["ExecutedVersion"]) == (200, "$LATEST")
    result = json.loads(answer.read_text())
    assert result["event"] == {"a": [1]}
    assert (result["calls"], result["name"]) == (1, "plain")
    log = base64.b64decode(told["LogResult"]).decode()
    assert re.search(rf"Z\t{result['id']}\tINFO\tevent {{ a: \[ 1 \] }}\n", log)
    assert re.search(rf"END RequestId: {result['id']}\nREPORT RequestId: {result['id']}\t", log)


def test_errors_have_aws_s_documents(live_platform: LivePlatform) -> None:
    add_function(live_platform, "failing")
    client = live_platform.client("lambda")
    reply = client.invoke(FunctionName="failing", Payload=b'{"fail": "too far"}')
    assert reply["FunctionError"] == "Unhandled"
    document = json.loads(reply["Payload"].read())
    assert (document["errorType"], document["errorMessage"]) == ("RangeError", "too far")
    assert document["trace"][1].lstrip().startswith("at Runtime.handler") or (
        "/var/task/index.mjs" in document["trace"][1]
    )


def test_the_gateway_is_all_that_a_function_reaches(live_platform: LivePlatform) -> None:
    add_function(live_platform, "reaching")
    client = live_platform.client("lambda")
    health = json.dumps({"fetch": f"{live_platform.endpoint}/_pileus/health"})
    assert json.loads(client.invoke(FunctionName="reaching", Payload=health)["Payload"].read()) == (
        200
    )
    elsewhere = json.dumps({"fetch": "http://127.0.0.1:1/"})
    reply = client.invoke(FunctionName="reaching", Payload=elsewhere)
    assert json.loads(reply["Payload"].read())["errorType"] == "TypeError"


SDK = """
const { S3Client, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
const { DynamoDBDocumentClient } = require('@aws-sdk/lib-dynamodb');
const s3 = new S3Client({ forcePathStyle: true });
exports.handler = async (event) => {
  await s3.send(new PutObjectCommand({ Bucket: event.bucket, Key: 'a', Body: 'from node' }));
  const got = await s3.send(new GetObjectCommand({ Bucket: event.bucket, Key: 'a' }));
  return [await got.Body.transformToString(), typeof DynamoDBDocumentClient, require.resolve('@aws-sdk/client-s3')];
};
"""


def test_the_aws_sdk_is_in_the_runtime(live_platform: LivePlatform) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm, which installs the SDK once, is not on the path")
    live_platform.client("s3").create_bucket(Bucket="written-by-node")
    source = {"ZipFile": package(index__js=SDK)}
    add_function(live_platform, "with-sdk", MemorySize=512)
    client = live_platform.client("lambda", read_timeout=300)
    client.update_function_code(FunctionName="with-sdk", **source)
    for _ in range(2):
        reply = client.invoke(FunctionName="with-sdk", Payload=b'{"bucket": "written-by-node"}')
        text, kind, place = json.loads(reply["Payload"].read())
        assert (text, kind) == ("from node", "function")
        assert place.startswith("/var/runtime/node_modules/@aws-sdk/client-s3/")
    esm = "import { S3Client } from '@aws-sdk/client-s3';\nexport const handler = async () => typeof S3Client;"
    add_function(live_platform, "with-sdk-esm", esm, MemorySize=512)
    assert client.invoke(FunctionName="with-sdk-esm")["Payload"].read() == b'"function"'


def test_provisioned_instances_are_ready_before_the_first_call(live_platform: LivePlatform) -> None:
    source = "export const handler = async () => process.env.AWS_LAMBDA_INITIALIZATION_TYPE;"
    add_function(live_platform, "kept-ready", source, Publish=True)
    client = live_platform.client("lambda")
    where = {"FunctionName": "kept-ready", "Qualifier": "1"}
    asked = client.put_provisioned_concurrency_config(ProvisionedConcurrentExecutions=2, **where)
    assert asked["Status"] == "IN_PROGRESS"
    deadline = time.monotonic() + 30
    while (found := client.get_provisioned_concurrency_config(**where))["Status"] != "READY":
        assert found["Status"] == "IN_PROGRESS" and time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found["AvailableProvisionedConcurrentExecutions"] == 2
    reply = client.invoke(LogType="Tail", **where)
    assert reply["Payload"].read() == b'"provisioned-concurrency"'
    assert "Init Duration" not in base64.b64decode(reply["LogResult"]).decode()
    client.delete_provisioned_concurrency_config(**where)


URL_SERVICE = """
service: linked
provider:
  name: aws
  runtime: nodejs22.x
functions:
  hello:
    handler: index.handler
    url: {cors: true}
    provisionedConcurrency: 1
"""


def test_serverless_yml_asks_for_an_address_and_ready_instances(commands: Commands) -> None:
    answer = "{ statusCode: 200, body: event.rawPath }"
    commands.write(
        serverless__yml=URL_SERVICE,
        index__mjs=f"export const handler = async (event) => ({answer});",
    )
    commands.pileus("deploy")
    platform = commands.platform
    client = platform.client("lambda")
    given = {"FunctionName": "linked-dev-hello"}
    (url,) = client.list_function_url_configs(**given)["FunctionUrlConfigs"]
    assert url["Cors"]["AllowOrigins"] == ["*"]
    (kept,) = client.list_provisioned_concurrency_configs(**given)["ProvisionedConcurrencyConfigs"]
    assert kept["RequestedProvisionedConcurrentExecutions"] == 1
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    connection.request("GET", "/there", headers={"Host": urlsplit(url["FunctionUrl"]).netloc})
    assert connection.getresponse().read() == b"/there"
    commands.pileus("remove")
