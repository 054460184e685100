from __future__ import annotations

import pytest

from pileus import shapes
from pileus.shapes import source
from pileus.shapes.patterns import UntranslatablePattern, full_match

OURS = (
    "apigateway apigatewayv2 cloudformation cloudwatch dynamodb ecr ecs events iam kinesis "
    "kinesisvideo kms lambda logs s3 sagemaker sagemaker-runtime scheduler secretsmanager sns sqs "
    "ssm stepfunctions sts"
)


@pytest.mark.parametrize("service", OURS.split())
def test_every_pattern_of_our_services_is_understood(service: str) -> None:
    for shape in source.load(service)["shapes"].values():
        if "pattern" in shape:
            full_match(shape["pattern"])


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "größe 1=ü", "a#b"),
        (r"\p{ASCII}*", "plain", "ü"),
        (r"[\w-_]*", "a-b_c", "a b"),
        (r"\A\S[\p{Print}]*\z", "x y", "x\n"),
        ("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "a😀", "\x00"),
        (r"[\P{M}\p{M}]{1,3}", "abc", ""),
        (r"\d{2}", "12", "१२"),
    ],
)
def test_java_patterns_mean_what_they_mean_in_java(pattern: str, good: str, bad: str) -> None:
    match = full_match(pattern)
    assert match(good)
    assert not match(bad)


def test_an_inexpressible_pattern_is_told() -> None:
    with pytest.raises(UntranslatablePattern, match="Nonsense"):
        full_match(r"\p{Nonsense}+")


def test_names_of_services_are_the_models_names() -> None:
    assert set(OURS.split()) <= set(shapes.known_services())
