"""InvokeAsync, the older way to hand over an event; AWS calls it deprecated and keeps it.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.services.lambda_.operations.invoke import invoke
from pileus.values.body import Body


@stream
async def invoke_async(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Accept an event, as Invoke does with the type Event; its answer tells nothing but that."""
    given = {
        "FunctionName": request["FunctionName"],
        "InvocationType": "Event",
        "Payload": request.get("InvokeArgs") or b"",
    }
    accepted = await invoke(call, given, body)
    return Reply({"Status": accepted.status}, status=accepted.status)
