"""IAM policies: refusals in IAM's words, and what policies say about requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.languages.iam_policy import MalformedPolicy, evaluate, parse_policy
from pileus.values.context import Principal

ACCOUNT = "123456789012"
USER = Principal(f"arn:aws:iam::{ACCOUNT}:user/ann", ACCOUNT)
SESSION = Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1", ACCOUNT)
OTHER = Principal("arn:aws:iam::999999999999:user/bob", "999999999999")
BASE: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def outcome(
    statement: dict[str, Any],
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::b/k",
    context: dict[str, Any] | None = None,
) -> str:
    return evaluate([parse_policy(document({**BASE, **statement}))], action, resource, context)


@pytest.mark.parametrize(
    ("pattern", "action", "result"),
    [
        ("*", "s3:GetObject", "allow"),
        ("s3:*", "s3:GetObject", "allow"),
        ("S3:getobject", "s3:GetObject", "allow"),
        ("s3:Get*", "s3:PutObject", "implicit"),
        ("s3:Get?bject", "s3:GetObject", "allow"),
        (["sqs:*", "s3:Put*"], "s3:PutObject", "allow"),
    ],
)
def test_actions(pattern: Any, action: str, result: str) -> None:
    assert outcome({"Action": pattern}, action) == result


def test_not_action_and_not_resource() -> None:
    excepting = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"}
    policies = [parse_policy(document(excepting))]
    assert evaluate(policies, "s3:GetObject", "arn:aws:s3:::b/k") == "allow"
    assert evaluate(policies, "iam:GetUser", "arn:aws:s3:::b/k") == "implicit"
    assert evaluate(policies, "s3:GetObject", "arn:aws:s3:::secret/k") == "implicit"


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        ("arn:aws:s3:::b/*", "allow"),
        ("arn:aws:s3:::b", "implicit"),
        ("arn:aws:s3:::?/k", "allow"),
        ("arn:aws:s3:::B/*", "implicit"),
        ("arn:*:s3:::b/k", "allow"),
        ("arn:aws:s3:::${aws:username}/*", "allow"),
        ("arn:aws:s3:::${aws:missing}/*", "implicit"),
        ("arn:aws:s3:::${aws:missing, 'b'}/*", "allow"),
        ("arn:aws:s3:::b/${*}", "implicit"),
    ],
)
def test_resources(pattern: str, result: str) -> None:
    assert outcome({"Resource": pattern}, context={"aws:UserName": "b"}) == result


def test_the_value_of_a_variable_is_no_pattern() -> None:
    statement = {"Resource": "arn:aws:s3:::${aws:username}/*"}
    assert outcome(statement, context={"aws:username": "*"}) == "implicit"


def test_an_explicit_denial_wins() -> None:
    denied = parse_policy(document({**BASE, "Effect": "Deny"}))
    allowed = parse_policy(document(BASE))
    assert evaluate([allowed, denied], "s3:GetObject", "*") == "deny"
    assert evaluate([denied, allowed], "s3:GetObject", "*") == "deny"
    assert evaluate([], "s3:GetObject", "*") == "implicit"


CONTEXT = {
    "aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:topic",
    "aws:SourceIp": "10.0.0.9",
    "aws:SecureTransport": True,
    "aws:CurrentTime": "2026-11-21T10:00:00Z",
    "aws:EpochTime": 1795255200,
    "s3:max-keys": 10,
    "aws:TagKeys": ["stage", "team"],
    "aws:username": "Ann",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:username": ["Bob", "Ann"]}}, True),
        ({"StringEquals": {"AWS:USERNAME": "ann"}}, False),
        ({"StringEquals": {"aws:username": "${aws:username}"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "ann"}}, True),
        ({"StringNotEquals": {"aws:username": ["Bob", "Ann"]}}, False),
        ({"StringNotEquals": {"aws:missing": "x"}}, True),
        ({"StringEquals": {"aws:missing": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:missing": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:username": "x"}}, False),
        ({"StringLike": {"aws:username": "A?n*"}}, True),
        ({"StringNotLike": {"aws:username": "A*"}}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, False),
        ({"NumericNotEquals": {"s3:max-keys": 11}}, True),
        ({"NumericEquals": {"aws:username": 11}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:EpochTime": "2026-01-01T00:00:00Z"}}, False),
        ({"DateGreaterThanEquals": {"aws:EpochTime": 1795255200}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": False}}, False),
        ({"IpAddress": {"aws:SourceIp": ["192.168.0.0/16", "10.0.0.0/24"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.9"}}, False),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:sqs:*:*:*"}}, False),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:*:x"}}, True),
        ({"Null": {"aws:missing": "true"}}, True),
        ({"Null": {"aws:username": True}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage", "team", "x"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:missing": ["stage"]}}, True),
        ({"ForAnyValue:StringLike": {"aws:TagKeys": "st*"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:missing": "x"}}, False),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["x"]}}, True),
        (
            {"StringEquals": {"aws:username": "Ann"}, "Bool": {"aws:SecureTransport": "false"}},
            False,
        ),
    ],
    ids=json.dumps,
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    assert outcome({"Condition": condition}, context=CONTEXT) == ("allow" if holds else "implicit")


def test_variables_need_the_newer_version() -> None:
    statement = {**BASE, "Principal": "*", "Resource": "arn:aws:s3:::${aws:username}"}
    old = parse_policy(document(statement, version="2008-10-17"), "resource")
    literal = "arn:aws:s3:::${aws:username}"
    assert evaluate([old], "s3:GetObject", literal, principal=USER) == "allow"


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ("*", [USER, SESSION, OTHER]),
        ({"AWS": "*"}, [USER, SESSION, OTHER]),
        ({"AWS": ACCOUNT}, [USER, SESSION]),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, [USER, SESSION]),
        ({"AWS": [USER.arn]}, [USER]),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/path/worker"}, [SESSION]),
        ({"AWS": SESSION.arn}, [SESSION]),
        ({"Service": "sns.amazonaws.com"}, []),
    ],
    ids=str,
)
def test_principals(principal: Any, allowed: list[Principal]) -> None:
    policy = parse_policy(document({**BASE, "Principal": principal}), "resource")
    for who in (USER, SESSION, OTHER):
        wanted = "allow" if who in allowed else "implicit"
        assert evaluate([policy], "s3:GetObject", "*", principal=who) == wanted


def test_services_and_exclusions() -> None:
    service = Principal.service("sns.amazonaws.com", ACCOUNT)
    named = {**BASE, "Principal": {"Service": ["lambda.amazonaws.com", "sns.amazonaws.com"]}}
    policy = parse_policy(document(named), "resource")
    assert evaluate([policy], "s3:GetObject", "*", principal=service) == "allow"
    excluding = {**BASE, "Effect": "Deny", "NotPrincipal": {"AWS": USER.arn}}
    policy = parse_policy(document(excluding), "resource")
    assert evaluate([policy], "s3:GetObject", "*", principal=USER) == "implicit"
    assert evaluate([policy], "s3:GetObject", "*", principal=OTHER) == "deny"
    assert evaluate([policy], "s3:GetObject", "*") == "implicit"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in BASE.items() if key != name}


SYNTAX = "Syntax errors in policy."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", SYNTAX),
        ([], SYNTAX),
        ({}, SYNTAX),
        ({"Version": "2012-10-17", "Statement": []}, SYNTAX),
        ({"Version": "2013-10-17", "Statement": BASE}, SYNTAX),
        ({"Statement": BASE}, "Policy document must be version 2012-10-17 or greater."),
        (
            {"Version": "2008-10-17", "Statement": BASE},
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (document({**BASE, "Extra": 1}), SYNTAX),
        (document(without("Effect")), SYNTAX),
        (document({**BASE, "Effect": "allow"}), SYNTAX),
        (document({**BASE, "NotAction": "x"}), SYNTAX),
        (document({**BASE, "Condition": {"Like": {"a": "b"}}}), SYNTAX),
        (document({**BASE, "Condition": ["x"]}), SYNTAX),
        (document(without("Action")), "Policy statement must contain actions."),
        (document(without("Resource")), "Policy statement must contain resources."),
        (document({**BASE, "Resource": []}), "Policy statement must contain resources."),
        (
            document({**BASE, "Action": "GetObject"}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (document({**BASE, "Action": "a a:B"}), "Vendor a a is not valid"),
        (
            document({**BASE, "Action": "s3:a:b"}),
            "Actions/Condition can contain only one colon.",
        ),
        (
            document({**BASE, "Resource": "bucket"}),
            'Resource bucket must be in ARN format or "*".',
        ),
        (
            document({**BASE, "Resource": "arn:error:s3:::b"}),
            'Partition "error" is not valid for resource "arn:error:s3:::b".',
        ),
        (document({**BASE, "Resource": "arn:aws:s3"}), "The policy failed legacy parsing"),
        (
            document({**BASE, "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}),
            "The policy failed legacy parsing",
        ),
        (
            document({**BASE, "Sid": "a"}, {**BASE, "Sid": "a"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            document({**BASE, "Principal": "*"}),
            "Policy document should not specify a principal.",
        ),
    ],
)
def test_refused_identity_policies(text: Any, message: str) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        parse_policy(text if isinstance(text, str) else json.dumps(text))
    assert (caught.value.code, caught.value.message) == ("MalformedPolicyDocument", message)


TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({**TRUST, "Resource": "*"}, "Has prohibited field Resource"),
        (
            {**TRUST, "Action": "s3:GetObject"},
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ({**TRUST, "Principal": {"User": "x"}}, SYNTAX),
    ],
)
def test_refused_trust_policies(statement: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        parse_policy(document(statement), "trust")
    assert caught.value.message == message


def test_trust_policies_decide_who_may_assume() -> None:
    policy = parse_policy(document(TRUST), "trust")
    assert evaluate([policy], "sts:AssumeRole", "*", principal=USER) == "allow"
    assert evaluate([policy], "sts:AssumeRole", "*", principal=OTHER) == "implicit"
