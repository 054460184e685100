"""StartSyncExecution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.services.stepfunctions import errors, express
from pileus.services.stepfunctions.model import EXPRESS
from pileus.services.stepfunctions.names import check_name, machine_arn
from pileus.services.stepfunctions.operations.execution_operations import checked_input
from pileus.services.stepfunctions.operations.machine_operations import found_machine
from pileus.values.body import Body
from pileus.values.times import utc

_BILLED_MS = 100
_BILLED_MB = 64


@stream
async def start_sync_execution(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Run an Express execution and answer what came of it."""
    machine = call.read(lambda view: found_machine(view, request["stateMachineArn"]))
    if machine.type != EXPRESS:
        raise errors.type_not_supported("StartSyncExecution", machine.type)
    text = checked_input(request)
    name = check_name(request.get("name") or call.new_id())
    begun = express.beginning(call, machine, name, text)
    ending = await express.to_end(call, begun)
    now_ms = call.clock.now_ms()
    is_whole = (request.get("includedData") or "ALL_DATA") == "ALL_DATA"
    shown: dict[str, Any] = {
        "executionArn": express.arn_of(call, begun),
        "stateMachineArn": machine_arn(call, machine.name),
        "name": name,
        "startDate": utc(begun.started_ms),
        "stopDate": utc(now_ms),
        "status": ending.status,
        "inputDetails": {"included": is_whole},
        "billingDetails": {
            "billedMemoryUsedInMB": _BILLED_MB,
            "billedDurationInMilliseconds": -(-(now_ms - begun.started_ms) // _BILLED_MS)
            * _BILLED_MS,
        },
    }
    if request.get("traceHeader"):
        shown["traceHeader"] = request["traceHeader"]
    if ending.output is not None:
        shown["outputDetails"] = {"included": is_whole}
    told = {"error": ending.error, "cause": ending.cause}
    if is_whole:
        told |= {"input": text, "output": ending.output}
    return shown | {member: value for member, value in told.items() if value is not None}
