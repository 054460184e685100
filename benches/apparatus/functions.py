"""Functions on the platform under measurement."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Sequence

from benches.apparatus import wire
from benches.apparatus.processes import ask, call

TRIVIAL = "def handler(event, context):\n    return 1\n"
_ROLE = f"arn:aws:iam::{wire.ACCOUNT}:role/bench"
_HOST_LAYER = f"arn:aws:lambda:{wire.REGION}:{wire.ACCOUNT}:layer:pileus-host:1"
_PREPARE_S = 1.0
_LOG_S = 15.0
_SNAPSHOT_S = 60.0


def create_role(port: int) -> None:
    """The role that functions run under."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    document = "".join(f"%{byte:02X}" for byte in json.dumps(trust).encode())
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = (
        f"Action=CreateRole&Version=2010-05-08&RoleName=bench&AssumeRolePolicyDocument={document}"
    )
    call(port, wire.signed("iam", "POST", "/", form, body.encode(), port=port))


def code_of(files: dict[str, bytes]) -> dict[str, str]:
    """Files as a call brings them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return {"ZipFile": base64.b64encode(packed.getvalue()).decode()}


def create(port: int, name: str, source: str = TRIVIAL, timeout_s: int = 30) -> None:
    """A Python function of one file."""
    given = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "handler.handler",
        "Role": _ROLE,
        "Code": code_of({"handler.py": source.encode()}),
        "MemorySize": 256,
        "Timeout": timeout_s,
    }
    headers = {"content-type": "application/json"}
    body = json.dumps(given).encode()
    call(port, wire.signed("lambda", "POST", "/2015-03-31/functions", headers, body, port=port))


def publish_layer(port: int, name: str, files: dict[str, bytes]) -> str:
    """The ARN of a layer's first version."""
    headers = {"content-type": "application/json"}
    body = json.dumps({"Content": code_of(files)}).encode()
    path = f"/2018-10-31/layers/{name}/versions"
    answer = call(port, wire.signed("lambda", "POST", path, headers, body, port=port))
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["LayerVersionArn"])


def publish(port: int, name: str, files: dict[str, bytes], layers: Sequence[str] = ()) -> None:
    """A function with SnapStart that sees the platform's own packages, as version 1 and active."""
    given = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "Role": _ROLE,
        "Code": code_of(files),
        "Layers": [_HOST_LAYER, *layers],
        "MemorySize": 1024,
        "Timeout": 30,
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "Publish": True,
    }
    headers = {"content-type": "application/json"}
    body = json.dumps(given).encode()
    call(port, wire.signed("lambda", "POST", "/2015-03-31/functions", headers, body, port=port))
    path = f"/2015-03-31/functions/{name}/configuration"
    request = wire.signed("lambda", "GET", path, {}, b"", port=port, query="Qualifier=1")
    deadline_s = time.monotonic() + _SNAPSHOT_S
    while time.monotonic() < deadline_s:
        shown = json.loads(call(port, request).partition(b"\r\n\r\n")[2])
        if shown["State"] != "Pending":
            break
        time.sleep(0.1)
    if shown["State"] != "Active" or shown["SnapStart"]["OptimizationStatus"] != "On":
        raise RuntimeError(f"{name} has no snapshot: {shown}")


def settle() -> None:
    """Wait until what a creation set going in the background (zygote, blank child) is done."""
    time.sleep(_PREPARE_S)


def started(port: int, name: str, count: int) -> dict[str, int]:
    """When a function that prints ``STARTED <key> <ns>`` did so, by key, from its log."""
    deadline_s = time.monotonic() + _LOG_S
    while time.monotonic() < deadline_s:
        found: dict[str, int] = {}
        token: dict[str, str] = {}
        while True:
            page = ask(
                port,
                "logs",
                "Logs_20140328.FilterLogEvents",
                logGroupName=f"/aws/lambda/{name}",
                filterPattern="STARTED",
                **token,
            )
            for event in page["events"]:
                _, key, at_ns = event["message"].split()
                found.setdefault(key, int(at_ns))
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
        if len(found) >= count:
            return found
        time.sleep(0.5)
    raise RuntimeError(f"{len(found)} of {count} events reached the function")
