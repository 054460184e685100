"""Events of queues, topics, streams and logs."""

from __future__ import annotations

import json
from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.names import (
    ACCOUNT,
    PARTITION,
    REGION,
    alphanumeric,
    function_id,
    joined_arn,
    own_name,
    upper_first,
)
from pileus.languages.serverless.reading import Reading, is_function

_SQS_ACTIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
_STREAM_ACTIONS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")


def _source(event: Reading) -> tuple[Any, str]:
    """The source's ARN and the name its logical ids carry."""
    place = event if not isinstance(event.value, dict) or is_function(event.value) else event["arn"]
    arn = place.text_or_function("an ARN")
    if isinstance(arn, str) and not arn.startswith("arn:"):
        raise place.expected("an ARN")
    name = own_name(arn)
    if name is None:
        raise place.expected("an ARN whose name can be told: text, GetAtt, Ref, ImportValue, Join")
    return arn, name


def _settings(event: Reading) -> Reading:
    if isinstance(event.value, dict) and not is_function(event.value):
        return event
    return Reading(event.file, event.path, {}, event.warnings)


def _allow(build: Build, actions: list[str], resource: Any) -> None:
    for statement in build.statements:
        if statement["Action"] == actions and isinstance(statement["Resource"], list):
            if resource not in statement["Resource"]:
                statement["Resource"].append(resource)
            return
    build.statements.append({"Effect": "Allow", "Action": actions, "Resource": [resource]})


def filters(settings: Reading) -> dict[str, Any]:
    """FilterCriteria out of ``filterPatterns``, where there are any."""
    patterns = settings["filterPatterns"].entries()
    if not patterns:
        return {}
    texts = [json.dumps(item.mapping(), separators=(",", ":")) for item in patterns]
    return {"FilterCriteria": {"Filters": [{"Pattern": text} for text in texts]}}


def add_sqs(build: Build, name: str, event: Reading) -> None:
    """One ``sqs`` event.

    Raises:
        ServiceFileError: no ARN, or a setting outside its bounds.
    """
    arn, queue = _source(event)
    settings = _settings(event)
    settings.check_keys("arn", "batchSize", "maximumBatchingWindow", "functionResponseType",
                        "filterPatterns", "maximumConcurrency", "enabled", "metrics")  # fmt: skip
    size = settings["batchSize"]
    properties: dict[str, Any] = {"BatchSize": size.integer(1, 10_000) if size else 10}
    if settings["maximumBatchingWindow"]:
        window_s = settings["maximumBatchingWindow"].integer(0, 300)
        properties["MaximumBatchingWindowInSeconds"] = window_s
    properties["EventSourceArn"] = arn
    properties["FunctionName"] = build.target(name)
    properties["Enabled"] = settings["enabled"].boolean(True)
    properties.update(_response_type(settings))
    properties.update(filters(settings))
    if settings["maximumConcurrency"]:
        count = settings["maximumConcurrency"].integer(2, 1000)
        properties["ScalingConfig"] = {"MaximumConcurrency": count}
    add_mapping(build, name, f"EventSourceMappingSQS{alphanumeric(queue)}", properties)
    _allow(build, _SQS_ACTIONS, arn)


def _response_type(settings: Reading) -> dict[str, Any]:
    if not settings["functionResponseType"]:
        return {}
    return {
        "FunctionResponseTypes": [
            settings["functionResponseType"].one_of("ReportBatchItemFailures")
        ]
    }


def add_mapping(
    build: Build, name: str, tail: str, properties: dict[str, Any], *needs: str
) -> None:
    """Add an event source mapping of a function; ``tail`` ends its logical id."""
    depends = build.role_dependency(name) + build.alias_dependency(name) + list(needs)
    others = {"DependsOn": depends} if depends else {}
    logical_id = f"{function_id(name)}{tail}"
    build.add(logical_id, "AWS::Lambda::EventSourceMapping", properties, **others)


