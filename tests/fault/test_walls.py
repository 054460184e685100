"""A platform under attack from inside, and one that the kernel gives less than it wants."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyseccomp
import pytest
from botocore.exceptions import ConnectionClosedError, HTTPClientError

from tests.conformance.live import PYTHON, LivePlatform
from tests.fault.functions import add_function
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("walls")]
_WAIT = """
import time

def handler(event, context):
    print("begun", event["number"])
    time.sleep(max(0.0, event["until_s"] - time.time()))
    print("done", event["number"])
"""
_CALLS = 50


def _numbers(platform: LivePlatform, function: str, word: str) -> list[int]:
    logs = platform.client("logs")
    group = f"/aws/lambda/{function}"
    pages = logs.get_paginator("filter_log_events")
    try:
        found = pages.paginate(logGroupName=group, filterPattern=word).build_full_result()
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [int(event["message"].split()[1]) for event in found["events"]]


def test_calls_in_flight_when_the_platform_is_killed(
    make_platform: Callable[..., LivePlatform],
) -> None:
    """Asynchronous ones run again, synchronous ones fail clearly and are not run by anybody."""
    platform = make_platform()
    add_function(platform, "wait", _WAIT)
    lambda_ = platform.client("lambda", max_pool_connections=_CALLS, read_timeout=60)
    until_s = time.time() + 20
    errors: list[Exception] = []
    answered = threading.Event()

    def call(number: int) -> None:
        event = json.dumps({"number": number, "until_s": until_s}).encode()
        try:
            lambda_.invoke(FunctionName="wait", Payload=event)
            answered.set()
        except (ConnectionClosedError, HTTPClientError) as error:
            errors.append(error)

    with ThreadPoolExecutor(_CALLS) as threads:
        for number in range(_CALLS // 2):
            threads.submit(call, number)
        for number in range(_CALLS // 2, _CALLS):
            event = json.dumps({"number": number, "until_s": until_s}).encode()
            accepted = lambda_.invoke(FunctionName="wait", InvocationType="Event", Payload=event)
            assert accepted["StatusCode"] == 202
        until(lambda: _numbers(platform, "wait", "begun"), "the first of them")
        assert time.time() < until_s, "the machine is too slow for this test"
        platform.kill()
    assert len(errors) == _CALLS // 2
    assert not answered.is_set()
    assert {type(error) for error in errors} == {ConnectionClosedError}
    platform.start()
    later = set(range(_CALLS // 2, _CALLS))
    until(lambda: later <= set(_numbers(platform, "wait", "done")), "what was accepted runs")
    assert set(_numbers(platform, "wait", "done")) == later


_FLOOD = """
import os

def handler(event, context):
    os.fork()
    while True:
        os.write(1, (b"x" * 200 + b"\\n") * 300)
"""


def test_a_handler_that_prints_gigabytes_ends_in_time_and_harms_nobody(
    live_platform: LivePlatform,
) -> None:
    platform = live_platform
    add_function(platform, "flood", _FLOOD, Timeout=3)
    lambda_ = platform.client("lambda", read_timeout=60)
    before_kib = _resident_kib(platform.pid)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda_.invoke, FunctionName="flood")
        served = most_kib = 0
        while not call.done():
            with urllib.request.urlopen(f"{platform.endpoint}/_pileus/health", timeout=60):
                served += 1
            most_kib = max(most_kib, _resident_kib(platform.pid))
            time.sleep(0.02)
        answer = call.result()
    document = json.loads(answer["Payload"].read())
    assert document["errorType"] == "Sandbox.Timedout"
    assert document["errorMessage"].endswith("Task timed out after 3.00 seconds")
    assert served >= 2, "nobody else was served meanwhile"
    assert most_kib - before_kib < 1024 * 1024


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


_DOOR = """
import http.client, json, os, socket
from urllib.parse import urlsplit
import botocore.session
from botocore.exceptions import ClientError

URL = os.environ["AWS_ENDPOINT_URL"]
PLACE = urlsplit(URL).hostname, urlsplit(URL).port

def status(method, path, **headers):
    client = http.client.HTTPConnection(*PLACE, timeout=10)
    client.request(method, path, headers=headers)
    answer = client.getresponse()
    answer.read()
    return answer.status

def handler(event, context):
    sts = botocore.session.Session().create_client(
        "sts", region_name="us-east-1", endpoint_url=URL, aws_access_key_id="test",
        aws_secret_access_key="test")
    try:
        sts.get_caller_identity()
        known = "let in"
    except ClientError as error:
        known = error.response["Error"]["Code"]
    pages = [status("GET", path) for path in ("/_pileus/", "/_pileus/settings", "/_pileus/feed")]
    socket_status = status("GET", "/_pileus/live", Upgrade="websocket", Connection="Upgrade",
                           **{"Sec-WebSocket-Key": "x" * 24, "Sec-WebSocket-Version": "13"})
    held = [socket.create_connection(PLACE) for _ in range(700)]
    left = 0
    for one in held:
        one.settimeout(0.2 if not left else 0.001)
        try:
            left += one.recv(1) != b""
        except TimeoutError:
            left += 1
        except ConnectionResetError:
            pass
    return {"known": known, "pages": pages, "socket": socket_status, "left": left}
"""


def test_the_door_of_a_function_leads_to_aws_s_apis_only(live_platform: LivePlatform) -> None:
    """Not to the page, not with the well-known keys, and not to all of the platform's descriptors."""
    add_function(live_platform, "door", _DOOR, MemorySize=512)
    answer = live_platform.client("lambda").invoke(FunctionName="door")
    told = json.loads(answer["Payload"].read())
    assert "errorType" not in told, told
    assert told["known"] == "InvalidClientTokenId"
    assert set(told["pages"]) == {403}
    assert told["socket"] == 403
    assert told["left"] <= 512


def _refuse_namespaces() -> None:
    _refuse("unshare")


def _refuse_namespaces_and_landlock() -> None:
    _refuse("unshare", 444)


def _refuse(*calls: str | int) -> None:
    """In the child before its exec: a kernel that gives less."""
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for call in calls:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), call)
    rules.load()


def _run(refuse: Callable[[], None], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", "pileus.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=refuse,
        env={**os.environ, "PILEUS_PORT": "0"},
    )


@pytest.mark.parametrize(
    ("refuse", "tier", "required"),
    [(_refuse_namespaces, "B", "A"), (_refuse_namespaces_and_landlock, "C", "B")],
)
def test_less_than_the_tier_required_is_refused_and_told(
    refuse: Callable[[], None], tier: str, required: str, tmp_path: Path
) -> None:
    data = str(tmp_path / "data")
    done = _run(refuse, "up", "--require-tier", required, "--data", data)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"pileus: sandbox tier {required} is required, and tier {tier} is what works here: tier A: "
    )
    assert "Operation not permitted" in done.stderr
    assert done.stderr.count("\n") == 1
    rows = json.loads(_run(refuse, "doctor", "--json").stdout)
    (sandbox,) = [row for row in rows if row["what"] == "sandbox"]
    assert sandbox["verdict"] == "limited"
    assert sandbox["found"].startswith(f"tier {tier}: ")
    assert f"In tier {tier} functions " in sandbox["advice"]
    assert "containers do not run" in sandbox["advice"]


def test_the_tier_required_lets_a_platform_start_that_has_it(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform("data", "--require-tier", "A")
    add_function(platform, "plain", "def handler(event, context): return 1\n")
    answer = platform.client("lambda").invoke(FunctionName="plain")
    assert json.loads(answer["Payload"].read()) == 1
