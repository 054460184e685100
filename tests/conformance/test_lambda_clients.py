"""Functions as real clients see them: boto3, the AWS CLI, hostile handlers, power cuts, idleness."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tests.conformance.live import PYTHON, LivePlatform
from tests.waiting import until

HANDLER = """
import os, sys, time

print("init")
INITS = 1
calls = 0


def handler(event, context):
    global calls
    calls += 1
    what = event.get("do", "count")
    if what == "count":
        return {"inits": INITS, "calls": calls, "event": event, "id": context.aws_request_id}
    if what == "raise":
        raise ValueError("no such luck")
    if what == "hang":
        time.sleep(3600)
    if what == "eat":
        eaten = []
        while True:
            eaten.append(bytearray(b"x" * 10_000_000))
    if what == "exit":
        os._exit(3)
    if what == "sys.exit":
        sys.exit(4)
    if what == "fork":
        children = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                os.setsid()
                time.sleep(3600)
                os._exit(0)
            children.append(pid)
        return len(children)
    if what == "sleep":
        time.sleep(event["s"])
        return "slept"
    if what == "boto3":
        import boto3

        sts = boto3.client("sts").get_caller_identity()
        boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody=event["body"])
        return {"arn": sts["Arn"], "account": sts["Account"]}
    if what == "late":
        import boto3

        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=event["url"], MessageBody="first")
        time.sleep(event["s"])
        sqs.send_message(QueueUrl=event["url"], MessageBody="second")
        return "sent"
    if what == "large":
        return "x" * 7_000_000
"""


def _package(text: str = HANDLER) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", text)
    return packed.getvalue()


def _add_function(platform: LivePlatform, role: str, name: str, **more: Any) -> dict[str, Any]:
    given = {"Timeout": 10, "MemorySize": 128, "Handler": "app.handler", **more}
    made: dict[str, Any] = platform.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        **{"Code": {"ZipFile": _package()}, **given},
    )
    return made


def _invoke(platform: LivePlatform, name: str, **event: Any) -> tuple[Any, str, str]:
    """Payload, FunctionError and request id."""
    client = platform.client("lambda", read_timeout=60)
    reply = client.invoke(FunctionName=name, Payload=json.dumps(event))
    request_id = reply["ResponseMetadata"]["RequestId"]
    return json.loads(reply["Payload"].read()), reply.get("FunctionError", ""), request_id


@pytest.fixture(scope="module")
def role(live_platform: LivePlatform) -> str:
    return live_platform.add_role("runner")


Function = Callable[..., tuple[Any, str, str]]


@pytest.fixture(scope="module")
def function(live_platform: LivePlatform, role: str) -> Iterator[Function]:
    """Invokes the handler above with an event's members."""
    _add_function(live_platform, role, "f", Timeout=2)
    yield lambda **event: _invoke(live_platform, "f", **event)


def test_instance_is_initialised_once_and_called_often(
    live_platform: LivePlatform, role: str
) -> None:
    _add_function(live_platform, role, "counting")
    found = [_invoke(live_platform, "counting", n=n)[0] for n in range(5)]
    assert [(each["inits"], each["calls"]) for each in found] == [(1, n) for n in range(1, 6)]
    assert found[3]["event"] == {"n": 3}


def test_function_sees_the_request_id_of_the_caller(function: Function) -> None:
    payload, _, request_id = function()
    assert payload["id"] == request_id


def test_log_tail_shows_the_report(live_platform: LivePlatform, function: Function) -> None:
    aws = _aws(live_platform)
    shown = aws("lambda", "invoke", "--function-name", "f", "--log-type", "Tail", "/dev/null",
                "--query", "LogResult", "--output", "text")  # fmt: skip
    tail = base64.b64decode(shown).decode()
    assert re.search(r"START RequestId: \S+ Version: \$LATEST\n", tail)
    assert re.search(r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t", tail)


def test_the_older_operation_hands_over_an_event(live_platform: LivePlatform, role: str) -> None:
    _add_function(live_platform, role, "older")
    client = live_platform.client("lambda")
    told = client.invoke_async(FunctionName="older", InvokeArgs=b'{"do": "count"}')
    assert (told["Status"], told["ResponseMetadata"]["HTTPStatusCode"]) == (202, 202)


# -- handlers that misbehave -------------------------------------------------------------------


def test_exception_is_told_with_its_trace(function: Function) -> None:
    payload, error, request_id = function(do="raise")
    assert error == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no such luck")
    assert payload["requestId"] == request_id
    assert payload["stackTrace"][-1].startswith('  File "/var/task/app.py", line ')


def test_hanging_handler_is_ended_at_its_timeout(function: Function) -> None:
    began = time.monotonic()
    payload, error, request_id = function(do="hang")
    assert time.monotonic() - began > 1.9
    assert error == "Unhandled"
    assert payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 2.00 seconds",
    }


