"""One task done: the call that it asks for, and what came of it."""

from __future__ import annotations

import logging

from pileus.kernel.calls import StreamCall
from pileus.kernel.supervision import StorePatience
from pileus.languages.asl.commands import Happened, TaskFailed, TaskSubmitted, TaskSucceeded
from pileus.languages.asl.states import parse_resource
from pileus.services.stepfunctions.integrations import answers, requests
from pileus.services.stepfunctions.model import Task
from pileus.services.stepfunctions.roles import Roles
from pileus.values.errors import ServiceError, StoreUnavailable

_log = logging.getLogger("pileus.stepfunctions")


async def perform(call: StreamCall, task: Task, step_id: str, task_id: int) -> Happened:
    """Do a task; a repetition under the same ``step_id`` changes what it changes once."""
    patience = StorePatience(call.clock, f"task {step_id}")
    while True:
        try:
            return await _attempt(call, task, step_id, task_id)
        except StoreUnavailable as problem:
            await patience.pause(problem)
        except Exception as error:  # noqa: BLE001 - a room's fault must not leave an execution waiting
            _log.exception("task %s failed", step_id)
            return TaskFailed(task_id, "States.TaskFailed", f"{type(error).__name__}: {error}")


async def _attempt(call: StreamCall, task: Task, step_id: str, task_id: int) -> Happened:
    resource = parse_resource(task.arn)
    phase = "Submit" if resource.pattern else ""
    request_id = call.new_id()
    try:
        request = requests.build(resource, task.arguments)
        try:
            # A name of the execution's own, for the logs of whoever is called.
            principal = await call.own(Roles).assume(call, task.role_arn, step_id.partition(":")[0])
            step = call.step(call.context, "", step_id)
            reply = await step.invoke(
                request.operation.service,
                request.operation.name,
                request.input,
                request.body,
                principal=principal,
            )
        except ServiceError as error:
            raise answers.failure(request, error, request_id) from None
        output = await answers.result(resource, request, reply, request_id)
    except requests.Unfit as unfit:
        return TaskFailed(task_id, unfit.error, unfit.cause, phase)
    return TaskSubmitted(task_id, output) if resource.pattern else TaskSucceeded(task_id, output)
