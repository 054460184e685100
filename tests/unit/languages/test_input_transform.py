"""Input paths and transformers: the examples of the EventBridge user guide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.languages.input_transform import (
    MISSING,
    Delivery,
    InvalidInput,
    compile_input_path,
    compile_input_transformer,
    compile_path,
)

EVENT: dict[str, Any] = {
    "version": "0",
    "detail-type": "EC2 Instance State-change Notification",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "instance-id": "i-0123456789",
        "state": "RUNNING",
        "count": 3,
        "quote": 'say "hi"\n',
        "items": [{"name": "x"}, {"name": "y"}],
    },
}
DELIVERY = Delivery("arn:aws:events:us-east-1:0:rule/r", "r", 1_700_000_000_123)
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "count": "$.detail.count",
    "quote": "$.detail.quote",
    "detail": "$.detail",
    "resources": "$.resources",
    "gone": "$.detail.gone",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail-type", EVENT["detail-type"]),
        ("$.detail.items[1].name", "y"),
        ("$.resources[0]", "arn:a"),
        ("$.detail.items[*].name", ["x", "y"]),
        ("$.resources[9]", MISSING),
        ("$.detail.state.deeper", MISSING),
        ("$.detail[0]", MISSING),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert compile_path(path)(EVENT) == value


@pytest.mark.parametrize("path", ["detail", "$detail", "$..a", "$['a']", "$.a[?(@.b)]", "$."])
def test_paths_outside_the_subset_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        compile_path(path)


def test_input_path_gives_json() -> None:
    assert compile_input_path("$.detail.state")(EVENT) == '"RUNNING"'
    assert compile_input_path("$.nothing")(EVENT) == "null"


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"<instance> is in state \\"<state>\\""', '"i-0123456789 is in state \\"RUNNING\\""'),
        ("<instance> is in state <state>", "i-0123456789 is in state RUNNING"),
        ("now: <count>", "now: 3"),
        ('{"i": <instance>, "n": <count>}', '{"i": "i-0123456789", "n": 3}'),
        ('{"i": "<instance>", "n": "<count>"}', '{"i": "i-0123456789", "n": "3"}'),
        ('{"m": "<quote>"}', '{"m": "say \\"hi\\"\\n"}'),
        ('{"r": <resources>}', '{"r": ["arn:a","arn:b"]}'),
        ('{"r": "<resources>"}', '{"r": "[arn:a,arn:b]"}'),
        ('{"g": "<gone>", "h": <gone>}', '{"g": "", "h": ""}'),
        ("gone <gone>!", "gone !"),
        ("<state>", '"RUNNING"'),
        ('"<unknown> and <b>"', '"<unknown> and <b>"'),
        ('{"a": <aws.events.rule-arn>}', '{"a": "arn:aws:events:us-east-1:0:rule/r"}'),
        ('"<aws.events.rule-name>"', '"r"'),
        ('{"t": <aws.events.event.ingestion-time>}', '{"t": "2023-11-14T22:13:20Z"}'),
    ],
)
def test_templates(template: str, result: str) -> None:
    assert compile_input_transformer(PATHS, template)(EVENT, DELIVERY) == result


def test_whole_events() -> None:
    text = compile_input_transformer(
        {}, '{"full": <aws.events.event.json>, "head": <aws.events.event>}'
    )(EVENT, DELIVERY)
    head = {key: value for key, value in EVENT.items() if key != "detail"}
    assert json.loads(text) == {"full": EVENT, "head": head}


def test_names_and_numbers_are_limited() -> None:
    with pytest.raises(InvalidInput, match="reserved"):
        compile_input_transformer({"aws.x": "$.a"}, "<aws.x>")
    with pytest.raises(InvalidInput, match="more than 100"):
        compile_input_transformer({f"k{i}": "$.a" for i in range(101)}, "x")
