"""AWS managed policies: every one can be attached by its ARN; the texts of common ones are known.

The documents are facts, taken from the reference
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import orjson

PREFIX = "arn:aws:iam::aws:policy/"
CREATED_MS = 1_423_187_000_000
"""Told as the creation date of each: 6 February 2015, when most of them came to be."""
_NAME = re.compile(r"([A-Za-z0-9.,+@=_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}")

Allowed = tuple[tuple[str, ...], str | tuple[str, ...]]
"""Actions and resources of one statement."""

_LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
_PULL = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
)

_STATEMENTS: dict[str, tuple[Allowed, ...]] = {
    "AdministratorAccess": ((("*",), "*"),),
    "AWSLambdaInvocation-DynamoDB": (
        (("lambda:InvokeFunction",), "*"),
        (
            (
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ),
            "*",
        ),
    ),
    "AWSXRayDaemonWriteAccess": (
        (
            (
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:GetSamplingStatisticSummaries",
            ),
            "*",
        ),
    ),
    "AWSXrayWriteOnlyAccess": (
        (
            (
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:GetSamplingStatisticSummaries",
            ),
            "*",
        ),
    ),
    "AmazonS3FullAccess": ((("s3:*", "s3-object-lambda:*"), "*"),),
    "AmazonS3ReadOnlyAccess": (
        (
            (
                "s3:Get*",
                "s3:List*",
                "s3:Describe*",
                "s3-object-lambda:Get*",
                "s3-object-lambda:List*",
            ),
            "*",
        ),
    ),
    "AmazonSNSFullAccess": ((("sns:*",), "*"),),
    "AmazonSNSReadOnlyAccess": (
        (
            (
                "sns:GetTopicAttributes",
                "sns:List*",
                "sns:CheckIfPhoneNumberIsOptedOut",
                "sns:GetEndpointAttributes",
                "sns:GetDataProtectionPolicy",
                "sns:GetPlatformApplicationAttributes",
                "sns:GetSMSAttributes",
                "sns:GetSMSSandboxAccountStatus",
                "sns:GetSubscriptionAttributes",
            ),
            "*",
        ),
    ),
    "AmazonSQSFullAccess": ((("sqs:*",), "*"),),
    "AmazonSQSReadOnlyAccess": (
        (
            (
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListDeadLetterSourceQueues",
                "sqs:ListQueues",
                "sqs:ListMessageMoveTasks",
                "sqs:ListQueueTags",
            ),
            "*",
        ),
    ),
    "AmazonSSMReadOnlyAccess": ((("ssm:Describe*", "ssm:Get*", "ssm:List*"), "*"),),
    "AmazonKinesisFullAccess": ((("kinesis:*",), "*"),),
    "AmazonKinesisReadOnlyAccess": ((("kinesis:Get*", "kinesis:List*", "kinesis:Describe*"), "*"),),
    "AmazonRekognitionFullAccess": ((("rekognition:*",), "*"),),
    "AmazonPollyFullAccess": ((("polly:*",), "*"),),
    "AmazonEC2ContainerRegistryReadOnly": (
        (
            (
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:GetRepositoryPolicy",
                "ecr:DescribeRepositories",
                "ecr:ListImages",
                "ecr:DescribeImages",
                "ecr:BatchGetImage",
                "ecr:GetLifecyclePolicy",
                "ecr:GetLifecyclePolicyPreview",
                "ecr:ListTagsForResource",
                "ecr:DescribeImageScanFindings",
            ),
            "*",
        ),
    ),
    "AmazonAPIGatewayInvokeFullAccess": (
        (
            ("execute-api:Invoke", "execute-api:ManageConnections"),
            "arn:aws:execute-api:*:*:*",
        ),
    ),
    "AmazonAPIGatewayAdministrator": ((("apigateway:*",), "arn:aws:apigateway:*::/*"),),
    "CloudWatchLogsReadOnlyAccess": (
        (
            (
                "logs:Describe*",
                "logs:Get*",
                "logs:List*",
                "logs:StartQuery",
                "logs:StopQuery",
                "logs:TestMetricFilter",
                "logs:FilterLogEvents",
                "logs:StartLiveTail",
                "logs:StopLiveTail",
                "cloudwatch:GenerateQuery",
            ),
            "*",
        ),
    ),
    "CloudWatchLogsFullAccess": ((("logs:*", "cloudwatch:GenerateQuery"), "*"),),
    "AWSStepFunctionsFullAccess": ((("states:*",), "*"),),
    "service-role/AWSLambdaBasicExecutionRole": ((_LOGS, "*"),),
    "service-role/AWSLambdaVPCAccessExecutionRole": ((_LOGS + _NETWORK, "*"),),
    "service-role/AWSLambdaENIManagementAccess": ((_NETWORK, "*"),),
    "service-role/AWSLambdaRole": ((("lambda:InvokeFunction",), "*"),),
    "service-role/AWSLambdaSQSQueueExecutionRole": (
        (
            ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", *_LOGS),
            "*",
        ),
    ),
    "service-role/AWSLambdaDynamoDBExecutionRole": (
        (
            (
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
                *_LOGS,
            ),
            "*",
        ),
    ),
    "service-role/AWSLambdaKinesisExecutionRole": (
        (
            (
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
                "kinesis:ListStreams",
                "kinesis:SubscribeToShard",
                *_LOGS,
            ),
            "*",
        ),
    ),
    "service-role/AmazonECSTaskExecutionRolePolicy": (
        ((*_PULL, "logs:CreateLogStream", "logs:PutLogEvents"), "*"),
    ),
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": (
        (
            (
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
                "logs:GetLogEvents",
                "logs:FilterLogEvents",
            ),
            "*",
        ),
    ),
}


def is_aws_managed(arn: str) -> bool:
    """True for the ARN that an AWS managed policy may have."""
    return arn.startswith(PREFIX) and _NAME.fullmatch(arn[len(PREFIX) :]) is not None


def document(arn: str) -> str | None:
    """The policy's text, or None where this house does not know it."""
    statements = _STATEMENTS.get(arn.removeprefix(PREFIX))
    if statements is None:
        return None
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": _action(actions), "Resource": resources}
            for actions, resources in statements
        ],
    }
    return orjson.dumps(policy).decode()


def _action(actions: tuple[str, ...]) -> str | list[str]:
    return "*" if actions == ("*",) else list(actions)


def known_arns() -> list[str]:
    """The policies whose texts are known, in order."""
    return [PREFIX + name for name in sorted(_STATEMENTS)]


def facts(arn: str) -> dict[str, Any]:
    """Name, path and the (made up, but constant) id."""
    path, _, name = arn.removeprefix(PREFIX).rpartition("/")
    digest = hashlib.sha256(arn.encode()).digest()
    return {
        "PolicyName": name,
        "PolicyId": "ANPA" + base64.b32encode(digest[:15]).decode()[:17],
        "Arn": arn,
        "Path": f"/{path}/" if path else "/",
    }
