"""A durable execution ends as it should, and does nothing twice, whenever the power goes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.durable import DurableRun, durable_program
from pileus.testing.fake_nodes import Answer, Program
from tests.fault.simulation import Simulation, crash_everywhere

QUEUE = "arn:aws:sqs:us-east-1:000000000000:changes"
DAY_S, HOUR_S = 86_400, 3600
DURABLE = {"ExecutionTimeout": DAY_S, "RetentionPeriodInDays": 1}
RESULT = {
    "first": 1,
    "squares": [1, 4],
    "chained": 9,
    "child": "child",
    "answer": "yes",
    "flaky": 2,
    "large": 9_000,
}


class Effects:
    """What steps did, over all lives, and which of them were acknowledged."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.attempts = 0

    def of(self, name: str, value: Any) -> Any:
        assert name not in self.acknowledged, f"step {name} was finished and ran again"
        self.done[name] += 1
        return value

    def flaky(self) -> int:
        self.attempts += 1
        if self.attempts == 1:
            raise RuntimeError("not yet")
        return self.of("flaky", 2)


class World:
    """One simulated world: its functions, and what they did."""

    def __init__(self, compute: ScriptedCompute, simulation: Simulation) -> None:
        self.effects = Effects()
        self.simulation = simulation
        self.callback = ""
        compute.programs["app.orders"] = durable_program(self.invoke, self.orders)
        compute.programs["app.child"] = durable_program(self.invoke, self.child)
        compute.programs["app.square"] = Program(self.square)

    async def invoke(self, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        platform = self.simulation.platform
        answer = await platform.kernel.invoke(platform.context, "lambda", operation, given)
        for update in given.get("Updates", ()):
            if update["Action"] == "SUCCEED":
                self.effects.acknowledged.add(update["Id"])
        await asyncio.sleep(0)
        return answer.output

    @staticmethod
    def square(invocation: Invocation, number: int) -> Answer:
        return Answer(json.dumps(json.loads(invocation.payload) ** 2).encode(), duration_s=0.2)

    async def child(self, run: DurableRun) -> Any:
        await run.wait("nap", 5)
        return await run.step("child-step", lambda: self.effects.of("child-step", "child"))

    async def orders(self, run: DurableRun) -> Any:
        effects = self.effects
        first = await run.step("first", lambda: effects.of("first", run.input["n"]))

        async def both() -> list[int]:
            return [
                await run.step(
                    f"square-{n}", lambda n=n: effects.of(f"square-{n}", n * n), parent="both"
                )
                for n in (1, 2)
            ]

        squares = await run.context("both", both)
        await run.wait("an-hour", HOUR_S)
        chained = await run.chain("chained", "square", 3)
        child = await run.chain("child", "child:$LATEST", {})
        self.callback = await run.callback("approval", TimeoutSeconds=12 * HOUR_S)
        answer = await run.answer("approval")
        flaky = await run.step("flaky", effects.flaky)
        large = await run.step("large", lambda: effects.of("large", "x" * 9_000))
        return {
            "first": first,
            "squares": squares,
            "chained": chained,
            "child": child,
            "answer": answer,
            "flaky": flaky,
            "large": len(large),
        }


async def _prepared(simulation: Simulation) -> None:
    await add_role(simulation)
    await add_function(simulation, "square", "app.square")
    for name in ("orders", "child"):
        await add_function(simulation, name, f"app.{name}", DurableConfig=DURABLE)
    await simulation("sqs", "CreateQueue", QueueName="changes")
    pattern = '{"source": ["aws.lambda"], "detail": {"status": ["SUCCEEDED"]}}'
    await simulation("events", "PutRule", Name="r", EventPattern=pattern)
    await simulation("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])


async def _begin(simulation: Simulation) -> str:
    reply = await simulation(
        "lambda", "Invoke", FunctionName="orders:$LATEST", InvocationType="Event",
        Payload=b'{"n": 1}', DurableExecutionName="order-1",
    )  # fmt: skip
    return str(reply["DurableExecutionArn"])


async def _go_on(simulation: Simulation, world: World, arn: str) -> dict[str, Any]:
    """Let days pass, and answer the callback once it is there."""
    for _ in range(8):
        found = await simulation("lambda", "GetDurableExecution", DurableExecutionArn=arn)
        if found["Status"] != "RUNNING":
            return found
        if world.callback:
            operations = await _operations(simulation, arn)
            if "CallbackSucceeded" not in operations:
                await simulation(
                    "lambda", "SendDurableExecutionCallbackSuccess",
                    CallbackId=world.callback, Result=b'"yes"',
                )  # fmt: skip
            await simulation.rest(10_000)
        else:
            await simulation.rest(HOUR_S * 1000 + 10_000)
    return found


async def _operations(simulation: Simulation, arn: str) -> list[str]:
    history = await simulation(
        "lambda", "GetDurableExecutionHistory", DurableExecutionArn=arn, MaxItems=1000
    )
    numbers = [event["EventId"] for event in history["Events"]]
    assert numbers == list(range(1, len(numbers) + 1)), "a gap in the history"
    return [event["EventType"] for event in history["Events"]]


@pytest.mark.parametrize("is_cut_again", [False, True])
async def test_an_execution_survives_every_power_cut(
    seed: int, tmp_path: Path, is_cut_again: bool
) -> None:
    worlds: list[World] = []
    compute = ScriptedCompute(tmp_path, {})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        worlds.append(World(compute, simulation))
        await _prepared(simulation)
        notes["ready"] = True
        notes["arn"] = await _begin(simulation)
        await _go_on(simulation, worlds[-1], notes["arn"])

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        world = worlds[-1]
        # The client begins again what it was not told of; the name makes it the same.
        arn = await _begin(simulation)
        assert notes.get("arn", arn) == arn
        found = await _go_on(simulation, world, arn)
        assert found["Status"] == "SUCCEEDED", found
        assert json.loads(found["Result"]) == RESULT
        # A step may begin twice when its end was not acknowledged, and only then.
        assert max(world.effects.done.values()) <= 2
        kinds = Counter(await _operations(simulation, arn))
        assert kinds["StepSucceeded"] == 5 and kinds["ContextSucceeded"] == 1
        assert kinds["WaitSucceeded"] == kinds["CallbackSucceeded"] == 1
        assert kinds["ChainedInvokeStarted"] == kinds["ChainedInvokeSucceeded"] == 2
        assert kinds["ExecutionStarted"] == kinds["ExecutionSucceeded"] == 1
        await simulation.rest(1_000)
        told = await _told(simulation)
        assert Counter(told.values()) == {"orders": 1, "child": 1}, told
        if len(worlds) % 8 == 0:
            await _check_forgotten(simulation)

    lives = await crash_everywhere(
        scenario, check, seed, prepare=compute, is_cut_again=is_cut_again
    )
    assert lives > 60


async def _told(simulation: Simulation) -> dict[str, str]:
    """Functions of the executions whose ends EventBridge told, by message."""
    url = (await simulation("sqs", "GetQueueUrl", QueueName="changes"))["QueueUrl"]
    found: dict[str, str] = {}
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            detail = json.loads(message["Body"])["detail"]
            found[message["MessageId"]] = detail["functionArn"].split(":")[6]
            handle = message["ReceiptHandle"]
            await simulation("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    return found


async def _check_forgotten(simulation: Simulation) -> None:
    """After its retention nothing is left of an execution (looked at in one life of eight)."""
    await simulation.rest((DAY_S + 60) * 1000)
    listed = await simulation("lambda", "ListDurableExecutionsByFunction", FunctionName="orders")
    assert listed["DurableExecutions"] == []
    left = await simulation.disks.blobs.list("000000000000/us-east-1/lambda/durable/")
    assert left == [], "a payload was left behind"
    space = ("000000000000", "us-east-1", "lambda")
    rows = simulation.platform.kernel.state.read(space, lambda view: view.range())
    kept = [key for key, _ in rows if str(key[0]).startswith(("durable", "~timer"))]
    assert kept == [], kept
