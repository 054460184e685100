import pytest

from pileus.languages.cfn import Lookups, TemplateError

from .support import resolved

BODY = "Resources: {A: {Type: T::A::A}}\nParameters:\n  P: "


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ("{Type: String}", "x", "x"),
        ("{Type: Number}", "1.5", "1.5"),
        ("{Type: List<Number>}", "1, 2", ["1", "2"]),
        ("{Type: CommaDelimitedList}", "a,b , c", ["a", "b", "c"]),
        ("{Type: 'AWS::EC2::VPC::Id'}", "vpc-1", "vpc-1"),
        ("{Type: 'List<AWS::EC2::Subnet::Id>'}", "s-1,s-2", ["s-1", "s-2"]),
        ("{Type: 'AWS::SSM::Parameter::Name'}", "/p", "/p"),
        ("{Type: 'AWS::SSM::Parameter::Value<String>'}", "/p", "v,w"),
        ("{Type: 'AWS::SSM::Parameter::Value<List<String>>'}", "/p", ["v", "w"]),
        ("{Type: 'AWS::SSM::Parameter::Value<CommaDelimitedList>'}", "/p", ["v", "w"]),
        ("{Type: String, AllowedPattern: '[a-z]+', MinLength: 1, MaxLength: 2}", "ab", "ab"),
        ("{Type: Number, MinValue: 1, MaxValue: 5}", "5", "5"),
    ],
)
def test_takes(declaration: str, given: str, value: object) -> None:
    lookups = Lookups(parameter=lambda name, version: {"/p": "v,w"}.get(name))
    assert resolved(BODY + declaration, lookups, P=given).parameters["P"].value == value


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ("{Type: String}", {}, "Parameters: [P] must have values"),
        ("{Type: String}", {"P": "", "Q": "", "R": ""}, "Parameters: [Q, R] do not exist in the template"),
        ("{Type: String, AllowedValues: [a, b]}", {"P": "c"}, "Parameter 'P' must be one of AllowedValues"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", {"P": "1"}, "Parameter 'P' must match pattern [a-z]+"),
        ("{Type: String, AllowedPattern: x, ConstraintDescription: an x}", {"P": "1"}, "Parameter P failed to satisfy constraint: an x"),
        ("{Type: String, MinLength: 2}", {"P": "1"}, "Parameter 'P' must contain at least 2 characters"),
        ("{Type: String, MaxLength: 2}", {"P": "123"}, "Parameter 'P' must contain at most 2 characters"),
        ("{Type: Number}", {"P": "x"}, "Parameter 'P' must be a number."),
        ("{Type: Number, MinValue: 2}", {"P": "1"}, "Parameter 'P' must be a number not less than 2"),
        ("{Type: Number, MaxValue: 2}", {"P": "3"}, "Parameter 'P' must be a number not greater than 2"),
        ("{Type: Strange}", {"P": "3"}, "Template format error: Unrecognized parameter type: Strange"),
        ("{Type: 'AWS::SSM::Parameter::Value<String>'}", {"P": "/no"}, "Unable to fetch parameters [/no] from parameter store for this account."),
    ],
)  # fmt: skip
def test_refuses(declaration: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        resolved(BODY + declaration, Lookups(parameter=lambda name, version: None), **given)
    assert str(caught.value) == message


def test_no_echo_hides_the_value() -> None:
    parameter = resolved(BODY + "{Type: String, NoEcho: true}", P="secret").parameters["P"]
    assert (parameter.value, parameter.shown) == ("secret", "****")
