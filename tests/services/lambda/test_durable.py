"""Durable executions under virtual time: clocks, tokens, limits, pauses, ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Exit, ExitReason, Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.durable import DurableRun, Suspended, durable_program
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

from .conftest import add_queue, drained, refused

DAY_S, YEAR_S = 86_400, 31_536_000
CONFIG = {"ExecutionTimeout": 31_622_400, "RetentionPeriodInDays": 2}
Script = Callable[[DurableRun], Awaitable[Any]]


class Durable:
    """Functions by script on one platform."""

    def __init__(self, platform: MemoryPlatform, compute: ScriptedCompute) -> None:
        self.platform = platform
        self.compute = compute
        self.runs: list[DurableRun] = []

    async def invoke(self, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        kernel, context = self.platform.kernel, self.platform.context
        return (await kernel.invoke(context, "lambda", operation, given)).output

    async def add(self, script: Script, name: str = "f", **more: Any) -> None:
        async def noted(run: DurableRun) -> Any:
            self.runs.append(run)
            return await script(run)

        self.compute.programs[f"app.{name}"] = durable_program(self.invoke, noted)
        await add_function(self.platform, name, f"app.{name}", **{"DurableConfig": CONFIG, **more})

    async def begin(self, payload: Any = None, name: str = "f", **more: Any) -> str:
        reply = await self.platform(
            "lambda", "Invoke", FunctionName=f"{name}:$LATEST", InvocationType="Event",
            Payload=json.dumps(payload).encode(), **more,
        )  # fmt: skip
        # The instance starts meanwhile.
        await self.platform.clock.advance(100)
        return str(reply["DurableExecutionArn"])

    async def found(self, arn: str, **more: Any) -> dict[str, Any]:
        return await self.platform("lambda", "GetDurableExecution", DurableExecutionArn=arn, **more)

    async def after(self, arn: str, duration_s: float) -> str:
        await self.platform.clock.advance(duration_s * 1000)
        return str((await self.found(arn))["Status"])

    async def events(self, arn: str, **more: Any) -> list[dict[str, Any]]:
        history = await self.platform(
            "lambda", "GetDurableExecutionHistory", DurableExecutionArn=arn, **more
        )
        return list(history["Events"])

    async def kinds(self, arn: str) -> list[str]:
        return [event["EventType"] for event in await self.events(arn, MaxItems=1000)]


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Durable]:
    compute = ScriptedCompute(tmp_path, {})
    platform = await MemoryPlatform.start(prepare=compute)
    await add_role(platform)
    made = Durable(platform, compute)
    yield made
    await made.platform.crash()


async def test_a_wait_of_a_year_outlives_the_instance_and_the_platform(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("a-year", YEAR_S)
        return "a year later"

    await durable.add(script)
    arn = await durable.begin()
    assert await durable.after(arn, YEAR_S / 2) == "RUNNING"
    assert not [link for link in durable.compute.nodes.links if not link.exited.done()]
    durable.platform = await durable.platform.restart()
    assert await durable.after(arn, YEAR_S / 2 - 5) == "RUNNING"
    assert await durable.after(arn, 10) == "SUCCEEDED"
    assert len(durable.runs) == 2
    assert durable.runs[1].updated == ["a-year"]


async def test_synchronous_callers_wait_for_the_end(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 60)
        return run.input

    await durable.add(script, DurableConfig={"ExecutionTimeout": 900})
    reply = await durable.platform(
        "lambda", "Invoke", FunctionName="f:$LATEST", Payload=b'{"a": 1}'
    )
    assert json.loads(reply["Payload"]) == {"a": 1}
    assert (reply["StatusCode"], reply["ExecutedVersion"]) == (200, "$LATEST")


async def test_an_execution_times_out(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("long", 100)

    await durable.add(script, DurableConfig={"ExecutionTimeout": 60})
    arn = await durable.begin()
    assert await durable.after(arn, 59) == "RUNNING"
    assert await durable.after(arn, 2) == "TIMED_OUT"
    found = await durable.found(arn)
    assert found["Error"]["ErrorMessage"] == "The execution timed out after 60 seconds."
    assert (await durable.kinds(arn))[-1] == "ExecutionTimedOut"
    reply = await durable.platform("lambda", "Invoke", FunctionName="f:$LATEST")
    assert reply["FunctionError"] == "Unhandled"
    assert json.loads(reply["Payload"])["errorType"] == "ExecutionTimedOut"


async def test_executions_are_forgotten_after_their_retention(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        return await run.step("large", lambda: "x" * 100_000)

    await durable.add(script)
    arn = await durable.begin()
    assert await durable.after(arn, 2 * DAY_S - 1) == "SUCCEEDED"
    await durable.platform.clock.advance(2000)
    code, status, _ = await refused(
        durable.platform, "GetDurableExecution", DurableExecutionArn=arn
    )
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert await durable.platform.disks.blobs.list("000000000000/us-east-1/lambda/durable") == []


async def test_callbacks_time_out_unless_they_are_heard_of(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.callback("asked", TimeoutSeconds=100, HeartbeatTimeoutSeconds=30)
        return await run.answer("asked")

    await durable.add(script)
    silent = await durable.begin()
    assert await durable.after(silent, 31) == "FAILED"
    error = (await durable.found(silent))["Error"]
    assert error["ErrorMessage"] == "Callback timed out on heartbeat"
    lively = await durable.begin()
    callback = durable.runs[-1].operations["asked"]["CallbackDetails"]["CallbackId"]
    for _ in range(4):
        assert await durable.after(lively, 20) == "RUNNING"
        await durable.platform(
            "lambda", "SendDurableExecutionCallbackHeartbeat", CallbackId=callback
        )
    assert await durable.after(lively, 21) == "FAILED"
    assert (await durable.found(lively))["Error"]["ErrorMessage"] == "Callback timed out"
    for operation in ("Success", "Failure", "Heartbeat"):
        code, status, message = await refused(
            durable.platform, f"SendDurableExecutionCallback{operation}", CallbackId=callback
        )
        assert (code, status) == ("CallbackTimeoutException", 400)
        assert message.startswith("The callback ID token has either expired")
    code, _, _ = await refused(
        durable.platform, "SendDurableExecutionCallbackSuccess", CallbackId="abcd"
    )
    assert code == "InvalidParameterValueException"


async def test_a_stale_instance_cannot_write(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 10)
        return await run.step("one", lambda: 1)

    await durable.add(script)
    arn = await durable.begin()
    stale = durable.runs[0].token
    assert await durable.after(arn, 11) == "SUCCEEDED"
    for token in (stale, durable.runs[1].token, "bm9uZQ=="):
        told = await refused(
            durable.platform, "CheckpointDurableExecution",
            DurableExecutionArn=arn, CheckpointToken=token,
        )  # fmt: skip
        assert told == ("InvalidParameterValueException", 400, "Invalid checkpoint token")


async def test_a_checkpoint_sent_again_is_applied_once(durable: Durable) -> None:
    answers: list[Any] = []

    async def script(run: DurableRun) -> Any:
        first = run.token
        update = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 5}}
        if not run.status("w"):
            await run.checkpoint(update, ClientToken="a")
            answers.append((run.token, run.operations["w"]))
            run.token = first
            await run.checkpoint(update, ClientToken="a")
            answers.append((run.token, run.operations["w"]))
            run.token = first
            with pytest.raises(ServiceError, match="Invalid checkpoint token"):
                await run.checkpoint(update, ClientToken="b")
            raise Suspended
        return "done"

    await durable.add(script)
    arn = await durable.begin()
    assert await durable.after(arn, 6) == "SUCCEEDED"
    assert answers[0] == answers[1]
    assert (await durable.kinds(arn)).count("WaitStarted") == 1


async def test_what_ended_during_an_invocation_begins_the_next_at_once(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        if not run.status("short"):
            options = {"WaitOptions": {"WaitSeconds": 1}}
            await run.checkpoint({"Id": "short", "Type": "WAIT", "Action": "START", **options})
            await durable.platform.clock.sleep(2)
            raise Suspended
        return run.status("short")

    await durable.add(script, Timeout=10)
    arn = await durable.begin()
    assert await durable.after(arn, 3) == "SUCCEEDED"
    assert json.loads((await durable.found(arn))["Result"]) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"Status": "PENDING"}, "Cannot return PENDING status with no pending operations."),
        ({"Status": "DONE"}, "Invalid Status in invocation output."),
        ({"answer": 42}, "Invalid Status in invocation output."),
        ({"Status": "SUCCEEDED", "Error": {}}, "Cannot provide an Error for SUCCEEDED status."),
        ({"Status": "FAILED", "Result": "1"}, "Cannot provide a Result for FAILED status."),
        (
            {"Status": "SUCCEEDED", "Result": "x" * 1_048_577},
            "Execution output payload size must be less than or equal to 1048576 bytes.",
        ),
    ],
)
async def test_answers_that_make_no_sense_end_the_execution(
    durable: Durable, document: Any, message: str
) -> None:
    program = Program(lambda *_: Answer(json.dumps(document).encode()))
    durable.compute.programs["app.f"] = program
    await add_function(durable.platform, "f", "app.f", DurableConfig=CONFIG)
    found = await durable.found(await durable.begin())
    assert (found["Status"], found["Error"]["ErrorMessage"]) == ("FAILED", message)


async def test_failed_invocations_are_repeated_for_hours(durable: Durable) -> None:
    calls: list[int] = []

    def handle(invocation: Invocation, number: int) -> Answer:
        calls.append(durable.platform.clock.now_ms())
        return Answer(exit=Exit(ExitReason.EXITED, code=1))

    durable.compute.programs["app.f"] = Program(handle)
    queue = await add_queue(durable.platform, "letters")
    await add_function(
        durable.platform, "f", "app.f", DurableConfig=CONFIG,
        DeadLetterConfig={"TargetArn": queue},
    )  # fmt: skip
    arn = await durable.begin({"order": 7})
    assert await durable.after(arn, 6_000) == "RUNNING"
    assert await durable.after(arn, 6_000) == "FAILED"
    assert len(calls) == 13
    found = await durable.found(arn)
    assert found["Error"]["ErrorType"] == "Runtime.ExitError"
    [letter] = await drained(durable.platform, "letters")
    assert json.loads(letter["Body"]) == {"order": 7}
    kinds = await durable.kinds(arn)
    assert kinds.count("InvocationCompleted") == 13


async def test_a_throttled_execution_waits_for_its_turn(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        return "ran"

    await durable.add(script)
    given = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
    await durable.platform("lambda", "PutFunctionConcurrency", **given)
    arn = await durable.begin()
    assert await durable.after(arn, 300) == "RUNNING"
    await durable.platform("lambda", "DeleteFunctionConcurrency", FunctionName="f")
    assert await durable.after(arn, 61) == "SUCCEEDED"
    assert (await durable.kinds(arn)).count("InvocationCompleted") == 1


async def test_a_pause_takes_the_token_and_resuming_invokes_again(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.step("one", lambda: 1)
        if len(durable.runs) == 1:
            asked = {"DurableExecutionArn": run.arn, "Reason": "lunch"}
            await durable.invoke("PauseDurableExecution", asked)
            assert (await durable.invoke("GetDurableExecution", asked | {}))["Status"] == "PAUSING"
        await run.step("two", lambda: 2)
        return "done"

    await durable.add(script, DurableConfig={"ExecutionTimeout": 60})
    durable_invoke = durable.invoke

    async def invoke(operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {k: v for k, v in given.items() if k != "Reason" or operation[0] == "P"}
        return await durable_invoke(operation, given)

    durable.invoke = invoke  # type: ignore[method-assign]
    arn = await durable.begin()
    found = await durable.found(arn)
    assert (found["Status"], found["PauseDetails"]["Reason"]) == ("PAUSED", "lunch")
    assert await durable.after(arn, 3600) == "PAUSED"
    code, status, _ = await refused(
        durable.platform, "PauseDurableExecution", DurableExecutionArn=arn
    )
    assert (code, status) == ("ResourceConflictException", 409)
    await durable.platform("lambda", "ResumeDurableExecution", DurableExecutionArn=arn)
    assert await durable.after(arn, 1) == "SUCCEEDED"
    kinds = await durable.kinds(arn)
    assert kinds.index("ExecutionPaused") < kinds.index("ExecutionResumed")
    assert kinds.count("StepSucceeded") == 2


async def test_the_timeout_goes_on_in_a_pause_where_asked(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 10)

    await durable.add(script, DurableConfig={"ExecutionTimeout": 60})
    arn = await durable.begin()
    await durable.platform(
        "lambda", "PauseDurableExecution", DurableExecutionArn=arn, ExecutionTimeoutPaused=False
    )
    assert await durable.after(arn, 61) == "TIMED_OUT"


async def test_stopping_ends_everything(durable: Durable) -> None:
    async def child(run: DurableRun) -> Any:
        await run.wait("nap", 100)

    async def script(run: DurableRun) -> Any:
        return await run.chain("child", "child:$LATEST", 1)

    await durable.add(child, "child")
    await durable.add(script)
    arn = await durable.begin()
    [started] = [
        event for event in await durable.events(arn)
        if event["EventType"] == "ChainedInvokeStarted"
    ]  # fmt: skip
    below = started["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    await durable.platform("lambda", "StopDurableExecution", DurableExecutionArn=below)
    assert await durable.after(arn, 1) == "FAILED"
    assert (await durable.found(arn))["Error"]["ErrorMessage"] == "The execution was stopped."
    assert "ChainedInvokeStopped" in await durable.kinds(arn)
    again = await durable.platform("lambda", "StopDurableExecution", DurableExecutionArn=below)
    assert again["StopTimestamp"] == (await durable.found(below))["EndTimestamp"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nobody", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"),
        ("f", "You cannot invoke a durable function using an unqualified ARN."),
        (
            "arn:aws:lambda:eu-west-1:000000000000:function:x",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
    ],
)
async def test_functions_that_cannot_be_chained(
    durable: Durable, function: str, message: str
) -> None:
    async def script(run: DurableRun) -> Any:
        return await run.chain("other", function, 1)

    await durable.add(script)
    found = await durable.found(await durable.begin())
    assert (found["Status"], found["Error"]["ErrorMessage"]) == ("FAILED", message)


async def test_history_is_paged_both_ways_and_may_leave_data_out(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        for number in range(20):
            await run.step(f"s{number}", lambda: "secret")
        return "secret"

    await durable.add(script)
    arn = await durable.begin()
    forwards, backwards = [], []
    for found, more in ((forwards, {}), (backwards, {"ReverseOrder": True})):
        marker: dict[str, Any] = {}
        while True:
            page = await durable.platform(
                "lambda", "GetDurableExecutionHistory",
                DurableExecutionArn=arn, MaxItems=7, **more, **marker,
            )  # fmt: skip
            found += [event["EventId"] for event in page["Events"]]
            if "NextMarker" not in page:
                break
            marker = {"Marker": page["NextMarker"]}
    assert forwards == list(range(1, len(forwards) + 1)) == backwards[::-1]
    assert len(forwards) == 43
    bare = await durable.events(arn, IncludeExecutionData=False, MaxItems=1000)
    assert "secret" not in repr(bare) and "Truncated" in repr(bare)
    assert "Result" not in await durable.found(arn, IncludeExecutionData=False)


async def test_completed_contexts_hide_their_children_from_replays(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        async def body() -> int:
            return await run.step("inner", lambda: 1, parent="outer")

        await run.context("outer", body)
        await run.wait("nap", 1)
        return sorted(run.operations)

    await durable.add(script)
    arn = await durable.begin()
    await durable.after(arn, 2)
    names = json.loads((await durable.found(arn))["Result"])
    assert names == sorted([arn.rpartition("/")[2], "nap", "outer"])


async def test_state_that_does_not_fit_into_the_event_is_fetched(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        total = 0
        for number in range(8):
            total += len(await run.step(f"s{number}", lambda: "x" * 900_000))
        await run.wait("nap", 1)
        return total

    await durable.add(script)
    arn = await durable.begin()
    assert await durable.after(arn, 2) == "SUCCEEDED"
    assert (await durable.found(arn))["Result"] == str(8 * 900_000)


async def test_lists_filter_and_page(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        if run.input == 3:
            await run.wait("long", 100)

    await durable.add(script)
    arns = []
    for number in range(4):
        arns.append(await durable.begin(number, DurableExecutionName=f"n{number}"))
        await durable.platform.clock.advance(1000)

    async def listed(**more: Any) -> list[str]:
        page = await durable.platform(
            "lambda", "ListDurableExecutionsByFunction", FunctionName="f", **more
        )
        return [one["DurableExecutionArn"] for one in page["DurableExecutions"]]

    assert await listed() == arns[::-1]
    assert await listed(ReverseOrder=True, MaxItems=2) == arns[:2]
    assert await listed(Statuses=["RUNNING"]) == arns[3:]
    assert await listed(DurableExecutionName="n1") == arns[1:2]
    page = await durable.platform(
        "lambda", "ListDurableExecutionsByFunction", FunctionName="f", MaxItems=3
    )
    assert await listed(Marker=page["NextMarker"]) == arns[:1]
    assert await listed(Qualifier="$LATEST") == arns[::-1]


async def test_deleting_takes_only_what_has_ended(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 10)

    await durable.add(script)
    arn = await durable.begin(DurableExecutionName="again")
    code, status, _ = await refused(
        durable.platform, "DeleteDurableExecution", DurableExecutionArn=arn
    )
    assert (code, status) == ("ResourceConflictException", 409)
    await durable.after(arn, 11)
    await durable.platform("lambda", "DeleteDurableExecution", DurableExecutionArn=arn)
    await durable.platform.clock.settle()
    code, _, _ = await refused(durable.platform, "GetDurableExecution", DurableExecutionArn=arn)
    assert code == "ResourceNotFoundException"
    assert await durable.begin(DurableExecutionName="again") != arn


async def test_versions_stay_what_the_execution_began_on(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 10)
        return run.arn

    await durable.add(script)
    await durable.platform("lambda", "PublishVersion", FunctionName="f")
    given = {"FunctionName": "f", "Name": "durable", "FunctionVersion": "1"}
    await durable.platform("lambda", "CreateAlias", **given)
    reply = await durable.platform(
        "lambda", "Invoke", FunctionName="f:durable", InvocationType="Event"
    )
    arn = reply["DurableExecutionArn"]
    assert ":function:f:1/durable-execution/" in arn
    await durable.platform("lambda", "DeleteFunction", FunctionName="f")
    assert await durable.after(arn, 11) == "FAILED"
    assert "Function not found" in (await durable.found(arn))["Error"]["ErrorMessage"]


async def test_status_changes_are_told_in_order(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        return "done"

    queue = await add_queue(durable.platform, "q")
    pattern = {"source": ["aws.lambda"], "detail-type": ["Durable Execution Status Change"]}
    await durable.platform("events", "PutRule", Name="r", EventPattern=json.dumps(pattern))
    await durable.platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": queue}])
    await durable.add(script)
    arn = await durable.begin(DurableExecutionName="order-123")
    told = [json.loads(message["Body"]) for message in await drained(durable.platform, "q")]
    assert sorted(one["detail"]["status"] for one in told) == ["RUNNING", "SUCCEEDED"]
    for one in told:
        assert one["detail"]["durableExecutionArn"] == arn
        assert one["detail"]["durableExecutionName"] == "order-123"
        assert one["detail"]["functionArn"].endswith(":function:f:$LATEST")
        assert ("endTimestamp" in one["detail"]) == (one["detail"]["status"] == "SUCCEEDED")


async def test_a_queue_runs_an_execution_for_each_batch(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        await run.wait("nap", 30)
        return len(run.input["Records"])

    await durable.add(script, DurableConfig={"ExecutionTimeout": 600})
    queue = await add_queue(durable.platform, "work", VisibilityTimeout="120")
    await durable.platform(
        "lambda", "CreateEventSourceMapping", EventSourceArn=queue, FunctionName="f:$LATEST"
    )
    url = (await durable.platform("sqs", "GetQueueUrl", QueueName="work"))["QueueUrl"]
    await durable.platform("sqs", "SendMessage", QueueUrl=url, MessageBody="one")
    await durable.platform.clock.advance(300_000)
    listed = await durable.platform("lambda", "ListDurableExecutionsByFunction", FunctionName="f")
    assert [one["Status"] for one in listed["DurableExecutions"]] == ["SUCCEEDED"]
    assert await drained(durable.platform, "work") == []
