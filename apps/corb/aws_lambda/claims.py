"""Answering a message once, although events come at least once."""

from __future__ import annotations

import time

from aws_lambda import clients, table


def claim(message_id: str, request_id: str) -> bool:
    """True when this invocation is the one that acts on the message.

    The first invocation to ask gets the message, and gets it again when it is retried (a retry keeps
    its request id), since nobody knows how far it came. Every other one is told no.

    Args:
        message_id: the same at every delivery of the same message.
        request_id: ``context.aws_request_id``.
    """
    client = clients.dynamodb()
    try:
        client.put_item(
            TableName=table.name(),
            Item=table.key("messages", message_id)
            | {
                "request_id": {"S": request_id},
                "expires_at": table.number(int(time.time()) + table.KEPT_S),
            },
            ConditionExpression="attribute_not_exists(#record) OR #request = :request",
            ExpressionAttributeNames={"#record": "record", "#request": "request_id"},
            ExpressionAttributeValues={":request": {"S": request_id}},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True
