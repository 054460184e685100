"""Edifice Corb as its rooms would describe it: canned answers behind the door's signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pileus.values.body import BytesBody
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError, not_implemented

ACCOUNT = "000000000000"
REGION = "us-east-1"
VIDEO_BUCKET = "corb-video"
RESULTS_BUCKET = "corb-results"
OCCUPANCY_TABLE = "corb-occupancy"
ENDPOINT = "person-detector"
STACK = "corb-dev"


def function_name(name: str) -> str:
    return f"{STACK}-{name}"


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name(name)}"


def rule_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"


BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
ENDPOINT_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{ENDPOINT}"
SMS_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:corb-inbound-sms"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:corb-dead-letters"

_TABLE = {"OCCUPANCY_TABLE": OCCUPANCY_TABLE}
_FUNCTIONS: dict[str, dict[str, Any]] = {
    "VideoIngress": {**_TABLE, "DETECTOR_ENDPOINT": ENDPOINT, "RESULTS_BUCKET": RESULTS_BUCKET},
    "OccupancyKeeper": _TABLE,
    "TooFullAnnouncer": _TABLE,
    "MessageIngress": _TABLE,
    "CleaningReportGenerator": _TABLE,
    "StatusReporter": _TABLE,
    "AlarmSetter": _TABLE,
    "HelpSender": _TABLE,
}
_DESTINATIONS = ("VideoIngress", "MessageIngress", "CleaningReportGenerator", "OccupancyKeeper")
_LISTENS: dict[str, tuple[str, list[str]]] = {
    "OccupancyKeeper": ("result_type", ["segments_analysed"]),
    "TooFullAnnouncer": ("command_type", ["announce_too_full"]),
    "CleaningReportGenerator": ("command_type", ["request_cleaning"]),
    "StatusReporter": ("command_type", ["report_status"]),
    "AlarmSetter": ("command_type", ["set_alarm", "clear_alarm"]),
    "HelpSender": ("command_type", ["send_help", "not_understood"]),
}


@dataclass(slots=True)
class FakeReply:
    output: Mapping[str, Any] = field(default_factory=dict)
    body: BytesBody | None = None


class FakeRooms:
    """``invoke`` over canned answers; ``results`` and ``items`` change as the story goes."""

    def __init__(self) -> None:
        self.results: dict[str, bytes] = {}
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.segments = 0
        self.waiting_messages = 0
        self.asked: list[str] = []

    async def invoke(
        self, context: CallContext, service: str, operation: str, input: Mapping[str, Any]
    ) -> FakeReply:
        self.asked.append(f"{service}.{operation}")
        answer = getattr(self, f"_{service}_{operation}".replace("-", "_"), None)
        if answer is None:
            raise not_implemented(service, operation)
        output = answer(input)
        return output if isinstance(output, FakeReply) else FakeReply(output)

    def store(self, key: str, source: str, frames: list[tuple[float, list[list[float]]]]) -> None:
        """Put a result object as VideoIngress would."""
        lines = [
            orjson.dumps(
                {
                    "source": source,
                    "pts_ms": pts_ms,
                    "persons": [{"box": box, "confidence": 0.87} for box in boxes],
                }
            )
            for pts_ms, boxes in frames
        ]
        self.results[key] = b"\n".join(lines) + b"\n"

    def _cloudformation_DescribeStacks(self, _: Any) -> dict[str, Any]:
        outputs = {"ResultsBucketName": RESULTS_BUCKET, "OccupancyTableName": OCCUPANCY_TABLE}
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        stack = {"StackName": STACK, "StackStatus": "CREATE_COMPLETE", "Outputs": listed}
        stack["StackId"] = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1"
        return {"Stacks": [stack]}

    def _cloudformation_ListStackResources(self, _: Any) -> dict[str, Any]:
        kinds = {function_name(name): "AWS::Lambda::Function" for name in _FUNCTIONS}
        kinds |= {VIDEO_BUCKET: "AWS::S3::Bucket", RESULTS_BUCKET: "AWS::S3::Bucket"}
        kinds[OCCUPANCY_TABLE] = "AWS::DynamoDB::Table"
        rows = [
            {
                "LogicalResourceId": name.removeprefix(f"{STACK}-").replace("-", ""),
                "PhysicalResourceId": name,
                "ResourceType": kind,
            }
            for name, kind in kinds.items()
        ]
        policy = {**rows[-2], "LogicalResourceId": "ResultsPolicy"}
        rows.append({**policy, "ResourceType": "AWS::S3::BucketPolicy"})
        return {"StackResourceSummaries": rows}

    def _lambda_ListFunctions(self, _: Any) -> dict[str, Any]:
        functions = [
            {
                "FunctionName": function_name(name),
                "FunctionArn": function_arn(name),
                "Runtime": "python3.11",
                "MemorySize": 1024 if name == "VideoIngress" else 256,
                "Environment": {"Variables": variables},
            }
            for name, variables in _FUNCTIONS.items()
        ]
        return {"Functions": functions}

    def _lambda_ListEventSourceMappings(self, _: Any) -> dict[str, Any]:
        return {"EventSourceMappings": []}

    def _lambda_ListFunctionEventInvokeConfigs(self, input: Mapping[str, Any]) -> dict[str, Any]:
        name = input["FunctionName"].removeprefix(f"{STACK}-")
        if name not in _DESTINATIONS:
            return {"FunctionEventInvokeConfigs": []}
        destination: dict[str, Any] = {
            "OnSuccess": {"Destination": "arn:aws:events:::event-bus/default"}
        }
        if name == "VideoIngress":
            destination["OnFailure"] = {"Destination": DEAD_LETTERS}
        return {"FunctionEventInvokeConfigs": [{"DestinationConfig": destination}]}

    def _s3_ListBuckets(self, _: Any) -> dict[str, Any]:
        return {"Buckets": [{"Name": VIDEO_BUCKET}, {"Name": RESULTS_BUCKET}]}

    def _s3_GetBucketNotificationConfiguration(self, input: Mapping[str, Any]) -> dict[str, Any]:
        if input["Bucket"] != VIDEO_BUCKET:
            return {}
        rules = [{"Name": "suffix", "Value": ".mkv"}]
        configuration = {
            "LambdaFunctionArn": function_arn("VideoIngress"),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        return {"LambdaFunctionConfigurations": [configuration]}

    def _s3_ListObjectsV2(self, input: Mapping[str, Any]) -> dict[str, Any]:
        if input["Bucket"] == VIDEO_BUCKET:
            contents = [{"Key": f"lobby/{n}.mkv", "Size": 402_331} for n in range(self.segments)]
            return {"Contents": contents[:1000], "IsTruncated": self.segments > 1000}
        if input.get("Delimiter"):
            folders = sorted({key.split("/")[0] + "/" for key in self.results})
            return {"CommonPrefixes": [{"Prefix": folder} for folder in folders]}
        prefix = input.get("Prefix", "")
        rows = [
            {"Key": key, "Size": len(raw)}
            for key, raw in sorted(self.results.items())
            if key.startswith(prefix) and key > input.get("StartAfter", "")
        ]
        return {"Contents": rows}

    def _s3_GetObject(self, input: Mapping[str, Any]) -> FakeReply:
        if input["Key"] not in self.results:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", status=404)
        return FakeReply({}, BytesBody(self.results[input["Key"]]))

    def _sqs_ListQueues(self, _: Any) -> dict[str, Any]:
        return {"QueueUrls": [f"http://127.0.0.1:4566/{ACCOUNT}/corb-dead-letters"]}

    def _sqs_GetQueueAttributes(self, _: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.waiting_messages)}}

    def _dynamodb_ListTables(self, _: Any) -> dict[str, Any]:
        return {"TableNames": [OCCUPANCY_TABLE]}

    def _dynamodb_DescribeTable(self, _: Any) -> dict[str, Any]:
        table = {"ItemCount": 4 + self.segments // 30, "TableSizeBytes": 2310}
        return {"Table": {**table, "TableStatus": "ACTIVE"}}

    def _dynamodb_GetItem(self, input: Mapping[str, Any]) -> dict[str, Any]:
        key = input["Key"]
        item = self.items.get((key["owner"]["S"], key["record"]["S"]))
        return {"Item": item} if item else {}

    def _dynamodb_Query(self, input: Mapping[str, Any]) -> dict[str, Any]:
        owner = input["ExpressionAttributeValues"][":owner"]["S"]
        found = [
            item for (own, rec), item in self.items.items() if own == owner and "minute" in rec
        ]
        return {"Items": found}

    def _events_ListEventBuses(self, _: Any) -> dict[str, Any]:
        return {"EventBuses": [{"Name": "default", "Arn": BUS}]}

    def _events_ListRules(self, _: Any) -> dict[str, Any]:
        rules: list[dict[str, Any]] = []
        for name, (field_name, values) in _LISTENS.items():
            pattern: dict[str, Any] = {"detail": {"responsePayload": {field_name: values}}}
            rule = {"Name": f"{function_name(name)}-rule-1", "EventBusName": "default"}
            rule |= {"Arn": rule_arn(rule["Name"]), "State": "ENABLED"}
            rules.append({**rule, "EventPattern": orjson.dumps(pattern).decode()})
        return {"Rules": rules}

    def _events_ListTargetsByRule(self, input: Mapping[str, Any]) -> dict[str, Any]:
        listener = input["Rule"].removeprefix(f"{STACK}-").removesuffix("-rule-1")
        return {"Targets": [{"Id": "1", "Arn": function_arn(listener)}]}

    def _sns_ListTopics(self, _: Any) -> dict[str, Any]:
        return {"Topics": [{"TopicArn": SMS_TOPIC}]}

    def _sns_ListSubscriptions(self, _: Any) -> dict[str, Any]:
        subscription = {"TopicArn": SMS_TOPIC, "Endpoint": function_arn("MessageIngress")}
        return {"Subscriptions": [{**subscription, "Protocol": "lambda"}]}

    def _pinpoint_sms_voice_v2_DescribePhoneNumbers(self, _: Any) -> dict[str, Any]:
        number = {"PhoneNumber": "+15550100000", "TwoWayEnabled": True}
        return {"PhoneNumbers": [{**number, "TwoWayChannelArn": SMS_TOPIC}]}

    def _sagemaker_ListEndpoints(self, _: Any) -> dict[str, Any]:
        endpoint = {"EndpointName": ENDPOINT, "EndpointArn": ENDPOINT_ARN}
        return {"Endpoints": [{**endpoint, "EndpointStatus": "InService"}]}
