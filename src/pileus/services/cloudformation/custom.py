"""Custom resources: made by a function or whoever listens to a topic, and answered by HTTP.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import hashlib
import uuid as uuids
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, StepCall, StreamCall
from pileus.kernel.resources import PartlyCreated, Resource, ResourceRequest
from pileus.kernel.targets import call_for
from pileus.languages.cfn.model import text_of
from pileus.services.cloudformation import answers, errors, store
from pileus.services.cloudformation.limits import LIMITS
from pileus.values.arns import is_arn
from pileus.values.errors import PileusError, ServiceError

CANCELLED = "Resource creation cancelled"
_NO_ANSWER = (
    "CloudFormation did not receive a response from your Custom Resource. Please check your logs "
    "for requestId [{}]. If you are using the Python cfn-response module, you may need to update "
    "your Lambda function code so that CloudFormation can attach the updated version."
)


class CustomResourceFailed(PileusError):
    """What a stack's event tells of a custom resource that failed.

    Attributes:
        physical_id: the id its answer named, empty without an answer.
    """

    def __init__(self, sentence: str, physical_id: str = "") -> None:
        super().__init__(sentence)
        self.physical_id = physical_id


async def create(call: StreamCall, request: ResourceRequest) -> Resource:
    """Ask for a resource; it may exist even when the answer says that it failed."""
    fallback = request.generated_name()
    try:
        payload = await _ask(call, request, "Create")
    except CustomResourceFailed as error:
        part = Resource(error.physical_id or fallback)
        raise PartlyCreated(part, errors.validation(str(error))) from error
    return _resource(payload, fallback)


async def update(call: StreamCall, request: ResourceRequest) -> Resource:
    """Ask for a change; another physical id in the answer means a replacement."""
    if request.old_properties.get("ServiceToken") != request.properties.get("ServiceToken"):
        raise CustomResourceFailed("Modifying service token is not allowed.")
    payload = await _ask(call, request, "Update")
    return _resource(payload, request.physical_id)


async def delete(call: StreamCall, request: ResourceRequest) -> None:
    """Ask for the deletion."""
    await _ask(call, request, "Delete")


def _resource(payload: Mapping[str, Any], fallback: str) -> Resource:
    data = payload.get("Data")
    attributes = data if isinstance(data, dict) else {}
    return Resource(str(payload.get("PhysicalResourceId") or fallback), attributes)


async def _ask(call: StreamCall, request: ResourceRequest, kind: str) -> dict[str, Any]:
    """Send the request and wait for the answer; asked once, however often the step is run."""
    assert isinstance(call, StepCall)
    uuid = store.uuid_of(request.stack_id)
    token = answers.token_for(call, uuid)
    wait_s = _wait_s(request.properties)
    found = await call.write(lambda c: answers.open_question(c, uuid, token, wait_s))
    request_id = str(uuids.UUID(bytes=hashlib.sha256(token.encode()).digest()[:16], version=4))
    if found.payload is None:
        await _send(call, request, kind, request_id, token)

    def look(call: ReadCall) -> dict[str, Any] | None:
        now = answers.question(call, uuid, token)
        if now is not None and now.payload is not None:
            return now.payload
        operation = store.operation(call.state, uuid)
        if operation is not None and operation.is_failing and operation.phase == "apply":
            raise CustomResourceFailed(CANCELLED)
        return None

    payload = await call.until(store.wake_key(uuid), found.deadline_ms, look)
    if payload is None:
        raise CustomResourceFailed(_NO_ANSWER.format(request_id))
    if payload.get("Status") != "SUCCESS":
        reason = payload.get("Reason") or "See the details in CloudWatch Log Stream"
        raise CustomResourceFailed(
            "Received response status [FAILED] from custom resource. Message returned: "
            f"{reason} (RequestId: {request_id})",
            str(payload.get("PhysicalResourceId") or ""),
        )
    return payload


async def _send(
    call: StepCall, request: ResourceRequest, kind: str, request_id: str, token: str
) -> None:
    target = str(request.properties.get("ServiceToken") or "")
    if not is_arn(target):
        raise CustomResourceFailed("Invalid service token.")
    message: dict[str, Any] = {
        "RequestType": kind,
        "ServiceToken": target,
        "ResponseURL": answers.address(call, token),
        "StackId": request.stack_id,
        "RequestId": request_id,
        "LogicalResourceId": request.logical_id,
        "ResourceType": request.type,
        "ResourceProperties": _texts(request.properties),
    }
    if kind != "Create":
        message["PhysicalResourceId"] = request.physical_id
    if kind == "Update":
        message["OldResourceProperties"] = _texts(request.old_properties)
    try:
        await call.invoke(*call_for(target, orjson.dumps(message).decode()))
    except ServiceError as error:
        raise CustomResourceFailed(f"{error.message or error.code}") from error


def _texts(value: Any) -> Any:
    """Every scalar as text, as AWS sends them."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return text_of(value)


def _wait_s(properties: Mapping[str, Any]) -> int:
    text = text_of(properties.get("ServiceTimeout", LIMITS.answer_s_max))
    if not text.isdecimal() or not 1 <= int(text) <= LIMITS.answer_s_max:
        raise CustomResourceFailed(
            f"ServiceTimeout must be a number of seconds from 1 to {LIMITS.answer_s_max}."
        )
    return int(text)
