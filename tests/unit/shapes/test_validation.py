from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pileus.shapes.validation import Violation, validator, violation_error, violation_message

FUNCTION: dict[str, Any] = {
    "FunctionName": "f",
    "Role": "arn:aws:iam::000000000000:role/r",
    "Code": {"ZipFile": b"zip"},
    "Handler": "a.b",
    "Runtime": "python3.11",
}


def told(service: str, operation: str, given: dict[str, Any]) -> str:
    return violation_message(validator(service, operation)(given))


def test_right_input_has_no_violations() -> None:
    assert validator("lambda", "CreateFunction")(FUNCTION) == []
    assert validator("sts", "GetCallerIdentity")({}) == []


def test_unknown_members_and_missing_idempotency_tokens_are_no_violations() -> None:
    assert validator("sqs", "ListQueues")({"Nonesuch": 1}) == []
    # ClientToken of RunTask and of SSM's StartAutomation are filled in by clients or by AWS.
    assert validator("ecs", "RunTask")({"taskDefinition": "t"}) == []


def test_a_stream_that_must_be_given_comes_beside_the_input() -> None:
    assert validator("lambda", "InvokeAsync")({"FunctionName": "f"}) == []
    assert "functionName" in told("lambda", "InvokeAsync", {})


def test_a_missing_member() -> None:
    assert told("sqs", "SendMessage", {"QueueUrl": "u"}) == (
        "1 validation error detected: Value null at 'messageBody' failed to satisfy constraint: "
        "Member must not be null"
    )
    assert "messageBody" in told("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": None})


def test_length_pattern_and_enum() -> None:
    assert told("dynamodb", "DescribeTable", {"TableName": ""}) == (
        "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
    assert told("iam", "GetRole", {"RoleName": "a b"}) == (
        "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w+=,.@-]+"
    )
    assert told("lambda", "Invoke", {"FunctionName": "f", "InvocationType": "Later"}) == (
        "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
    )


def test_numbers() -> None:
    assert told("lambda", "CreateFunction", {**FUNCTION, "MemorySize": 1}) == (
        "1 validation error detected: Value '1' at 'memorySize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 128"
    )


def test_several_are_told_together() -> None:
    text = told("iam", "CreateRole", {"RoleName": "a b"})
    assert text.startswith("2 validation errors detected: ")
    assert "; Value null at 'assumeRolePolicyDocument'" in text


def test_elements_of_a_collection_are_told_of_the_collection() -> None:
    assert told(
        "lambda",
        "TagResource",
        {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Tags": {"k" * 129: "v"}},
    ) == (
        f"1 validation error detected: Value '{{{'k' * 129}=v}}' at 'tags' failed to satisfy "
        "constraint: Map keys must satisfy constraint: [Member must have length less than or equal "
        "to 128, Member must have length greater than or equal to 1, Member must satisfy regular "
        r"expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]"
    )


def test_members_inside_elements_have_a_path() -> None:
    violations = validator("iam", "TagRole")(
        {"RoleName": "r", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]}
    )
    assert [(each.path, each.kind) for each in violations] == [
        ("tags.2.member.key", "min"),
        ("tags.2.member.key", "pattern"),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"QueueName": 3}, "NUMBER_VALUE can not be converted to a String"),
        ({"QueueName": True}, "TRUE_VALUE can not be converted to a String"),
        ({"QueueName": []}, "Start of list found where not expected"),
        ({"QueueName": {}}, "Start of structure or map found where not expected."),
    ],
)
def test_wrong_types_are_told_alone(given: dict[str, Any], message: str) -> None:
    violations = validator("sqs", "CreateQueue")(given)
    assert violation_message(violations) == message
    assert violation_error("sqs", violations).code == "SerializationException"


def test_error_codes_follow_the_protocol() -> None:
    violation = [Violation("x", None, "Member must not be null", "missing")]
    assert violation_error("iam", violation).code == "ValidationError"
    assert violation_error("lambda", violation).code == "ValidationException"


def test_timestamps_may_be_moments_numbers_or_text() -> None:
    check = validator("logs", "PutLogEvents")
    events = {
        "logGroupName": "g",
        "logStreamName": "s",
        "logEvents": [{"timestamp": 1, "message": "m"}],
    }
    assert check(events) == []
    query = validator("events", "StartReplay")
    for moment in (datetime(2026, 1, 1, tzinfo=UTC), 1.5, "2026-01-01T00:00:00Z"):
        given = {
            "ReplayName": "r",
            "EventSourceArn": "arn:aws:events:us-east-1:000000000000:archive/a",
            "EventStartTime": moment,
            "EventEndTime": moment,
            "Destination": {"Arn": "arn:aws:events:us-east-1:000000000000:event-bus/default"},
        }
        assert query(given) == []


def test_recursion_ends_where_the_input_ends() -> None:
    check = validator("dynamodb", "PutItem")
    deep: dict[str, Any] = {"S": "x"}
    for _ in range(40):
        deep = {"L": [deep]}
    assert check({"TableName": "t", "Item": {"a": deep}}) == []
    assert violation_message(check({"TableName": "t", "Item": {"a": {"L": [{"S": 1}]}}})) == (
        "NUMBER_VALUE can not be converted to a String"
    )


def test_a_streamed_payload_is_not_looked_at() -> None:
    assert validator("s3", "PutObject")({"Bucket": "b", "Key": "k", "Body": object()}) == []
