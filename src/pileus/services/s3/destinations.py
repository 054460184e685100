"""Notification configurations: checked, completed, and their destinations asked whether they take it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.languages.iam_policy import evaluate, parse_policy
from pileus.services.s3 import errors
from pileus.services.s3.notices import TARGETS
from pileus.values.arns import Arn, is_arn
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

_SERVICES = {
    "TopicConfigurations": "sns",
    "QueueConfigurations": "sqs",
    "LambdaFunctionConfigurations": "lambda",
}
_NAMES = {
    "TopicConfigurations": "Topic",
    "QueueConfigurations": "Queue",
    "LambdaFunctionConfigurations": "CloudFunction",
}
"""What the ARNs are called in errors."""
_KINDS = {"sqs": "queue", "sns": "topic", "lambda": "Lambda"}
_CANNOT = "Unable to validate the following destination configurations"
_PRINCIPAL = "s3.amazonaws.com"


def checked(config: Mapping[str, Any], new_ids: Iterator[str]) -> dict[str, Any]:
    """The configuration with an id for every entry.

    Raises:
        ServiceError: InvalidArgument for ARNs of another kind, rules that are neither prefix nor
            suffix or come twice, entries that ask for the same thing.
    """
    found: dict[str, Any] = {}
    for kind, member in TARGETS.items():
        entries = []
        for entry in config.get(kind) or ():
            target = entry[member]
            if not is_arn(target) or Arn.parse(target).service != _SERVICES[kind]:
                raise errors.invalid_argument("The ARN could not be parsed", _NAMES[kind], target)
            if not entry.get("Events"):
                raise errors.malformed_xml()
            rules = _checked_rules(entry)
            kept = {**entry, "Id": entry.get("Id") or next(new_ids)}
            if rules:
                kept["Filter"] = {"Key": {"FilterRules": rules}}
            entries.append(kept)
        if entries:
            found[kind] = entries
    if config.get("EventBridgeConfiguration") is not None:
        found["EventBridgeConfiguration"] = {}
    _check_overlaps([entry for kind in TARGETS for entry in found.get(kind, ())])
    return found


def rules_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """``prefix`` and ``suffix`` of an entry; an absent one is empty."""
    rules = {"prefix": "", "suffix": ""}
    for rule in ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        rules[rule["Name"].lower()] = rule.get("Value") or ""
    return rules


def _checked_rules(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """The filter's rules, their names as S3 shows them."""
    rules: list[dict[str, str]] = []
    for rule in ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        name = (rule.get("Name") or "").lower()
        if name not in ("prefix", "suffix"):
            raise errors.invalid_argument(
                "filter rule name must be either prefix or suffix",
                "FilterRule.Name",
                rule.get("Name") or "",
            )
        if any(each["Name"].lower() == name for each in rules):
            raise errors.invalid_argument(f"Cannot specify more than one {name} rule in a filter.")
        rules.append({"Name": name.capitalize(), "Value": rule.get("Value") or ""})
    return rules


def _check_overlaps(entries: Sequence[Mapping[str, Any]]) -> None:
    for one, other in combinations(entries, 2):
        if one["Id"] == other["Id"]:
            raise errors.invalid_argument(
                "Same ID used for multiple configurations. IDs must be unique"
            )
        if not any(_share(a, b) for a in one["Events"] for b in other["Events"]):
            continue
        left, right = rules_of(one), rules_of(other)
        prefixes = (left["prefix"], right["prefix"])
        suffixes = (left["suffix"], right["suffix"])
        if not _is_start(*prefixes) or not _is_end(*suffixes):
            continue
        if any(prefixes) and not any(suffixes):
            told = "Cannot have overlapping prefixes in two rules for the same event type"
        elif any(suffixes):
            told = (
                "Cannot have overlapping suffixes in two rules if the prefixes are overlapping for "
                "the same event type"
            )
        else:
            told = "Cannot have overlapping configurations for the same event type"
        raise errors.invalid_argument(f"Configuration is ambiguously defined. {told}.")


