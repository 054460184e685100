"""Wait conditions: a stack waits until enough signals came to a handle's address.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, StepCall, StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, require
from pileus.languages.cfn.model import text_of
from pileus.services.cloudformation import answers, errors, store
from pileus.services.cloudformation.custom import CANCELLED
from pileus.services.cloudformation.limits import LIMITS


async def create_handle(call: StreamCall, request: ResourceRequest) -> Resource:
    """An address that takes signals; ``Ref`` yields it."""
    assert isinstance(call, StepCall)
    uuid = store.uuid_of(request.stack_id)
    token = answers.token_for(call, uuid)
    await call.write(lambda c: answers.open_question(c, uuid, token, 0, takes_many=True))
    return Resource(answers.address(call, token))


async def keep(call: StreamCall, request: ResourceRequest) -> Resource:
    """Refused: AWS does not support updates of these types."""
    raise errors.validation(f"Update to resource type {request.type} is not supported.")


async def forget(call: StreamCall, request: ResourceRequest) -> None:
    """Nothing exists outside the stack."""
    return


async def create_condition(call: StreamCall, request: ResourceRequest) -> Resource:
    """Wait for ``Count`` signals of success."""
    assert isinstance(call, StepCall)
    uuid = store.uuid_of(request.stack_id)
    handle = str(require(request, "Handle")).rpartition("/")[2]
    count = int(text_of(request.properties.get("Count", 1)))
    timeout_s = int(text_of(require(request, "Timeout")))
    if not 0 <= timeout_s <= LIMITS.wait_s_max:
        raise errors.validation(f"Timeout must be from 0 to {LIMITS.wait_s_max} seconds.")
    token = answers.token_for(call, uuid)
    opened = await call.write(lambda c: answers.open_question(c, uuid, token, timeout_s))

    def look(call: ReadCall) -> dict[str, dict[str, Any]] | None:
        got = answers.signals(call, uuid, handle)
        for unique_id, signal in got.items():
            if signal.get("Status") != "SUCCESS":
                raise errors.validation(
                    f"WaitCondition received failed message: '{signal.get('Reason', '')}' for "
                    f"uniqueId: {unique_id}"
                )
        if len(got) >= count:
            return got
        operation = store.operation(call.state, uuid)
        if operation is not None and operation.is_failing:
            raise errors.validation(CANCELLED)
        return None

    found = await call.until(store.wake_key(uuid), opened.deadline_ms, look)
    if found is None:
        got = call.read(lambda c: answers.signals(c, uuid, handle))
        raise errors.validation(
            f"WaitCondition timed out. Received {len(got)} conditions when expecting {count}"
        )
    data = {unique_id: signal.get("Data", "") for unique_id, signal in found.items()}
    return Resource(request.generated_name(), {"Data": orjson.dumps(data).decode()})
