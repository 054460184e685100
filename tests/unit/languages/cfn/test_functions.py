from typing import Any

import pytest

from pileus.languages.cfn import (
    KNOWN_AFTER_APPLY,
    Lookups,
    TemplateError,
    UnknownValues,
)

from .support import resolved, value_of

HEAD = """
Parameters:
  P: {Type: String, Default: pp}
  L: {Type: CommaDelimitedList, Default: 'x, y,z'}
  N: {Type: Number, Default: 3}
Mappings:
  M:
    eu-west-1: {ami: ami-1, list: [q, r]}
    '123': {k: v}
Conditions:
  Sure: !Equals [!Ref P, pp]
  Never: !Not [!Condition Sure]
  Both: !And [!Condition Sure, !Condition Never]
  Either: !Or [!Condition Sure, !Condition Never]
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref P", "pp"),
        ("!Ref L", ["x", "y", "z"]),
        ("!Ref N", "3"),
        ("!Ref A", "id-of-A"),
        ("!Ref AWS::AccountId", "123456789012"),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::StackName", "shop"),
        ("!Ref AWS::StackId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::NotificationARNs", ["arn:aws:sns:eu-west-1:123456789012:t"]),
        ("!Ref AWS::NoValue", "absent"),
        ("{a: !Ref AWS::NoValue, b: 1}", {"b": 1}),
        ("[1, !Ref AWS::NoValue]", [1]),
        ("!GetAtt A.Arn", "A/Arn"),
        ("!GetAtt A.Endpoint.Address", "A/Endpoint.Address"),
        ("{'Fn::GetAtt': [A, !Ref P]}", "A/pp"),
        ("!Join ['-', [a, !Ref P, 1, true]]", "a-pp-1-true"),
        ("!Join [',', !Ref L]", "x,y,z"),
        ("!Sub 'h ${P} ${A} ${A.Arn} ${!P} ${AWS::Region}'", "h pp id-of-A A/Arn ${P} eu-west-1"),
        ("!Sub ['${x}/${P}', {x: !Ref A}]", "id-of-A/pp"),
        ("!If [Sure, 1, 2]", 1),
        ("!If [Never, 1, 2]", 2),
        ("!If [Both, 1, 2]", 2),
        ("!If [Either, 1, !Ref AWS::NoValue]", 1),
        ("!If [Never, 1, !Ref AWS::NoValue]", "absent"),
        ("!FindInMap [M, !Ref 'AWS::Region', ami]", "ami-1"),
        ("!FindInMap [M, '123', k]", "v"),
        ("!FindInMap [M, nowhere, k, {DefaultValue: !Ref P}]", "pp"),
        ("!Select [1, !Ref L]", "y"),
        ("!Select ['0', [a, b]]", "a"),
        ("!Split ['|', 'a|b|']", ["a", "b", ""]),
        ("!Select [1, !Split ['/', !GetAtt A.Arn]]", "Arn"),
        ("!Base64 hello", "aGVsbG8="),
        ("{'Fn::Base64': !Sub '${P}'}", "cHA="),
        ("!Cidr [10.0.0.0/16, 3, 8]", ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ("!Cidr ['10.0.0.0/24', 2, 4]", ["10.0.0.0/28", "10.0.0.16/28"]),
        ("!GetAZs ''", ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ("!GetAZs us-east-1", ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("!ToJsonString {a: !Ref P, b: [1]}", '{"a":"pp","b":[1]}'),
        ("!Length [1, 2, 3]", 3),
        ("!Length {Ref: L}", 3),
        ("{Version: 2012-10-17, Condition: {Bool: {a: false}}}",
         {"Version": "2012-10-17", "Condition": {"Bool": {"a": False}}}),
    ],
)  # fmt: skip
def test_yields(expression: str, value: Any) -> None:
    assert value_of(expression, HEAD) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("!Join [a]", "every Fn::Join object requires two parameters"),
        ("!Select [9, [a]]", "Fn::Select cannot select nonexistent value at index 9"),
        ("!FindInMap [M, eu-west-1, none]", "Unable to get mapping for M::eu-west-1::none"),
        ("!FindInMap [Q, a, b]", "Mapping named 'Q' is not present in the 'Mappings' section"),
        ("!ImportValue nothing", "No export named nothing found."),
        ("!Sub '${a b}'", "variable names in Fn::Sub syntax must contain only alphanumeric"),
        ("!Sub [1]", "One or more Fn::Sub intrinsic functions don't specify expected arguments"),
        ("{'Fn::Bogus': 1}", "unsupported intrinsic function Fn::Bogus"),
        ("{'Fn::Transform': {Name: My::Macro}}", "Transform My::Macro is not supported"),
        ("!If [Sure, 1]", "Fn::If requires a list argument with three parameters"),
        ("!If [Nope, 1, 2]", "Unresolved condition dependency Nope in the Resources block"),
        ("!Base64 [1]", "every Fn::Base64 object must have a String-typed value"),
        ("!Cidr [10.0.0.0/24, 300, 4]", "count or cidrBits out of range"),
        ("!Cidr [10.0.0.0/24, 20, 6]", "does not hold 20 blocks"),
        ("!GetAtt A", "every Fn::GetAtt object requires two non-empty parameters"),
        ("{Ref: [A]}", "Every Ref object must have a single String value"),
        ("!Split ['', a]", "delimiter must not be empty"),
        ("!Length 3", "Fn::Length needs an array"),
    ],
)
def test_refuses(expression: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        value_of(expression, HEAD)
    assert message in str(caught.value)


def _parameter(name: str, version: int | None) -> str | None:
    return {("/db/host", None): "h", ("/db/host", 2): "h2"}.get((name, version))


def _secret(secret_id: str, stage: str | None, version_id: str | None) -> str | None:
    del version_id
    return '{"user": "u", "n": 1}' if secret_id.endswith("S") and stage in (None, "X") else None


LOOKUPS = Lookups(parameter=_parameter, secret=_secret, export={"e": "exported"}.get)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'{{resolve:ssm:/db/host}}'", "h"),
        ("'a-{{resolve:ssm:/db/host:2}}-{{resolve:ssm-secure:/db/host}}'", "a-h2-h"),
        ("'{{resolve:secretsmanager:S}}'", '{"user": "u", "n": 1}'),
        ("'{{resolve:secretsmanager:S:SecretString:user}}'", "u"),
        ("'{{resolve:secretsmanager:S:SecretString:n:X}}'", "1"),
        ("'{{resolve:secretsmanager:arn:aws:secretsmanager:r:1:secret:S:SecretString:user}}'", "u"),
        ("!Sub '{{resolve:ssm:/db/${P}}}'", "h"),
        ("!ImportValue e", "exported"),
        ("{'Fn::ImportValue': !Sub '${E}'}", "exported"),
    ],
)
def test_looks_things_up(expression: str, value: str) -> None:
    head = "Parameters: {P: {Type: String, Default: host}, E: {Type: String, Default: e}}"
    assert value_of(expression, head, LOOKUPS) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'{{resolve:ssm:/nope}}'", "Unable to fetch parameters [/nope]"),
        ("'{{resolve:secretsmanager:none}}'", "can't find the specified secret"),
        ("'{{resolve:secretsmanager:S:SecretString:zz}}'", "JSONKey"),
        ("'{{resolve:vault:x}}'", "unknown service 'vault'"),
        ("'{{resolve:secretsmanager:S:SecretBinary}}'", "Could not parse dynamic reference"),
    ],
)
def test_says_what_cannot_be_looked_up(expression: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        value_of(expression, "", LOOKUPS)
    assert message in str(caught.value)


def test_values_of_resources_not_made_yet_are_aws_s_placeholder() -> None:
    template = resolved("""
Resources:
  A: {Type: T::A::A}
  X: {Type: T::X::X, Properties: {Arn: !GetAtt A.Arn, Sub: !Sub 'p/${A}', S: !Select [0, !GetAtt A.L]}}
""")
    assert template.properties("X", UnknownValues()) == {
        "Arn": KNOWN_AFTER_APPLY,
        "Sub": f"p/{KNOWN_AFTER_APPLY}",
        "S": KNOWN_AFTER_APPLY,
    }
