"""Every type's create and delete bear a repetition: after a crash the same step runs again.

``STEPS`` holds each type once, in an order in which each finds what it needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fault.simulation import Simulation, crash_everywhere

from pileus.kernel.resources import Resource, ResourceRequest
from pileus.services.cloudformation.engine.work import is_gone
from pileus.services.media.parts import MediaSettings, add_media_parts
from pileus.testing.compute import ScriptedCompute, package
from pileus.testing.fake_intakes import FakeIntakes
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.fake_tasks import ContainerProgram
from pileus.testing.platform import Disks, MemoryPlatform, Preparation
from pileus.testing.tasks import ScriptedTasks
from pileus.values.errors import ServiceError

ACCOUNT = "000000000000"
SPACE = (ACCOUNT, "us-east-1", "cloudformation")
_TRUSTED = {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}}  # fmt: skip
_TRUST = {"Version": "2012-10-17", "Statement": [_TRUSTED]}
_ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
_RESOURCE_POLICY = {"Version": "2012-10-17", "Statement": [_ANYBODY]}
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
_CODE = {"ZipFile": "def handler(event, context):\n    return 1\n"}

_ENGINE = {"ZipFile": "def detect(frames, context):\n    return None\n"}


def _arn(service: str, rest: str, region: str = "us-east-1") -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


ROLE = _arn("iam", "role/worker", "")
TOPIC, QUEUE, FUNCTION = _arn("sns", "t"), _arn("sqs", "q"), _arn("lambda", "function:f")
STREAM = _arn("kinesis", "stream/s")
MODEL = {
    "Image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/x:1",
    "ModelDataUrl": "s3://b/m.tar.gz",
}
VARIANT = {"ModelName": "m", "VariantName": "v", "InitialInstanceCount": 1,
           "InstanceType": "ml.m5.large", "InitialVariantWeight": 1}  # fmt: skip
KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
KEY_TYPES = [{"AttributeName": "id", "AttributeType": "S"}]

# In an order in which each finds what it needs; deleted from the end.
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("AWS::IAM::Role", {"RoleName": "worker", "AssumeRolePolicyDocument": _TRUST}),
    ("AWS::IAM::User", {"UserName": "u"}),
    ("AWS::IAM::Group", {"GroupName": "g"}),
    ("AWS::IAM::InstanceProfile", {"InstanceProfileName": "i", "Roles": ["worker"]}),
    ("AWS::IAM::ManagedPolicy", {"ManagedPolicyName": "mp", "PolicyDocument": _POLICY}),
    ("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": _POLICY, "Roles": ["worker"]}),
    ("AWS::IAM::RolePolicy", {"PolicyName": "rp", "PolicyDocument": _POLICY, "RoleName": "worker"}),
    ("AWS::S3::Bucket", {"BucketName": "bucket"}),
    ("AWS::S3::BucketPolicy", {"Bucket": "bucket", "PolicyDocument": {
        "Version": "2012-10-17", "Statement": [{**_ANYBODY, "Principal": {"AWS": ROLE}, "Resource": "arn:aws:s3:::bucket/*"}]}}),
    ("AWS::SQS::Queue", {"QueueName": "q"}),
    ("AWS::SQS::QueuePolicy", {"Queues": ["http://localhost/000000000000/q"], "PolicyDocument": {
        "Version": "2012-10-17", "Statement": [{**_ANYBODY, "Action": "sqs:SendMessage"}]}}),
    ("AWS::SNS::Topic", {"TopicName": "t"}),
    ("AWS::SNS::TopicPolicy", {"Topics": [TOPIC], "PolicyDocument": {
        "Version": "2012-10-17", "Statement": [{**_ANYBODY, "Action": "sns:Publish"}]}}),
    ("AWS::SNS::Subscription", {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE}),
    ("AWS::ECR::Repository", {"RepositoryName": "images"}),
    ("AWS::ECS::Cluster", {"ClusterName": "cluster"}),
    ("AWS::ECS::TaskDefinition", {"Family": "family", "ContainerDefinitions": [
        {"Name": "main", "Image": "forever", "Memory": "128"}]}),
    ("AWS::ECS::Service", {"ServiceName": "service", "Cluster": "cluster",
        "TaskDefinition": "family", "DesiredCount": "0"}),
    ("AWS::SSM::Parameter", {"Name": "/p", "Type": "String", "Value": "v"}),
    ("AWS::SecretsManager::Secret", {"Name": "secret", "GenerateSecretString": {}}),
    ("AWS::SecretsManager::ResourcePolicy", {"SecretId": "secret",
        "ResourcePolicy": _RESOURCE_POLICY}),
    ("AWS::DynamoDB::Table", {"TableName": "table", "KeySchema": KEYS,
        "AttributeDefinitions": KEY_TYPES, "BillingMode": "PAY_PER_REQUEST"}),
    ("AWS::CloudWatch::Alarm", {"AlarmName": "alarm", "Namespace": "n", "MetricName": "m",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [TOPIC]}),
    ("AWS::CloudWatch::CompositeAlarm", {"AlarmName": "either", "AlarmRule": "ALARM(alarm)"}),
    ("AWS::CloudWatch::Dashboard", {"DashboardName": "board", "DashboardBody": "{}"}),
    ("AWS::Logs::LogGroup", {"LogGroupName": "/g"}),
    ("AWS::Logs::LogStream", {"LogGroupName": "/g", "LogStreamName": "s"}),
    ("AWS::Lambda::LayerVersion", {"LayerName": "l", "Content": {"S3Bucket": "bucket", "S3Key": "k"}}),
    ("AWS::Lambda::CodeSigningConfig", {"AllowedPublishers": {"SigningProfileVersionArns": [
        _arn("signer", "/signing-profiles/p/v1")]}}),
    ("AWS::Lambda::Function", {"FunctionName": "f", "Runtime": "python3.11", "Code": _CODE,
        "Handler": "index.handler", "Role": ROLE, "ReservedConcurrentExecutions": 2}),
    ("AWS::Lambda::Version", {"FunctionName": "f"}),
    ("AWS::SecretsManager::RotationSchedule", {"SecretId": "secret", "RotationLambdaARN": FUNCTION,
        "RotationRules": {"AutomaticallyAfterDays": 30}}),
    ("AWS::Lambda::Alias", {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}),
    ("AWS::Lambda::EventInvokeConfig", {"FunctionName": "f", "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0}),
    ("AWS::Lambda::EventSourceMapping", {"FunctionName": "f", "EventSourceArn": QUEUE}),
    ("AWS::Lambda::Url", {"TargetFunctionArn": FUNCTION, "AuthType": "NONE", "Cors": {"MaxAge": "5"}}),
    ("AWS::Lambda::Permission", {"FunctionName": "f", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com"}),
    ("AWS::Logs::SubscriptionFilter", {"LogGroupName": "/g", "FilterPattern": "",
        "DestinationArn": FUNCTION}),
    ("AWS::Logs::MetricFilter", {"LogGroupName": "/g", "FilterPattern": "x",
        "MetricTransformations": [
            {"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1", "DefaultValue": 0}]}),
    ("AWS::Events::EventBus", {"Name": "bus"}),
    ("AWS::Kinesis::Stream", {"Name": "s", "ShardCount": 1, "RetentionPeriodHours": 48}),
    ("AWS::Kinesis::StreamConsumer", {"StreamARN": STREAM, "ConsumerName": "c"}),
    ("AWS::Kinesis::ResourcePolicy", {"ResourceArn": STREAM, "ResourcePolicy": {"Statement": []}}),
    ("AWS::Events::Rule", {"Name": "r", "EventPattern": {"source": ["x"]},
        "Targets": [{"Id": "1", "Arn": QUEUE}]}),
    ("AWS::Events::Archive", {"ArchiveName": "a", "SourceArn": _arn("events", "event-bus/default")}),
    ("AWS::StepFunctions::StateMachine", {"StateMachineName": "machine", "RoleArn": ROLE,
        "DefinitionString": '{"StartAt": "${Name}", "States": {"${Name}": {"Type": "Succeed"}}}',
        "DefinitionSubstitutions": {"Name": "Done"}}),
    ("AWS::StepFunctions::Activity", {"Name": "activity"}),
    ("Pileus::S3::BucketNotification", {"Bucket": "bucket", "LambdaConfigurations": [
        {"Event": "s3:ObjectCreated:*", "Function": FUNCTION}]}),
    ("AWS::SMSVOICE::PhoneNumber", {"IsoCountryCode": "US", "NumberType": "SIMULATOR",
        "NumberCapabilities": ["SMS"]}),
    ("AWS::SageMaker::Model", {"ModelName": "m", "ExecutionRoleArn": ROLE,
        "PrimaryContainer": MODEL}),
    ("Pileus::Media::Source", {"Name": "lobby", "Pull": "rtsp://h/1"}),
    ("Pileus::Media::Engine", {"Name": "people", "Handler": "index.detect", "Code": _ENGINE,
        "Input": {"Frames": {"Rate": 5}}}),
    ("Pileus::Media::Pipeline", {"Name": "newsroom", "Source": "lobby", "Engines": ["people"],
        "Deliver": {"Bus": "default"}}),
    ("AWS::KinesisVideo::Stream", {"Name": "door", "DataRetentionInHours": 2,
        "Tags": [{"Key": "floor", "Value": "1"}]}),
    ("AWS::SageMaker::EndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [VARIANT]}),
]  # fmt: skip
# CloudFormation's own are part of the engine (test_stack_crashes.py); an endpoint's create waits
# for a model that is fetched and checked (tests/services/sagemaker).
_EVERY = 5  # commits from one cut to the next: a stack of all takes two hundred
ELSEWHERE = ("AWS::CloudFormation::", "AWS::CDK::", "Custom::")


def _request(
    name: str, properties: dict[str, Any], made: Resource | None = None
) -> ResourceRequest:
    return ResourceRequest(
        type=name,
        logical_id="Thing",
        stack_id=_arn("cloudformation", "stack/app/1"),
        stack_name="app",
        properties=properties,
        token="ABCDEFGHIJKL",
        physical_id=made.physical_id if made else "",
        old_properties=properties if made else {},
        attributes=made.attributes if made else {},
    )


async def test_a_repeated_step_does_nothing_again(tmp_path: Path) -> None:
    compute = _compute(tmp_path)
    platform = await MemoryPlatform.start(Disks(), prepare=compute)
    call = platform.kernel.stream_call(SPACE)
    known = {name for name in call.resource_types() if not name.startswith(ELSEWHERE)}
    known -= {"AWS::SageMaker::Endpoint"}
    assert known == {name for name, _ in STEPS}, "each type has a step here"

    async def act(verb: str, name: str, request: ResourceRequest) -> Any:
        step = call.step(platform.context, name, f"{verb}-{name}")
        return await platform.clock.run(getattr(call.resource_type(name), verb)(step, request))

    made: list[Resource] = []
    for name, properties in STEPS:
        if name == "AWS::Lambda::LayerVersion":
            layer = package({"python/a.py": "A = 1\n"})
            await platform("s3", "PutObject", layer, Bucket="bucket", Key="k")
        first = await act("create", name, _request(name, properties))
        again = await act("create", name, _request(name, properties))
        assert again == first, name
        made.append(first)
    await platform("s3", "DeleteObject", Bucket="bucket", Key="k")
    for (name, properties), resource in reversed(list(zip(STEPS, made, strict=True))):
        await act("delete", name, _request(name, properties, resource))
        try:
            await act("delete", name, _request(name, properties, resource))
        except ServiceError as error:
            assert is_gone(error), error
    left = await platform("lambda", "ListFunctions")
    assert json.dumps(left["Functions"]) == "[]"


def _compute(folder: Path) -> Preparation:
    """What runs functions, tasks and engines."""
    functions = ScriptedCompute(folder, {"index.handler": Program(lambda *_: Answer(b"1"))})
    tasks = ScriptedTasks({"forever": ContainerProgram()})

    def prepare(platform: MemoryPlatform) -> None:
        functions(platform)
        tasks(platform)
        settings = MediaSettings(folder / "engines", "test-boot")
        media = add_media_parts(platform.kernel, functions.nodes, FakeIntakes(), settings)
        platform.clock.watch(lambda: media.code.is_working)

    return prepare


def _template() -> str:
    """One stack of nearly all of them, each after the one before."""
    resources: dict[str, Any] = {}
    for number, (name, properties) in enumerate(STEPS):
        if name == "AWS::Lambda::LayerVersion":
            continue  # Its content would lie in a bucket of the same stack.
        resources[f"R{number}"] = {"Type": name, "Properties": properties}
        if len(resources) > 1:
            resources[f"R{number}"]["DependsOn"] = list(resources)[-2]
    return json.dumps({"Resources": resources})


async def _rested(simulation: Simulation) -> str:
    for _ in range(200):
        found = (await simulation("cloudformation", "ListStacks"))["StackSummaries"]
        if not any(each["StackStatus"].endswith("IN_PROGRESS") for each in found):
            return str(found[0]["StackStatus"]) if found else ""
        await simulation.rest(1000)
    raise AssertionError(f"the stack never came to rest: {found}")


@pytest.mark.slow
async def test_a_stack_of_every_type_is_made_and_gone_whenever_the_power_goes(
    tmp_path: Path,
) -> None:
    compute = _compute(tmp_path)
    given = {"StackName": "app", "TemplateBody": _template(), "Capabilities": [
        "CAPABILITY_NAMED_IAM"]}  # fmt: skip

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation("cloudformation", "CreateStack", **given)
        await _rested(simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        assert await _rested(simulation) in ("", "CREATE_COMPLETE")
        await simulation("cloudformation", "DeleteStack", StackName="app")
        assert await _rested(simulation) in ("", "DELETE_COMPLETE")
        # Whatever was left would be in the way.
        await simulation("cloudformation", "CreateStack", **given)
        assert await _rested(simulation) == "CREATE_COMPLETE"

    lives = await crash_everywhere(
        scenario, check, 1, prepare=compute, every=_EVERY, is_cut_again=True
    )
    assert lives > 10