def test_handler_that_eats_memory_is_ended(live_platform: LivePlatform, role: str) -> None:
    _add_function(live_platform, role, "greedy")
    payload, error, request_id = _invoke(live_platform, "greedy", do="eat")
    assert error == "Unhandled"
    assert payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    assert _invoke(live_platform, "greedy")[0]["calls"] == 1


@pytest.mark.parametrize(("how", "status"), [("exit", 3), ("sys.exit", 4)])
def test_handler_that_exits_is_told(function: Function, how: str, status: int) -> None:
    payload, error, request_id = function(do=how)
    assert error == "Unhandled"
    assert payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": (
            f"RequestId: {request_id} Error: Runtime exited with error: exit status {status}"
        ),
    }
    assert function()[0]["calls"] == 1, "the next call gets a new instance"


def test_response_that_is_too_large_is_told(function: Function) -> None:
    payload, error, _ = function(do="large")
    assert error == "Unhandled"
    assert payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert payload["errorMessage"].startswith(
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    )


def test_packages_up_to_fifty_megabytes_go_with_the_call(
    live_platform: LivePlatform, role: str
) -> None:
    packed = io.BytesIO(_package())
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("padding", random.Random(7).randbytes(20_000_000))
    made = _add_function(
        live_platform, role, "padded", Code={"ZipFile": packed.getvalue()}, Timeout=30
    )
    assert made["CodeSize"] == len(packed.getvalue())
    assert _invoke(live_platform, "padded")[0]["calls"] == 1


def test_payload_that_is_too_large_is_refused(live_platform: LivePlatform) -> None:
    client = live_platform.client("lambda")
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName="f", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_unknown_function_is_the_modelled_exception(live_platform: LivePlatform) -> None:
    client = live_platform.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.invoke(FunctionName="none")
    assert caught.value.response["Error"]["Message"].startswith("Function not found: arn:aws:")
    assert caught.value.response["Type"] == "User"


def test_throttle_is_the_modelled_exception(live_platform: LivePlatform, role: str) -> None:
    _add_function(live_platform, role, "stopped")
    client = live_platform.client("lambda")
    client.put_function_concurrency(FunctionName="stopped", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="stopped")
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_functions_call_the_platform_under_their_role(
    live_platform: LivePlatform, role: str
) -> None:
    _add_function(live_platform, role, "caller", Timeout=30)
    sqs = live_platform.client("sqs")
    url = sqs.create_queue(QueueName="from-inside")["QueueUrl"]
    payload, error, _ = _invoke(live_platform, "caller", do="boto3", url=url, body="hello")
    assert error == "", payload
    assert payload == {
        "arn": "arn:aws:sts::000000000000:assumed-role/runner/caller",
        "account": "000000000000",
    }
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"]
    assert message["Body"] == "hello"


def test_caller_that_goes_away_does_not_stop_the_function(
    live_platform: LivePlatform, role: str
) -> None:
    _add_function(live_platform, role, "left", Timeout=30)
    sqs = live_platform.client("sqs")
    url = sqs.create_queue(QueueName="left")["QueueUrl"]
    impatient = live_platform.client("lambda", read_timeout=1)
    event = json.dumps({"do": "late", "url": url, "s": 3})
    with pytest.raises(ReadTimeoutError):
        impatient.invoke(FunctionName="left", Payload=event)
    found: list[str] = []

    def both() -> bool:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ())
        found.extend(message["Body"] for message in messages)
        return sorted(found) == ["first", "second"]

    until(both, "both messages")
    logs = live_platform.client("logs")
    wanted = {"logGroupName": "/aws/lambda/left", "filterPattern": "REPORT"}
    until(lambda: logs.filter_log_events(**wanted)["events"], "the end of the call that was left")
    assert _invoke(live_platform, "left")[0]["calls"] == 2, "the instance is ready again"


def test_code_may_call_the_platform_while_it_initialises(
    live_platform: LivePlatform, role: str
) -> None:
    text = "import boto3\nWHO = boto3.client('sts').get_caller_identity()['Arn']\n"
    text += "def handler(event, context):\n    return WHO\n"
    _add_function(live_platform, role, "early", Timeout=30, Code={"ZipFile": _package(text)})
    assert _invoke(live_platform, "early")[0].endswith(":assumed-role/runner/early")


def test_end_of_an_instance_leaves_the_others_their_way_to_the_platform(
    live_platform: LivePlatform, role: str
) -> None:
    _add_function(live_platform, role, "several", Timeout=30)
    url = live_platform.client("sqs").create_queue(QueueName="several")["QueueUrl"]
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(_invoke, live_platform, "several", do="late", url=url, s=3)
        time.sleep(1)
        assert _invoke(live_platform, "several", do="exit")[1] == "Unhandled"
        payload, error, _ = slow.result()
    assert (payload, error) == ("sent", "")


