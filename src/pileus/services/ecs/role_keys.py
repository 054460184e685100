"""The keys of a task's role, as its containers ask for them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.credentials import issue
from pileus.kernel.kernel import Kernel
from pileus.services.ecs.limits import LIMITS
from pileus.services.ecs.model import Definition, Task
from pileus.services.ecs.planning import Planner, role_of
from pileus.values.times import iso8601


def keys_path(task: Task) -> str:
    """Where containers find their keys, on the metadata service's host."""
    return f"/v2/credentials/{task.credentials}"


async def keys_document(
    kernel: Kernel, planner: Planner, scope: str, task: Task, definition: Definition
) -> dict[str, Any] | None:
    """Fresh keys; None for a task without a role. Raises CannotPlan when the role refuses."""
    role = role_of(task, definition, "taskRoleArn")
    principal = await planner.assume(scope, role, task)
    if principal is None:
        return None
    keys = issue(
        kernel.signing_key,
        kernel.chance.random_bytes,
        principal,
        kernel.clock.now_ms(),
        LIMITS.keys_last_s,
    )
    return {
        "RoleArn": role,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_key,
        "Token": keys.session_token,
        "Expiration": iso8601(keys.expires_ms or 0, millis=False),
    }
