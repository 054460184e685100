import pytest

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.parsing import SERVERLESS, parse_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: !Ref X", {"a": {"Ref": "X"}}),
        ("a: !GetAtt X.Arn", {"a": {"Fn::GetAtt": ["X", "Arn"]}}),
        ("a: !GetAtt X.Outputs.Y", {"a": {"Fn::GetAtt": ["X", "Outputs.Y"]}}),
        ("a: !GetAtt [X, Arn]", {"a": {"Fn::GetAtt": ["X", "Arn"]}}),
        ("a: !Sub 'x-${B}'", {"a": {"Fn::Sub": "x-${B}"}}),
        (
            "a: !Join [',', [!Ref A, b]]",
            {"a": {"Fn::Join": [",", [{"Ref": "A"}, "b"]]}},
        ),
        ("a: !If [C, !Ref A, 1]", {"a": {"Fn::If": ["C", {"Ref": "A"}, 1]}}),
        ("a: !Condition C", {"a": {"Condition": "C"}}),
        ("a: 2012-10-17", {"a": "2012-10-17"}),
        ("a: 000000000000", {"a": "000000000000"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: [1, -2, 0x10, 1.5, 1e3, .5]", {"a": [1, -2, 16, 1.5, "1e3", 0.5]}),
        ("a: [true, no, 'yes', null, ~]", {"a": [True, False, "yes", None, None]}),
        ("123456: x", {"123456": "x"}),
        ("a: !!str 12", {"a": "12"}),
        ('{"a": [1, 1.5, "x", true]}', {"a": [1, 1.5, "x", True]}),
        ("{a: 1}", {"a": 1}),
        ("", None),
    ],
)
def test_reads(text: str, value: object) -> None:
    assert parse_text(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "Template format error: duplicate key 'a' (line 2, column 1)"),
        ('{"a": 1, "a": 2}', "Template format error: duplicate key 'a'."),
        ("a: [", "Template format error: YAML not well-formed. (line 2, column 1)"),
        ('{"a": ', "Template format error: JSON not well-formed. (line 1, column 7)"),
        ("a: !Foo x", "Template format error: unsupported tag !Foo (line 1, column 4)"),
        (
            "a: &x 1\nb: *x",
            "Template error: YAML aliases are not allowed in CloudFormation templates",
        ),
        ("[a]: 1", "Template format error: a key must be a string (line 1, column 1)"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_text(text)
    assert str(caught.value) == message


def test_the_serverless_dialect_has_aliases_merges_and_plain_words() -> None:
    text = "base: &b {x: 1, y: on}\na:\n  <<: *b\n  x: 2"
    assert parse_text(text, SERVERLESS) == {
        "base": {"x": 1, "y": "on"},
        "a": {"x": 2, "y": "on"},
    }


def test_an_alias_within_itself_is_refused() -> None:
    with pytest.raises(TemplateError, match="contains itself"):
        parse_text("a: &x [*x]", SERVERLESS)


def test_endless_nesting_is_an_error_not_a_crash() -> None:
    with pytest.raises(TemplateError):
        parse_text("[" * 20_000 + "]" * 20_000)
