"""Durable functions as AWS's own SDK for Python writes them, unmodified, on a live platform."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_durable_execution_sdk_python as sdk
import pytest
from botocore.exceptions import ClientError

from tests.conformance.live import LivePlatform
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("durable_clients")]
SOURCE = Path(__file__).with_name("durable_handlers.py").read_text()
CONFIG = {"ExecutionTimeout": 600, "RetentionPeriodInDays": 7}


def packed(code: str) -> bytes:
    """``app.py`` with the SDK, as a user's package brings it."""
    root = Path(sdk.__file__).parent
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
        for path in sorted(root.rglob("*.py")):
            archive.write(path, f"{root.name}/{path.relative_to(root)}")
    return data.getvalue()


class Functions:
    """Durable functions on one platform."""

    def __init__(self, platform: LivePlatform) -> None:
        self.client = platform.client("lambda", read_timeout=60)
        self._role = platform.add_role("r")
        self._package = packed(SOURCE)

    def add(self, name: str, handler: str, **more: Any) -> None:
        given = {"Timeout": 30, "DurableConfig": CONFIG, **more}
        self.client.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Role=self._role,
            Handler=f"app.{handler}",
            Code={"ZipFile": self._package},
            **{key: value for key, value in given.items() if value is not None},
        )

    def call(self, name: str, payload: Any = None, **more: Any) -> dict[str, Any]:
        return self.client.invoke(
            FunctionName=f"{name}:$LATEST", Payload=json.dumps(payload or {}), **more
        )

    def begin(self, name: str, payload: Any = None, **more: Any) -> str:
        reply = self.call(name, payload, InvocationType="Event", **more)
        assert reply["StatusCode"] == 202
        return reply["DurableExecutionArn"]

    def execution(self, arn: str) -> dict[str, Any]:
        return self.client.get_durable_execution(DurableExecutionArn=arn)

    def ended(self, arn: str) -> dict[str, Any]:
        return until(lambda: _if_ended(self.execution(arn)), "the end")

    def history(self, arn: str) -> list[dict[str, Any]]:
        paginator = self.client.get_paginator("get_durable_execution_history")
        pages = paginator.paginate(DurableExecutionArn=arn, PaginationConfig={"PageSize": 3})
        return [event for page in pages for event in page["Events"]]

    def kinds(self, arn: str) -> list[str]:
        return [event["EventType"] for event in self.history(arn)]


def _if_ended(found: dict[str, Any]) -> dict[str, Any] | None:
    return None if found["Status"] in ("RUNNING", "PAUSING", "PAUSED") else found


@pytest.fixture(scope="module")
def functions(live_platform: LivePlatform) -> Iterator[Functions]:
    made = Functions(live_platform)
    made.add("square", "square", DurableConfig=None)
    for name in ("steps", "waits", "approval", "fan", "chain", "poll", "flaky", "large", "boom"):
        made.add(name, name)
    yield made


def test_steps_give_their_results(functions: Functions) -> None:
    reply = functions.call("steps", {"n": 3})
    assert "FunctionError" not in reply
    assert json.loads(reply["Payload"].read()) == {"doubled": 6, "text": "done"}
    assert reply["StatusCode"] == 200 and reply["ExecutedVersion"] == "$LATEST"
    found = functions.execution(reply["DurableExecutionArn"])
    assert found["Status"] == "SUCCEEDED" and json.loads(found["InputPayload"]) == {"n": 3}
    kinds = functions.kinds(reply["DurableExecutionArn"])
    assert kinds[0] == "ExecutionStarted" and kinds[-1] == "ExecutionSucceeded"
    assert kinds.count("StepSucceeded") == 2


def test_a_wait_ends_the_invocation_and_a_timer_begins_the_next(functions: Functions) -> None:
    arn = functions.begin("waits", {"seconds": 1})
    assert json.loads(functions.ended(arn)["Result"]) == ["before", "after"]
    kinds = functions.kinds(arn)
    assert kinds.count("InvocationCompleted") == 2
    assert kinds.count("StepSucceeded") == 2 and kinds.count("WaitSucceeded") == 1


@pytest.mark.parametrize("is_approved", [True, False])
def test_a_callback_lets_it_go_on(functions: Functions, is_approved: bool) -> None:
    arn = functions.begin("approval", {"timeout": 60})
    callback = until(lambda: _callback(functions, arn), "the callback")
    functions.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
    if is_approved:
        functions.client.send_durable_execution_callback_success(
            CallbackId=callback, Result=json.dumps({"by": "Ada"}).encode()
        )
        assert json.loads(functions.ended(arn)["Result"]) == {"by": "Ada"}
    else:
        functions.client.send_durable_execution_callback_failure(
            CallbackId=callback, Error={"ErrorType": "Refused", "ErrorMessage": "not today"}
        )
        assert "not today" in functions.ended(arn)["Error"]["ErrorMessage"]
    with pytest.raises(ClientError) as caught:
        functions.client.send_durable_execution_callback_success(CallbackId=callback)
    assert caught.value.response["Error"]["Code"] == "CallbackTimeoutException"


def _callback(functions: Functions, arn: str) -> str | None:
    for event in functions.history(arn):
        if event["EventType"] == "CallbackStarted":
            return str(event["CallbackStartedDetails"]["CallbackId"])
    return None


def test_a_callback_times_out(functions: Functions) -> None:
    found = functions.ended(functions.begin("approval", {"timeout": 1}))
    assert found["Status"] == "FAILED" and "timed out" in found["Error"]["ErrorMessage"]