# -- the other clients -------------------------------------------------------------------------


def _aws(platform: LivePlatform) -> Callable[..., str]:
    def run(*words: str) -> str:
        done = subprocess.run(
            [PYTHON, "-m", "awscli", *words],
            env=platform.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_aws_cli_walks_through_a_functions_life(
    live_platform: LivePlatform, role: str, tmp_path: Path
) -> None:
    aws = _aws(live_platform)
    archive, answer = tmp_path / "f.zip", tmp_path / "answer.json"
    archive.write_bytes(_package())
    name = ("--function-name", "typed")
    aws("lambda", "create-function", *name, "--runtime", "python3.12", "--role", role,
        "--handler", "app.handler", "--zip-file", f"fileb://{archive}")  # fmt: skip
    aws("lambda", "wait", "function-active-v2", *name)
    told = json.loads(aws("lambda", "invoke", *name, "--payload", '{"a": 1}', str(answer)))
    assert told == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(answer.read_text())["event"] == {"a": 1}
    told = json.loads(aws("lambda", "invoke", *name, "--invocation-type", "DryRun", str(answer)))
    assert told["StatusCode"] == 204
    told = json.loads(aws("lambda", "invoke", *name, "--invocation-type", "Event", str(answer)))
    assert told == {"StatusCode": 202}
    aws("lambda", "update-function-configuration", *name, "--timeout", "7")
    aws("lambda", "wait", "function-updated-v2", *name)
    told = json.loads(aws("lambda", "publish-version", *name))
    assert (told["Version"], told["Timeout"]) == ("1", 7)
    aws("lambda", "delete-function", *name)


def test_package_can_be_downloaded_by_its_link_alone(
    live_platform: LivePlatform, role: str
) -> None:
    _add_function(live_platform, role, "kept")
    location = live_platform.client("lambda").get_function(FunctionName="kept")["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=10) as reply:
        assert reply.headers["Content-Type"] == "application/zip"
        assert reply.read() == _package()
    address, _, query = location.partition("?")
    changed = query[:-1] + ("0" if query[-1] != "0" else "1")
    other = address[:-1] + ("0" if address[-1] != "0" else "1")
    for wrong in (address, f"{address}?{changed}", f"{other}?{query}"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(wrong, timeout=10)
        assert caught.value.code == 403


# -- power cuts and idleness -------------------------------------------------------------------


def _in_group(pid: int) -> list[int]:
    """The process and everything below it, by asking the kernel."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += parents.get(found[-1], [])
    return found


@pytest.mark.slow
def test_kill_amid_fifty_events_loses_none_and_tells_the_waiting(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform("killed")
    role = platform.add_role("runner")
    # Fifty imports of boto3 at once take their time on a small machine.
    _add_function(platform, role, "f", Timeout=120, MemorySize=256)
    url = platform.client("sqs").create_queue(QueueName="ran")["QueueUrl"]
    client = platform.client("lambda", max_pool_connections=30)
    with ThreadPoolExecutor(10) as threads:
        waiting = threads.submit(_invoke, platform, "f", do="sleep", s=8)
        events = [{"do": "boto3", "url": url, "body": str(n)} for n in range(50)]
        accepted = list(
            threads.map(
                lambda event: client.invoke(
                    FunctionName="f", InvocationType="Event", Payload=json.dumps(event)
                )["StatusCode"],
                events,
            )
        )
        platform.kill()
        assert accepted == [202] * 50
        with pytest.raises((BotoCoreError, ClientError)):
            waiting.result(timeout=10)
    platform.start()
    bodies: set[str] = set()

    def all_ran() -> bool:
        sqs = platform.client("sqs")
        given = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
        for message in sqs.receive_message(**given).get("Messages", ()):
            bodies.add(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(bodies) == 50

    until(all_ran, "every event's run")
    assert bodies == {str(n) for n in range(50)}


@pytest.mark.slow
def test_nothing_runs_when_idle(make_platform: Callable[..., LivePlatform]) -> None:
    platform = make_platform("idle", "--idle-s", "1")
    role = platform.add_role("runner")
    _add_function(platform, role, "f")
    assert _invoke(platform, "f", do="fork")[0] == 3
    before = len(_in_group(platform.pid))

    def names() -> list[str]:
        found = []
        for pid in _in_group(platform.pid):
            try:
                found.append((Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " "))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    until(lambda: len(_in_group(platform.pid)) <= before - 4, f"the end of some of {names()}")

    def is_anew() -> bool:
        # What has gone may have been a blank child: an instance goes after a second without work.
        time.sleep(3)
        return bool(_invoke(platform, "f")[0]["calls"] == 1)

    until(is_anew, "a new instance")
