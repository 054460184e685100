"""What becomes of stacks and resources, each change with its event, its notice and its message."""

from __future__ import annotations

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.services.cloudformation import store
from pileus.services.cloudformation.model import STACK_TYPE, Event, Operation, Stack, StackResource
from pileus.values.times import iso8601, utc

_WE = "service:cloudformation.amazonaws.com"


def set_status(
    call: WriteCall, stack: Stack, status: str, reason: str = "", client_token: str = ""
) -> None:
    """Give a stack its new status, with everything that follows from it; the stack is stored."""
    stack.status, stack.status_reason = status, reason
    store.put_stack(call.state, stack)
    event = Event(
        id=call.new_id(),
        logical_id=stack.name,
        physical_id=stack.id,
        type=STACK_TYPE,
        status=status,
        reason=reason,
        at_ms=call.now_ms,
        client_token=client_token,
    )
    _record(call, stack, event)
    detail: dict[str, object] = {
        "stack-id": stack.id,
        "status-details": {"status": status, "status-reason": reason},
    }
    _tell_bus(call, stack, "CloudFormation Stack Status Change", detail, event)


def set_resource_status(
    call: WriteCall,
    stack: Stack,
    operation: Operation,
    resource: StackResource,
    status: str,
    reason: str = "",
) -> None:
    """The same for a resource; ``resource`` is changed, and stored by the caller if it shall be."""
    resource.status, resource.status_reason = status, reason
    resource.updated_ms = call.now_ms
    at = utc(call.now_ms).strftime("%Y-%m-%dT%H:%M:%S") + f".{call.now_ms % 1000:03d}Z"
    event = Event(
        id=f"{resource.logical_id}-{status}-{at}",
        logical_id=resource.logical_id,
        physical_id=resource.physical_id,
        type=resource.type,
        status=status,
        reason=reason,
        at_ms=call.now_ms,
        client_token=operation.client_token,
    )
    _record(call, stack, event)
    detail: dict[str, object] = {
        "stack-id": stack.id,
        "logical-resource-id": resource.logical_id,
        "physical-resource-id": resource.physical_id,
        "status-details": {"status": status, "status-reason": reason},
        "resource-type": resource.type,
    }
    _tell_bus(call, stack, "CloudFormation Resource Status Change", detail, event)


def _record(call: WriteCall, stack: Stack, event: Event) -> None:
    call.state.put(("event", stack.uuid, call.sequence()), store.EVENTS.encode(event))
    call.wake(store.wake_key(stack.uuid))
    for topic in stack.wanted.notification_arns:
        given = {
            "TopicArn": topic,
            "Subject": "AWS CloudFormation Notification",
            "Message": _notice(call, stack, event),
        }
        call.emit(
            Delivery(
                service="sns",
                operation="Publish",
                input=given,
                principal=_WE,
                ordering_key=f"{stack.uuid} {topic}",
            )
        )


def _notice(call: WriteCall, stack: Stack, event: Event) -> str:
    """The text that topics get.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stack.html
    """
    members = {
        "StackId": stack.id,
        "Timestamp": iso8601(event.at_ms),
        "EventId": event.id,
        "LogicalResourceId": event.logical_id,
        "Namespace": call.account,
        "PhysicalResourceId": event.physical_id,
        "ResourceProperties": "null",
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceType": event.type,
        "StackName": stack.name,
        "ClientRequestToken": event.client_token or "null",
    }
    return "".join(f"{name}='{value}'\n" for name, value in members.items())


def _tell_bus(
    call: WriteCall, stack: Stack, kind: str, detail: dict[str, object], event: Event
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge-events.html"""
    if event.client_token:
        detail["client-request-token"] = event.client_token
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": kind,
        "Detail": orjson.dumps(detail).decode(),
        "Resources": [stack.id],
        "Time": utc(event.at_ms),
    }
    given = {"Entries": [entry]}
    call.emit(Delivery(service="events", operation="PutEvents", input=given, principal=_WE))
