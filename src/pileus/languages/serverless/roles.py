"""The execution role shared by the functions that name none of their own."""

from __future__ import annotations

from typing import Any

from pileus.languages.serverless.build import ROLE_ID, Build, custom_role
from pileus.languages.serverless.names import REGION
from pileus.languages.serverless.reading import Reading

_LOGS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/"


def add_role(build: Build) -> None:
    """Add ``IamRoleLambdaExecution`` where any function needs it.

    Raises:
        ServiceFileError: a statement that is none.
    """
    users = [name for name in build.functions if custom_role(build, name) is None]
    if not users:
        return
    role = build.provider["iam"]["role"]
    principals = ["lambda.amazonaws.com"]
    if any(item["Type"] == "AWS::Scheduler::Schedule" for item in build.resources.values()):
        principals.append("scheduler.amazonaws.com")
    properties: dict[str, Any] = {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": principals},
                    "Action": ["sts:AssumeRole"],
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": {"Fn::Join": ["-", [build.service, build.stage, "lambda"]]},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": _statements(build, users, role),
                },
            }
        ],
        "Path": role["path"].text() if role["path"] else "/",
        "RoleName": role["name"].text_or_function()
        if role["name"]
        else {"Fn::Join": ["-", [build.service, build.stage, REGION, "lambdaRole"]]},
    }
    if role["tags"]:
        properties["Tags"] = [
            {"Key": key, "Value": value.text()} for key, value in role["tags"].items()
        ]
    boundary = role["permissionsBoundary"] or role["permissionBoundary"]
    if boundary:
        properties["PermissionsBoundary"] = boundary.text_or_function()
    policies = role["managedPolicies"] or build.provider["iamManagedPolicies"]
    if policies:
        properties["ManagedPolicyArns"] = [item.text_or_function() for item in policies.entries()]
    build.add(ROLE_ID, "AWS::IAM::Role", properties)


def _statements(build: Build, users: list[str], role: Reading) -> list[dict[str, Any]]:
    result = _log_statements(build, users)
    own = role["statements"] or build.provider["iamRoleStatements"]
    result += [_statement(item) for item in own.entries()]
    tracing = any(
        "TracingConfig" in resource["Properties"]
        for resource in build.resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    )
    if tracing:
        result.append(
            {
                "Effect": "Allow",
                "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
                "Resource": ["*"],
            }
        )
    for name in users:
        function = build.functions[name]
        if function["onError"]:
            result.append(_allowed(["sns:Publish"], function["onError"].value))
        if function["kmsKeyArn"]:
            result.append(_allowed(["kms:Decrypt"], function["kmsKeyArn"].value))
    return result + build.statements + _durable_statements(build, users)


def _durable_statements(build: Build, users: list[str]) -> list[dict[str, Any]]:
    """What durable functions call while they run."""
    prefix = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
    resources = [
        {"Fn::Sub": f"{prefix}{build.function_name(name)}:*/durable-execution/*/*"}
        for name in users
        if build.functions[name]["durableConfig"]
    ]
    if not resources:
        return []
    actions = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"]
    return [{"Effect": "Allow", "Action": actions, "Resource": resources}]


def _allowed(actions: list[str], resource: Any) -> dict[str, Any]:
    if isinstance(resource, str) and resource.split(":")[2:3] == ["sqs"]:
        actions = ["sqs:SendMessage"]
    return {"Effect": "Allow", "Action": actions, "Resource": [resource]}


def _log_statements(build: Build, users: list[str]) -> list[dict[str, Any]]:
    prefix = f"{build.service}-{build.stage}"
    names = [build.function_name(name) for name in users]
    groups = [name for name in names if not name.startswith(prefix)]
    if len(groups) < len(names):
        groups.append(f"{prefix}*")
    result = [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:CreateLogGroup", "logs:TagResource"],
            "Resource": [{"Fn::Sub": f"{_LOGS}{group}:*"} for group in groups],
        },
        {
            "Effect": "Allow",
            "Action": ["logs:PutLogEvents"],
            "Resource": [{"Fn::Sub": f"{_LOGS}{group}:*:*"} for group in groups],
        },
    ]
    silent = [name for name in users if build.functions[name]["disableLogs"].boolean(False)]
    if silent:
        result.append(
            {
                "Effect": "Deny",
                "Action": "logs:PutLogEvents",
                "Resource": [
                    {"Fn::Sub": f"{_LOGS}{build.function_name(name)}:*"} for name in silent
                ],
            }
        )
    return result


def _statement(place: Reading) -> dict[str, Any]:
    place["Effect"].one_of("Allow", "Deny")
    statement = dict(place.mapping())
    if not any(key in statement for key in ("Action", "NotAction")):
        raise place.expected("a statement with Action")
    if not any(key in statement for key in ("Resource", "NotResource")):
        raise place.expected("a statement with Resource")
    for key in ("Action", "NotAction"):
        if isinstance(statement.get(key), str):
            statement[key] = [statement[key]]
    return statement
