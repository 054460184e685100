"""Durable executions under virtual time: clocks, tokens, failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.nodes import Exit, ExitReason, Invocation
from pileus.testing.compute import add_function
from pileus.testing.durable import DurableRun, Suspended
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError

from .conftest import add_queue, drained, refused
from .durable import CONFIG, DAY_S, YEAR_S, Durable, durable

__all__ = ["durable"]


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


async def test_what_a_branch_was_told_and_did_not_look_at_is_not_lost(durable: Durable) -> None:
    async def script(run: DurableRun) -> Any:
        if not run.status("short"):
            options = {"WaitOptions": {"WaitSeconds": 1}}
            await run.checkpoint({"Id": "short", "Type": "WAIT", "Action": "START", **options})
            await durable.platform.clock.sleep(2)
            await run.checkpoint()
            assert run.status("short") == "SUCCEEDED"
            raise Suspended
        return run.status("short")

    await durable.add(script, Timeout=10)
    arn = await durable.begin()
    assert await durable.after(arn, 3) == "SUCCEEDED"
    assert len(durable.runs) == 2
