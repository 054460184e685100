"""How an asynchronous invocation ended, as destinations and dead-letter queues are told.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec
import orjson

from pileus.compute.calls import Result
from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.measures import DEAD_LETTER, DESTINATION, facts_of
from pileus.services.lambda_.model import AsyncEvent, Configuration
from pileus.services.lambda_.names import LATEST, function_arn, function_name
from pileus.values.arns import Arn, is_arn
from pileus.values.errors import ServiceError
from pileus.values.times import iso8601, utc

_ERROR_MESSAGE_CHARACTERS_MAX = 1024
_NOT_INVOKED = (
    # AWS's own spelling.
    "Function not invoked. Function isconfigured with zero reserved concurrent executions"
)
_DESTINATIONS = ("sqs", "sns", "lambda", "events", "s3")


class Condition(Enum):
    """AWS's words for why an event came to its end."""

    SUCCESS = "Success"
    EXHAUSTED = "RetriesExhausted"
    AGE_EXCEEDED = "EventAgeExceeded"
    NO_CONCURRENCY = "ZeroReservedConcurrency"


class Ending(msgspec.Struct, frozen=True):
    """``result`` is the last attempt's, ``refusal`` what kept the last one from running."""

    condition: Condition
    result: Result | None = None
    refusal: ServiceError | None = None


Ended = tuple[AsyncEvent, Configuration, Ending]


# -- destinations ------------------------------------------------------------------------------


def tell(call: WriteCall, target: str, ended: Ended, payload: bytes) -> None:
    """Emit the invocation record to a destination."""
    record = _record(call, ended, payload)
    arn = Arn.parse(target)
    text = orjson.dumps(record).decode()
    account, region = arn.account or call.account, arn.region or call.region
    if arn.service == "events":
        service, operation = "events", "PutEvents"
        is_success = ended[2].condition is Condition.SUCCESS
        given: dict[str, Any] = {"Entries": [_event(arn, (account, region), record, is_success)]}
    elif arn.service == "s3":
        service, operation = "s3", "PutObject"
        given = {"Bucket": arn.resource, "Key": _object_key(call, ended[0]), "Body": text.encode()}
    else:
        service, operation, given = call_for(target, text)
    call.emit(
        Delivery(
            service=service,
            operation=operation,
            input=given,
            principal=ended[1].role,
            account=account,
            region=region,
            facts=facts_of(DESTINATION, ended[0].function, ended[0].qualifier),
        )
    )


def _record(call: WriteCall, ended: Ended, payload: bytes) -> dict[str, Any]:
    event, version, ending = ended
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso8601(call.now_ms),
        "requestContext": {
            "requestId": event.id,
            "functionArn": function_arn(
                call.region, call.account, event.function, event.qualifier or LATEST
            ),
            "condition": ending.condition.value,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": _json(payload),
    }
    result = ending.result
    if result is not None:
        response = {"statusCode": 200, "executedVersion": version.version}
        if result.function_error:
            response["functionError"] = result.function_error
        record["responseContext"] = response
        record["responsePayload"] = _json(result.payload)
    return record


def _event(
    bus: Arn, where: tuple[str, str], record: dict[str, Any], is_success: bool
) -> dict[str, Any]:
    account, region = where
    outcome = "Success" if is_success else "Failure"
    return {
        "EventBusName": bus.resource.rpartition("/")[2],
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "Resources": [
            f"arn:{bus.partition}:events:{region}:{account}:{bus.resource}",
            record["requestContext"]["functionArn"],
        ],
        "Detail": orjson.dumps(record).decode(),
    }


def _object_key(call: WriteCall, event: AsyncEvent) -> str:
    now = utc(call.now_ms)
    day, second = now.strftime("%Y/%m/%d"), now.strftime("%Y-%m-%dT%H.%M.%S")
    return f"aws/lambda/async/{event.function}/{day}/{second}-{call.new_id()}"


def check_destinations(call: ReadCall, function: str, success: str, failure: str) -> None:
    """Raise InvalidParameterValueException for what Lambda does not send records to."""
    for arn in (success, failure):
        if arn and not _is_destination(arn, is_success=arn == success):
            shown = [
                f"{name}(destination={given})" if given else "null"
                for name, given in (("OnSuccess", success), ("OnFailure", failure))
            ]
            raise errors.invalid(
                f"The provided destination config DestinationConfig(onSuccess={shown[0]}, "
                f"onFailure={shown[1]}) is invalid."
            )
        if arn and Arn.parse(arn).service == "lambda":
            _check_function_destination(call, function, arn)


def _is_destination(text: str, *, is_success: bool) -> bool:
    if not is_arn(text):
        return False
    arn = Arn.parse(text)
    if arn.service not in _DESTINATIONS or arn.resource.endswith(".fifo"):
        return False
    return not (arn.service == "s3" and is_success)


def _check_function_destination(call: ReadCall, function: str, text: str) -> None:
    arn = Arn.parse(text)
    name = function_name(text)[0]
    if (arn.account, arn.region) != (call.account, call.region):
        return
    if name == function:
        raise errors.invalid("You can't specify the function as a destination for itself.")
    try:
        store.find_function(call, name)
    except ServiceError:
        raise errors.invalid(f"The destination ARN {text} is invalid.") from None


# -- dead letters ------------------------------------------------------------------------------


def dead_letter(target: str, ended: Ended, payload: bytes) -> Delivery:
    """The event itself for a queue or topic, with why it failed as message attributes.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
    """
    event, version, ending = ended
    code, message = _failure(ending)
    facts = {
        "RequestID": ("String", event.id),
        "ErrorCode": ("Number", code),
        "ErrorMessage": ("String", message[:_ERROR_MESSAGE_CHARACTERS_MAX]),
    }
    attributes = {
        name: {"DataType": kind, "StringValue": value}
        for name, (kind, value) in facts.items()
        if value
    }
    arn = Arn.parse(target)
    service, operation, given = call_for(
        target, payload.decode("utf-8", "replace"), MessageAttributes=attributes
    )
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=version.role,
        account=arn.account,
        region=arn.region,
        facts=facts_of(DEAD_LETTER, event.function, event.qualifier),
    )


def _failure(ending: Ending) -> tuple[str, str]:
    """ErrorCode and ErrorMessage."""
    if ending.condition is Condition.NO_CONCURRENCY:
        return "", _NOT_INVOKED
    if ending.result is not None:
        document = _json(ending.result.payload)
        message = document.get("errorMessage", "") if isinstance(document, dict) else ""
        return "200", str(message)
    if ending.refusal is not None:
        return str(ending.refusal.status), ending.refusal.message
    return "", "The event was in the queue for longer than its maximum age."


def _json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
