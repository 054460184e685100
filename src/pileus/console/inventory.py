"""Asks every room of an account what there is: the raw material of the map and the overview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.console.asking import Asker

Description = Mapping[str, Any]
OBJECTS_COUNTED_MAX = 1000
NODE_TYPES = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SageMaker::Endpoint",
    }
)
"""What of a stack stands on the map."""
NEXT_TOKEN = ("NextToken", "NextToken")


class Inventory(msgspec.Struct):
    """Descriptions as AWS gives them, by kind.

    Attributes:
        stack_resources: physical id → ``(stack, logical id, resource type)``.
        outputs: stack outputs of the whole account, ``OutputKey`` → value.
        bucket_events: bucket → its notification configuration.
        invoke_configs: function → its destinations for asynchronous invocations.
    """

    account: str
    region: str
    stacks: list[Description] = msgspec.field(default_factory=list)
    stack_resources: dict[str, tuple[str, str, str]] = msgspec.field(default_factory=dict)
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    functions: list[Description] = msgspec.field(default_factory=list)
    invoke_configs: dict[str, list[Description]] = msgspec.field(default_factory=dict)
    event_sources: list[Description] = msgspec.field(default_factory=list)
    buckets: list[Description] = msgspec.field(default_factory=list)
    bucket_events: dict[str, Description] = msgspec.field(default_factory=dict)
    queue_urls: list[str] = msgspec.field(default_factory=list)
    topics: list[Description] = msgspec.field(default_factory=list)
    subscriptions: list[Description] = msgspec.field(default_factory=list)
    tables: list[str] = msgspec.field(default_factory=list)
    buses: list[Description] = msgspec.field(default_factory=list)
    rules: list[Description] = msgspec.field(default_factory=list)
    targets: dict[str, list[Description]] = msgspec.field(default_factory=dict)
    endpoints: list[Description] = msgspec.field(default_factory=list)
    phone_numbers: list[Description] = msgspec.field(default_factory=list)


class Counts(msgspec.Struct):
    """What changes from second to second."""

    queues: dict[str, Description] = msgspec.field(default_factory=dict)
    tables: dict[str, Description] = msgspec.field(default_factory=dict)
    buckets: dict[str, tuple[int, int, bool]] = msgspec.field(default_factory=dict)
    """Bucket → objects, bytes, and whether there are more than were counted."""


async def read_inventory(asker: Asker) -> Inventory:
    """Ask for everything that a deployment decides."""
    inventory = Inventory(asker.account, asker.region)
    await _read_stacks(asker, inventory)
    await _read_functions(asker, inventory)
    await _read_buckets(asker, inventory)
    await _read_events(asker, inventory)
    async for page in asker.pages("sqs", "ListQueues", NEXT_TOKEN, MaxResults=1000):
        inventory.queue_urls += page.get("QueueUrls") or []
    async for page in asker.pages("sns", "ListTopics", NEXT_TOKEN):
        inventory.topics += page.get("Topics") or []
    async for page in asker.pages("sns", "ListSubscriptions", NEXT_TOKEN):
        inventory.subscriptions += page.get("Subscriptions") or []
    token = ("LastEvaluatedTableName", "ExclusiveStartTableName")
    async for page in asker.pages("dynamodb", "ListTables", token):
        inventory.tables += page.get("TableNames") or []
    async for page in asker.pages("sagemaker", "ListEndpoints", NEXT_TOKEN):
        inventory.endpoints += page.get("Endpoints") or []
    output = await asker.ask("pinpoint-sms-voice-v2", "DescribePhoneNumbers")
    inventory.phone_numbers = list(output.get("PhoneNumbers") or [])
    return inventory


async def read_counts(asker: Asker, inventory: Inventory) -> Counts:
    """Ask for depths and sizes."""
    counts = Counts()
    for url in inventory.queue_urls:
        output = await asker.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        counts.queues[url] = output.get("Attributes") or {}
    for table in inventory.tables:
        output = await asker.ask("dynamodb", "DescribeTable", TableName=table)
        counts.tables[table] = output.get("Table") or {}
    for bucket in inventory.buckets:
        output = await asker.ask(
            "s3", "ListObjectsV2", Bucket=bucket["Name"], MaxKeys=OBJECTS_COUNTED_MAX
        )
        objects = output.get("Contents") or []
        size_bytes = sum(int(entry.get("Size") or 0) for entry in objects)
        is_cut = bool(output.get("IsTruncated"))
        counts.buckets[bucket["Name"]] = (len(objects), size_bytes, is_cut)
    return counts


async def _read_stacks(asker: Asker, inventory: Inventory) -> None:
    async for page in asker.pages("cloudformation", "DescribeStacks", NEXT_TOKEN):
        inventory.stacks += page.get("Stacks") or []
    for stack in inventory.stacks:
        name = stack["StackName"]
        for output in stack.get("Outputs") or []:
            inventory.outputs[output["OutputKey"]] = output["OutputValue"]
        pages = asker.pages("cloudformation", "ListStackResources", NEXT_TOKEN, StackName=name)
        async for page in pages:
            for resource in page.get("StackResourceSummaries") or []:
                physical = resource.get("PhysicalResourceId")
                # A bucket's policy and a function's version go by the same names as the things
                # themselves.
                if physical and resource["ResourceType"] in NODE_TYPES:
                    known = (name, resource["LogicalResourceId"], resource["ResourceType"])
                    inventory.stack_resources[physical] = known


async def _read_functions(asker: Asker, inventory: Inventory) -> None:
    async for page in asker.pages("lambda", "ListFunctions", ("NextMarker", "Marker")):
        inventory.functions += page.get("Functions") or []
    token = ("NextMarker", "Marker")
    async for page in asker.pages("lambda", "ListEventSourceMappings", token):
        inventory.event_sources += page.get("EventSourceMappings") or []
    for function in inventory.functions:
        name = function["FunctionName"]
        output = await asker.ask("lambda", "ListFunctionEventInvokeConfigs", FunctionName=name)
        inventory.invoke_configs[name] = output.get("FunctionEventInvokeConfigs") or []


async def _read_buckets(asker: Asker, inventory: Inventory) -> None:
    output = await asker.ask("s3", "ListBuckets")
    inventory.buckets = list(output.get("Buckets") or [])
    for bucket in inventory.buckets:
        name = bucket["Name"]
        events = await asker.ask("s3", "GetBucketNotificationConfiguration", Bucket=name)
        inventory.bucket_events[name] = events


async def _read_events(asker: Asker, inventory: Inventory) -> None:
    async for page in asker.pages("events", "ListEventBuses", NEXT_TOKEN):
        inventory.buses += page.get("EventBuses") or []
    for bus in inventory.buses:
        name = bus["Name"]
        async for page in asker.pages("events", "ListRules", NEXT_TOKEN, EventBusName=name):
            inventory.rules += page.get("Rules") or []
    for rule in inventory.rules:
        bus_name = rule.get("EventBusName", "default")
        output = await asker.ask(
            "events", "ListTargetsByRule", Rule=rule["Name"], EventBusName=bus_name
        )
        inventory.targets[rule["Arn"]] = output.get("Targets") or []
