"""AddPermission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store
from pileus.services.sqs.limits import LIMITS

_ACCOUNT = re.compile(r"\d{12}")
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-customer-managed-policy-examples.html
_OWNERS_ONLY = frozenset(
    {
        "AddPermission", "CancelMessageMoveTask", "CreateQueue", "DeleteQueue",
        "ListMessageMoveTasks", "ListQueues", "ListQueueTags", "RemovePermission",
        "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue",
    }
)  # fmt: skip


@write
def add_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add a statement to the queue's policy."""
    queue = store.queue_at(call.state, request)
    _check(request)
    arn = call.arn(queue.name)
    raw = queue.attributes.get("Policy")
    policy: dict[str, Any] = (
        orjson.loads(raw)
        if raw
        else {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    )
    if any(statement.get("Sid") == request["Label"] for statement in policy["Statement"]):
        raise errors.invalid_value(request["Label"], "Label", "Already exists.")
    principals = [f"arn:aws:iam::{account}:root" for account in request["AWSAccountIds"]]
    actions = [f"SQS:{action}" for action in request["Actions"]]
    policy["Statement"].append(
        {
            "Sid": request["Label"],
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": arn,
        }
    )
    queue.attributes["Policy"] = orjson.dumps(policy).decode()
    queue.modified_ms = call.now_ms
    store.put_queue(call.state, queue)


def _check(request: Mapping[str, Any]) -> None:
    actions, accounts = request["Actions"], request["AWSAccountIds"]
    if not actions:
        raise errors.missing_parameter("Actions")
    if len(actions) > LIMITS.permission_actions_max:
        raise errors.over_limit(
            f"{len(actions)} Actions were found, maximum allowed is "
            f"{LIMITS.permission_actions_max}."
        )
    for action in actions:
        if action in _OWNERS_ONLY:
            raise errors.invalid_value(
                f"SQS:{action}",
                "ActionName",
                "Only the queue owner is allowed to invoke this action.",
            )
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        shown = f"[{', '.join(accounts)}]"
        raise errors.invalid_value(shown, "PrincipalId", "Unable to verify.")