def add_stream(build: Build, name: str, event: Reading) -> None:
    """One ``stream`` event, of Kinesis or DynamoDB.

    Raises:
        ServiceFileError: no ARN, no type where it cannot be told, a setting outside its bounds.
    """
    arn, stream = _source(event)
    settings = _settings(event)
    settings.check_keys("arn", "type", "batchSize", "startingPosition", "startingPositionTimestamp",
                        "enabled", "batchWindow", "maximumRetryAttempts", "maximumRecordAgeInSeconds",
                        "bisectBatchOnFunctionError", "parallelizationFactor", "consumer",
                        "tumblingWindowInSeconds", "destinations", "filterPatterns",
                        "functionResponseType")  # fmt: skip
    kind = _stream_kind(settings, arn)
    if kind == "dynamodb" and isinstance(arn, str):
        stream = arn.split("/")[1]
    source, needs = _consumer(build, name, settings, arn, stream)
    size = settings["batchSize"]
    start = settings["startingPosition"]
    properties: dict[str, Any] = {
        "BatchSize": size.integer(1, 10_000) if size else 10,
        "Enabled": settings["enabled"].boolean(True),
        "EventSourceArn": source,
        "FunctionName": build.target(name),
        "StartingPosition": start.one_of("LATEST", "TRIM_HORIZON", "AT_TIMESTAMP")
        if start
        else "TRIM_HORIZON",
    }
    for key, (target, low, high) in _STREAM_NUMBERS.items():
        if settings[key]:
            properties[target] = settings[key].integer(low, high)
    if settings["bisectBatchOnFunctionError"].boolean(False):
        properties["BisectBatchOnFunctionError"] = True
    properties.update(_response_type(settings))
    properties.update(_stream_destination(build, settings))
    properties.update(filters(settings))
    tail = f"EventSourceMapping{upper_first(kind)}{alphanumeric(stream)}"
    add_mapping(build, name, tail, properties, *needs)
    _allow(build, [f"{kind}:{action}" for action in _STREAM_ACTIONS], arn)
    if needs:
        actions = ["kinesis:SubscribeToShard"]
        _allow(build, actions, {"Ref": needs[0]})


_STREAM_NUMBERS = {
    "batchWindow": ("MaximumBatchingWindowInSeconds", 0, 300),
    "maximumRetryAttempts": ("MaximumRetryAttempts", -1, 10_000),
    "maximumRecordAgeInSeconds": ("MaximumRecordAgeInSeconds", -1, 604_800),
    "parallelizationFactor": ("ParallelizationFactor", 1, 10),
    "tumblingWindowInSeconds": ("TumblingWindowInSeconds", 0, 900),
    "startingPositionTimestamp": ("StartingPositionTimestamp", 0, 2**53),
}


def _stream_kind(settings: Reading, arn: Any) -> str:
    if settings["type"]:
        return settings["type"].one_of("kinesis", "dynamodb")
    kind = arn.split(":")[2] if isinstance(arn, str) else ""
    if kind not in ("kinesis", "dynamodb"):
        raise settings["type"].expected("kinesis or dynamodb")
    return kind


def _consumer(
    build: Build, name: str, settings: Reading, arn: Any, stream: str
) -> tuple[Any, list[str]]:
    consumer = settings["consumer"]
    if not consumer or consumer.value is False:
        return arn, []
    if consumer.value is not True:
        return consumer.text_or_function(), []
    label = f"{name}{stream}Consumer"
    logical_id = f"{alphanumeric(label)}StreamConsumer"
    build.add(logical_id, "AWS::Kinesis::StreamConsumer", {"StreamARN": arn, "ConsumerName": label})
    return {"Ref": logical_id}, [logical_id]


def _stream_destination(build: Build, settings: Reading) -> dict[str, Any]:
    place = settings["destinations"]["onFailure"]
    if not place:
        return {}
    arn = place.value
    kind = ""
    if isinstance(arn, dict) and not is_function(arn):
        kind = place["type"].one_of("sqs", "sns")
        arn = place["arn"].text_or_function("an ARN")
    elif isinstance(arn, str):
        kind = arn.split(":")[2] if arn.startswith("arn:") else ""
    if kind not in ("sqs", "sns"):
        raise place.expected("an ARN of sqs or sns, or {type, arn}")
    actions = ["sqs:ListQueues", "sqs:SendMessage"] if kind == "sqs" else ["sns:Publish"]
    _allow(build, actions, arn)
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def add_sns(build: Build, name: str, event: Reading) -> None:
    """One ``sns`` event: a topic made here with its subscription, or a subscription only.

    Raises:
        ServiceFileError: neither ARN nor topic name.
    """
    settings = _settings(event)
    settings.check_keys("arn", "topicName", "displayName", "filterPolicy", "filterPolicyScope",
                        "redrivePolicy")  # fmt: skip
    arn = settings["arn"].text_or_function("an ARN") if settings["arn"] else None
    topic = settings["topicName"].text() if settings["topicName"] else None
    if not settings.mapping():
        text = event.text_or_function("a topic's name or ARN")
        is_name = isinstance(text, str) and not text.startswith("arn:")
        arn, topic = (None, text) if is_name else (text, None)
    if arn is not None and topic is None:
        topic = own_name(arn)
    if topic is None:
        raise event.expected("a topic's name, arn, or both")
    stem, label = function_id(name), alphanumeric(topic)
    extras = _subscription_extras(build, name, settings, label, arn)
    endpoint = build.target(name)
    source: Any = arn
    if arn is None:
        source = joined_arn("arn:", PARTITION, ":sns:", REGION, ":", ACCOUNT, ":", topic)
        _own_topic(build, label, topic, settings)
    if arn is None and not extras:
        subscriptions = build.resources[f"SNSTopic{label}"]["Properties"].setdefault(
            "Subscription", []
        )
        subscriptions.append({"Endpoint": endpoint, "Protocol": "lambda"})
    else:
        target = {"Ref": f"SNSTopic{label}"} if arn is None else arn
        properties = {"TopicArn": target, "Protocol": "lambda", "Endpoint": endpoint, **extras}
        needs = build.alias_dependency(name)
        others = {"DependsOn": needs} if needs else {}
        build.add(f"{stem}SnsSubscription{label}", "AWS::SNS::Subscription", properties, **others)
    build.permit(f"{stem}LambdaPermission{label}SNS", name, "sns.amazonaws.com", source)


