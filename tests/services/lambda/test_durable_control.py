"""Durable executions as their owners see them: history, lists, pauses, ends, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pileus.testing.durable import DurableRun

from .conftest import add_queue, drained, refused
from .durable import Durable, durable

__all__ = ["durable"]


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