def test_parallel_map_and_children(functions: Functions) -> None:
    reply = functions.call("fan", {"items": [1, 2, 3, 4]})
    assert json.loads(reply["Payload"].read()) == {
        "map": [1, 4, 9, 16],
        "parallel": ["left", "right"],
        "child": "inner",
    }


def test_other_functions_are_invoked_durable_or_not(functions: Functions) -> None:
    reply = functions.call("chain", {"n": 4})
    assert json.loads(reply["Payload"].read()) == {
        "plain": 16,
        "durable": {"doubled": 8, "text": "done"},
        "failure": "Function not found",
    }
    events = functions.history(reply["DurableExecutionArn"])
    started = [event for event in events if event["EventType"] == "ChainedInvokeStarted"]
    child = started[1]["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    assert functions.execution(child)["Status"] == "SUCCEEDED"


def test_conditions_are_polled(functions: Functions) -> None:
    assert json.loads(functions.ended(functions.begin("poll"))["Result"]) == 3


def test_steps_are_retried(functions: Functions) -> None:
    arn = functions.begin("flaky", {"fails": 2})
    assert json.loads(functions.ended(arn)["Result"]) == "attempt 3"
    kinds = functions.kinds(arn)
    assert kinds.count("StepFailed") == 2 and kinds.count("StepSucceeded") == 1


def test_a_failure_is_told(functions: Functions) -> None:
    reply = functions.call("boom")
    assert reply["FunctionError"] == "Unhandled"
    told = json.loads(reply["Payload"].read())
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "no such luck")
    assert functions.execution(reply["DurableExecutionArn"])["Status"] == "FAILED"


def test_large_payloads_and_many_operations_are_paged(functions: Functions) -> None:
    reply = functions.call("large", {"steps": 300, "bytes": 20_000})
    assert json.loads(reply["Payload"].read()) == 300 * 20_000
    assert len(functions.history(reply["DurableExecutionArn"])) > 600


def test_an_oversized_checkpoint_ends_the_execution(functions: Functions) -> None:
    reply = functions.call("large", {"steps": 1, "bytes": 1_100_000})
    told = json.loads(reply["Payload"].read())
    assert "STEP output payload size must be less than or equal to 1048576" in told["errorMessage"]


def test_names_begin_once(functions: Functions) -> None:
    first = functions.begin("steps", {"n": 1}, DurableExecutionName="order-1")
    assert functions.begin("steps", {"n": 1}, DurableExecutionName="order-1") == first
    reply = functions.call("steps", {"n": 1}, DurableExecutionName="order-1")
    assert json.loads(reply["Payload"].read())["doubled"] == 2
    with pytest.raises(ClientError) as caught:
        functions.begin("steps", {"n": 2}, DurableExecutionName="order-1")
    code = caught.value.response["Error"]["Code"]
    assert code == "DurableExecutionAlreadyStartedException"
    listed = functions.client.list_durable_executions_by_function(
        FunctionName="steps", DurableExecutionName="order-1"
    )["DurableExecutions"]
    assert [one["DurableExecutionArn"] for one in listed] == [first]


def test_stop_pause_resume_delete(functions: Functions) -> None:
    client = functions.client
    arn = functions.begin("waits", {"seconds": 4})
    until(lambda: _waits(functions, arn), "the wait")
    client.pause_durable_execution(DurableExecutionArn=arn, Reason="lunch")
    assert functions.execution(arn)["PauseDetails"]["Reason"] == "lunch"
    until(lambda: "WaitSucceeded" in functions.kinds(arn), "the end of the wait")
    assert functions.execution(arn)["Status"] == "PAUSED"
    client.resume_durable_execution(DurableExecutionArn=arn)
    assert functions.ended(arn)["Status"] == "SUCCEEDED"
    client.delete_durable_execution(DurableExecutionArn=arn)
    until(lambda: _is_gone(functions, arn), "the deletion")
    long = functions.begin("waits", {"seconds": 31_000_000})
    until(lambda: _waits(functions, long), "the wait")
    client.stop_durable_execution(DurableExecutionArn=long, Error={"ErrorMessage": "enough"})
    found = functions.execution(long)
    assert (found["Status"], found["Error"]["ErrorMessage"]) == ("STOPPED", "enough")


def _waits(functions: Functions, arn: str) -> bool:
    kinds = functions.kinds(arn)
    return "WaitStarted" in kinds and "InvocationCompleted" in kinds


def _is_gone(functions: Functions, arn: str) -> bool:
    try:
        functions.execution(arn)
    except ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"
    return False


def test_what_aws_refuses(functions: Functions) -> None:
    with pytest.raises(ClientError, match="using an unqualified ARN"):
        functions.client.invoke(FunctionName="steps", Payload="{}")
    with pytest.raises(ClientError, match="only enable durable execution when creating"):
        functions.client.update_function_configuration(
            FunctionName="square", DurableConfig={"ExecutionTimeout": 60}
        )
    functions.add("slow", "steps", DurableConfig={"ExecutionTimeout": 901})
    with pytest.raises(ClientError, match="cannot synchronously invoke a durable function"):
        functions.call("slow")
    shown = functions.client.get_function_configuration(FunctionName="slow")["DurableConfig"]
    assert shown == {"ExecutionTimeout": 901, "RetentionPeriodInDays": 14}