def _share(one: str, other: str) -> bool:
    """Whether some event is asked for by both."""
    stem, other_stem = one.rstrip("*"), other.rstrip("*")
    if one.endswith("*") and other.endswith("*"):
        return stem.startswith(other_stem) or other_stem.startswith(stem)
    if one.endswith("*"):
        return other.startswith(stem)
    if other.endswith("*"):
        return one.startswith(other_stem)
    return one == other


def _is_start(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _is_end(one: str, other: str) -> bool:
    return one.endswith(other) or other.endswith(one)


# ---------------------------------------------------------------- the destinations themselves


async def check_targets(
    call: StreamCall, bucket: str, region: str, config: Mapping[str, Any]
) -> None:
    """Ask every destination whether it is there and lets S3 in for this bucket.

    Raises:
        ServiceError: InvalidArgument naming the destinations that do not.
    """
    refused: list[tuple[str, str]] = []
    for kind, member in TARGETS.items():
        for entry in config.get(kind) or ():
            target = entry[member]
            reason = await _refusal(call, bucket, region, target)
            if reason and (target, reason) not in refused:
                refused.append((target, reason))
    if refused:
        error = errors.invalid_argument(_CANNOT)
        for index, (target, reason) in enumerate(refused, 1):
            error.fields[f"ArgumentName{index}"] = target
            error.fields[f"ArgumentValue{index}"] = reason
        raise error


async def _refusal(call: StreamCall, bucket: str, region: str, target: str) -> str:
    """Why a destination cannot be used; empty when it can."""
    arn = Arn.parse(target)
    if arn.region != region:
        return (
            "The notification destination service region is not valid for the bucket location "
            "constraint"
        )
    if arn.resource.endswith(".fifo"):
        return "FIFO destinations are not supported"
    if arn.account != call.account:
        # Another account's policies are asked when the event is delivered.
        return ""
    look = {"sqs": _queue_policy, "sns": _topic_policy, "lambda": _function_policy}[arn.service]
    try:
        policy = await look(call.in_account(call.account, region), arn)
    except ServiceError as error:
        if error.is_retryable:
            raise
        return f"The destination {_KINDS[arn.service]} does not exist"
    action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
    if not _lets_in(policy, action[arn.service], target, bucket, call.account):
        if arn.service == "lambda":
            return f"Not authorized to invoke function [{target}]"
        return (
            f"Permissions on the destination {_KINDS[arn.service]} do not allow S3 to publish notifications from "
            "this bucket"
        )
    return ""


def _lets_in(policy: str, action: str, target: str, bucket: str, account: str) -> bool:
    if not policy:
        return False
    context = {
        "aws:SourceArn": f"arn:aws:s3:::{bucket}",
        "aws:SourceAccount": account,
        "aws:SourceOwner": account,
    }
    principal = Principal.service(_PRINCIPAL, account)
    parsed = parse_policy(policy, "resource")
    return evaluate([parsed], action, target, context, principal=principal) == "allow"


async def _queue_policy(call: StreamCall, arn: Arn) -> str:
    url = f"http://sqs.{arn.region}.amazonaws.com/{arn.account}/{arn.resource}"
    given = {"QueueUrl": url, "AttributeNames": ["Policy"]}
    reply = await call.invoke("sqs", "GetQueueAttributes", given)
    return str((reply.output.get("Attributes") or {}).get("Policy") or "")


async def _topic_policy(call: StreamCall, arn: Arn) -> str:
    reply = await call.invoke("sns", "GetTopicAttributes", {"TopicArn": str(arn)})
    return str(reply.output["Attributes"].get("Policy") or "")


async def _function_policy(call: StreamCall, arn: Arn) -> str:
    name = str(arn)
    await call.invoke("lambda", "GetFunctionConfiguration", {"FunctionName": name})
    try:
        reply = await call.invoke("lambda", "GetPolicy", {"FunctionName": name})
    except ServiceError as error:
        if error.code == "ResourceNotFoundException":
            # The function is there; it has no policy.
            return ""
        raise
    policy = reply.output["Policy"]
    return policy if isinstance(policy, str) else orjson.dumps(policy).decode()
