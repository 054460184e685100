"""Stack policies. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.policies import text_of_policy
from pileus.values.body import Body


@stream
async def set_stack_policy(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Keep a stack's policy."""
    del body
    policy = await text_of_policy(call, request, "StackPolicyBody", "StackPolicyURL")
    name = request["StackName"]

    def keep(call: WriteCall) -> dict[str, Any]:
        stack = store.look_up(call.state, name)
        if stack is None:
            raise errors.stack_does_not_exist(name)
        stack.policy = policy
        store.put_stack(call.state, stack)
        return {}

    return await call.write(keep, once=True)


@read
def get_stack_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's policy, if it has one."""
    stack = store.look_up(call.state, request["StackName"])
    if stack is None:
        raise errors.stack_does_not_exist(request["StackName"])
    return {"StackPolicyBody": stack.policy} if stack.policy else {}
