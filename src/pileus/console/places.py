"""Where on the app's map a call goes and where it comes from: pure functions over wire names.

A *place* is the ARN of a node of the map, or one of three of our own forms: ``source:<name>``
(media), ``sms:in`` and ``sms:out`` (the phone).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SMS_IN = "sms:in"
SMS_OUT = "sms:out"
_SMS_CARRIER = "service:sms-voice.amazonaws.com"
_MEDIA_SUFFIXES = (".mkv", ".webm", ".ts", ".mp4", ".m4s")

Input = Mapping[str, Any]


def place_of_source(source: str) -> str:
    """The place of a media source."""
    return f"source:{source}"


def source_of_object(key: str) -> str:
    """The media source whose segment an object key names (``lobby/20261121T101502.000Z.mkv``)."""
    folder, _, name = key.partition("/")
    return folder if name.endswith(_MEDIA_SUFFIXES) else ""


def normal_place(arn: str) -> str:
    """Fold an ARN onto its node: no function version, object key, table index or endpoint case."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return arn
    service, resource = parts[2], parts[5]
    if service == "s3":
        parts[5] = resource.split("/", 1)[0]
    elif service == "lambda" and resource.startswith("function:"):
        parts[5] = ":".join(resource.split(":", 2)[:2])
    elif service == "dynamodb":
        parts[5] = "/".join(resource.split("/", 2)[:2])
    elif service == "sns":
        parts[5] = resource.split(":", 1)[0]
    return ":".join(parts)


def place_of_caller(principal: str, region: str) -> str:
    """The function behind an assumed role, or the phone; empty for anyone else.

    Lambda names the role session after the function (``…:assumed-role/<role>/<function>``):
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    if principal == _SMS_CARRIER:
        return SMS_IN
    parts = principal.split(":", 5)
    if len(parts) != 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
        return ""
    return f"arn:aws:lambda:{region}:{parts[4]}:function:{parts[5].rsplit('/', 1)[1]}"


def place_of_target(service: str, input: Input, account: str, region: str) -> str:
    """The node an operation's input names; empty when it names none."""
    finder = _FINDERS.get(service)
    if finder is None:
        return ""
    found = finder(input)
    if not found:
        return ""
    if found.startswith(("arn:", "sms:")):
        return normal_place(found)
    if service == "s3":
        return f"arn:aws:s3:::{found}"
    prefix = "sagemaker" if service == "sagemaker-runtime" else service
    return f"arn:aws:{prefix}:{region}:{account}:{found}"


def _queue(input: Input) -> str:
    url = str(input.get("QueueUrl") or "")
    return url.rsplit("/", 1)[-1] or str(input.get("QueueName") or "")


def _function(input: Input) -> str:
    name = str(input.get("FunctionName") or "")
    if not name or name.startswith("arn:"):
        return name
    # ``account:function:name`` and ``name:qualifier`` are both allowed.
    pieces = name.split(":")
    return f"function:{pieces[2] if len(pieces) >= 3 else pieces[0]}"


def _table(input: Input) -> str:
    name = input.get("TableName")
    if not name and input.get("RequestItems"):
        name = next(iter(input["RequestItems"]))
    if not name and input.get("TransactItems"):
        step = next(iter(input["TransactItems"][0].values()), None) or {}
        name = step.get("TableName")
    text = str(name or "")
    return text if not text or text.startswith("arn:") else f"table/{text}"


def _topic(input: Input) -> str:
    if input.get("PhoneNumber"):
        return SMS_OUT
    return str(input.get("TopicArn") or input.get("TargetArn") or "")


def _bus(input: Input) -> str:
    name = input.get("EventBusName")
    if name is None and input.get("Entries"):
        name = input["Entries"][0].get("EventBusName")
    if name is None:
        return "event-bus/default" if "Entries" in input else ""
    return str(name) if str(name).startswith("arn:") else f"event-bus/{name}"


def _endpoint(input: Input) -> str:
    name = str(input.get("EndpointName") or "")
    return f"endpoint/{name}" if name else ""


_FINDERS: dict[str, Callable[[Input], str]] = {
    "sqs": _queue,
    "lambda": _function,
    "dynamodb": _table,
    "sns": _topic,
    "events": _bus,
    "sagemaker": _endpoint,
    "sagemaker-runtime": _endpoint,
    "pinpoint-sms-voice-v2": lambda input: SMS_OUT if "MessageBody" in input else "",
    "s3": lambda input: str(input.get("Bucket") or ""),
}