def _own_topic(build: Build, label: str, topic: str, settings: Reading) -> None:
    logical_id = f"SNSTopic{label}"
    if logical_id not in build.resources:
        build.add(logical_id, "AWS::SNS::Topic", {"TopicName": topic})
    if settings["displayName"]:
        text = settings["displayName"].text()
        build.resources[logical_id]["Properties"]["DisplayName"] = text


def _subscription_extras(
    build: Build, name: str, settings: Reading, label: str, arn: Any
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if settings["filterPolicy"]:
        result["FilterPolicy"] = settings["filterPolicy"].mapping()
        if settings["filterPolicyScope"]:
            scope = settings["filterPolicyScope"].one_of("MessageAttributes", "MessageBody")
            result["FilterPolicyScope"] = scope
    redrive = settings["redrivePolicy"]
    if redrive:
        dead, queue = _dead_letter(redrive)
        result["RedrivePolicy"] = {"deadLetterTargetArn": dead}
        topic = {"Ref": f"SNSTopic{label}"} if arn is None else arn
        _add_queue_policy(build, f"{label}To{function_id(name)}DLQPolicy", dead, queue, topic)
    if isinstance(arn, str) and arn.split(":")[3] not in ("", build.region):
        result["Region"] = arn.split(":")[3]
    return result


def _dead_letter(redrive: Reading) -> tuple[Any, Any]:
    """The dead letter queue's ARN and its URL."""
    if redrive["deadLetterTargetArn"]:
        arn = redrive["deadLetterTargetArn"].text(r"arn:.+:sqs:.+", "an ARN of a queue")
        _, _, _, region, account, queue = arn.split(":", 5)
        host = f"https://sqs.{region}."
        return arn, joined_arn(host, {"Ref": "AWS::URLSuffix"}, f"/{account}/{queue}")
    if redrive["deadLetterTargetRef"]:
        logical_id = redrive["deadLetterTargetRef"].text()
        return {"Fn::GetAtt": [logical_id, "Arn"]}, {"Ref": logical_id}
    if redrive["deadLetterTargetImport"]:
        place = redrive["deadLetterTargetImport"]
        return {"Fn::ImportValue": place["arn"].text()}, {"Fn::ImportValue": place["url"].text()}
    raise redrive.expected("deadLetterTargetArn, deadLetterTargetRef or deadLetterTargetImport")


def _add_queue_policy(build: Build, logical_id: str, dead: Any, queue: Any, topic: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": dead,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    document = {"Version": "2012-10-17", "Id": logical_id, "Statement": [statement]}
    build.add(logical_id, "AWS::SQS::QueuePolicy", {"PolicyDocument": document, "Queues": [queue]})


def add_cloudwatch_logs(build: Build, name: str, events: list[Reading]) -> None:
    """All ``cloudwatchLog`` events of a function, with one permission for them together."""
    if not events:
        return
    stem = function_id(name)
    permission = f"{stem}LambdaPermissionLogsSubscriptionFilterCloudWatchLog"
    groups = []
    for number, event in enumerate(events, 1):
        settings = _settings(event)
        settings.check_keys("logGroup", "filter")
        group = (settings["logGroup"] if settings.mapping() else event).text(what="a log group")
        groups.append(group)
        build.add(
            f"{stem}LogsSubscriptionFilterCloudWatchLog{number}",
            "AWS::Logs::SubscriptionFilter",
            {
                "LogGroupName": group,
                "FilterPattern": settings["filter"].optional_text() or "",
                "DestinationArn": build.target(name),
            },
            DependsOn=[permission],
        )
    scope = groups[0] if len(set(groups)) == 1 else f"{_shared_beginning(groups)}*"
    source = joined_arn(
        "arn:", PARTITION, ":logs:", REGION, ":", ACCOUNT, ":log-group:", scope, ":*"
    )
    build.permit(permission, name, joined_arn("logs.", REGION, ".amazonaws.com"), source)


def _shared_beginning(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((n for n, char in enumerate(first) if last[n : n + 1] != char), len(first))
    return first[:length]
