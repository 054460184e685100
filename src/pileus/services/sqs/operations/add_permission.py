"""AddPermission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store


@write
def add_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add a statement to the queue's policy."""
    queue = store.queue_at(call.state, request)
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
