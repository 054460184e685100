"""Durable functions as scripted programs: what an SDK does, in a few lines and under virtual time.

A script is replayed from its beginning at every invocation, as a real one is::

    async def script(run: DurableRun) -> Any:
        paid = await run.step("pay", lambda: "receipt")
        await run.wait("a-day", 86_400)
        return paid

    compute.programs["app.orders"] = durable_program(invoke, script)
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.fake_nodes import Answer, Program

Invoke = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""An operation of Lambda and its input to its output; raises ServiceError."""


class Suspended(Exception):
    """Nothing can be done until something outside has happened."""


class OperationFailed(Exception):
    """An operation ended otherwise than well; its ErrorObject and status."""

    def __init__(self, status: str, error: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {error}")
        self.status = status
        self.error = error


class DurableRun:
    """One invocation of a script.

    Attributes:
        operations: as the platform told them, by id.
        token: the checkpoint token that is good now; empty when it was taken away.
    """

    def __init__(self, invoke: Invoke, event: Mapping[str, Any]) -> None:
        self._invoke = invoke
        self.arn = str(event["DurableExecutionArn"])
        self.token = str(event["CheckpointToken"])
        self.operations: dict[str, Mapping[str, Any]] = {}
        state = event["InitialExecutionState"]
        self._take(state["Operations"])
        self._marker = state.get("NextMarker", "")
        self.updated: list[str] = event["UpdatedOperationIds"]

    @property
    def input(self) -> Any:
        """What the execution was begun with."""
        itself = self.operations[self.arn.rpartition("/")[2]]
        return json.loads(itself["ExecutionDetails"]["InputPayload"])

    def _take(self, operations: list[Mapping[str, Any]]) -> None:
        self.operations.update({str(one["Id"]): one for one in operations})

    async def load(self) -> None:
        """Read what did not fit into the event."""
        while self._marker:
            asked = {
                "DurableExecutionArn": self.arn,
                "CheckpointToken": self.token,
                "Marker": self._marker,
            }
            page = await self._invoke("GetDurableExecutionState", asked)
            self._take(list(page["Operations"]))
            self._marker = page.get("NextMarker", "")

    async def checkpoint(self, *updates: Mapping[str, Any], **more: Any) -> None:
        """Make updates durable and learn what else happened."""
        asked = {
            "DurableExecutionArn": self.arn,
            "CheckpointToken": self.token,
            "Updates": list(updates),
            **more,
        }
        answer = await self._invoke("CheckpointDurableExecution", asked)
        self._take(answer["NewExecutionState"]["Operations"])
        self.token = answer.get("CheckpointToken", "")
        if not self.token:
            raise Suspended

    def status(self, operation_id: str) -> str:
        """Of an operation; empty for one that was never begun."""
        return str(self.operations.get(operation_id, {}).get("Status", ""))

    async def step(
        self, operation_id: str, effect: Callable[[], Any], *, parent: str = "", retry_s: int = 1
    ) -> Any:
        """Do something once; what ``effect`` raises is tried again after ``retry_s``."""
        update = _update(operation_id, "STEP", parent)
        status = self.status(operation_id)
        if status == "PENDING":
            raise Suspended
        if status in ("", "READY"):
            await self.checkpoint({**update, "Action": "START"})
        elif status != "STARTED":
            return self._outcome(operation_id, "StepDetails")
        try:
            result = effect()
        except RuntimeError as error:
            retry = {"Error": {"ErrorMessage": str(error), "ErrorType": "RuntimeError"}}
            options = {"StepOptions": {"NextAttemptDelaySeconds": retry_s}}
            await self.checkpoint({**update, "Action": "RETRY", **retry, **options})
            raise Suspended from None
        await self.checkpoint({**update, "Action": "SUCCEED", "Payload": json.dumps(result)})
        return result

    async def context(
        self, operation_id: str, body: Callable[[], Awaitable[Any]], *, parent: str = ""
    ) -> Any:
        """Do several things under one name."""
        update = _update(operation_id, "CONTEXT", parent)
        if self.status(operation_id) == "SUCCEEDED":
            return self._outcome(operation_id, "ContextDetails")
        if not self.status(operation_id):
            await self.checkpoint({**update, "Action": "START"})
        result = await body()
        await self.checkpoint({**update, "Action": "SUCCEED", "Payload": json.dumps(result)})
        return result

    async def wait(self, operation_id: str, duration_s: int) -> None:
        """Let time pass, without an instance."""
        update = _update(operation_id, "WAIT")
        options = {"WaitOptions": {"WaitSeconds": duration_s}}
        await self._begun(operation_id, {**update, **options})
        if self.status(operation_id) != "SUCCEEDED":
            raise Suspended

    async def callback(self, operation_id: str, **options: int) -> str:
        """Begin to wait for an answer; what it is given to."""
        update = _update(operation_id, "CALLBACK")
        await self._begun(operation_id, {**update, "CallbackOptions": options})
        return str(self.operations[operation_id]["CallbackDetails"]["CallbackId"])

    async def answer(self, operation_id: str) -> Any:
        """The answer to a callback."""
        return self._outcome(operation_id, "CallbackDetails")

    async def chain(self, operation_id: str, function: str, payload: Any) -> Any:
        """Invoke another function and wait for it."""
        update = _update(operation_id, "CHAINED_INVOKE")
        options = {"ChainedInvokeOptions": {"FunctionName": function}}
        given = {**update, **options, "Payload": json.dumps(payload)}
        await self._begun(operation_id, given)
        return self._outcome(operation_id, "ChainedInvokeDetails")

    async def _begun(self, operation_id: str, update: Mapping[str, Any]) -> None:
        if not self.status(operation_id):
            await self.checkpoint({**update, "Action": "START"})

    def _outcome(self, operation_id: str, details: str) -> Any:
        one = self.operations[operation_id]
        if one["Status"] in ("STARTED", "PENDING"):
            raise Suspended
        if one["Status"] != "SUCCEEDED":
            raise OperationFailed(str(one["Status"]), one[details].get("Error", {}))
        text = one[details].get("Result")
        return json.loads(text) if text else None


def _update(operation_id: str, kind: str, parent: str = "") -> dict[str, Any]:
    update = {"Id": operation_id, "Type": kind, "Name": operation_id}
    return {**update, "ParentId": parent} if parent else update


Script = Callable[[DurableRun], Awaitable[Any]]


def durable_program(invoke: Invoke, script: Script) -> Program:
    """A scripted function that runs ``script`` as a durable execution."""

    async def work(invocation: Invocation, number: int) -> Answer:
        run = DurableRun(invoke, json.loads(invocation.payload))
        await run.load()
        try:
            result = await script(run)
        except Suspended:
            return _answer({"Status": "PENDING"})
        except OperationFailed as failure:
            return _answer({"Status": "FAILED", "Error": dict(failure.error)})
        return _answer({"Status": "SUCCEEDED", "Result": json.dumps(result)})

    return Program(lambda invocation, number: Answer(), work=work)


def _answer(document: Mapping[str, Any]) -> Answer:
    return Answer(json.dumps(document).encode())
