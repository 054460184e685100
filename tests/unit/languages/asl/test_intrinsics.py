"""Intrinsic functions, each as documented, and the sentence where one fails."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from tests.unit.languages.asl.playing import one, output_of, play

from pileus.languages.asl.errors import InvalidExpression
from pileus.languages.asl.intrinsics import compile_intrinsic

GIVEN: dict[str, Any] = {
    "name": "Foo",
    "array": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    "mixed": [1, True, "1", {"a": 1}, {"a": 1}, 1],
    "json": '{"number":20}',
    "value": {"name": "Foo", "year": 2020},
    "a": {"x": 1, "deep": {"p": 1}},
    "b": {"y": 2, "deep": {"q": 2}},
    "nothing": None,
    "start": 111,
}


def _value(expression: str) -> Any:
    return output_of({"Type": "Pass", "Parameters": {"v.$": expression}}, GIVEN)["v"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("States.Format('Hello, my name is {}.', $.name)", "Hello, my name is Foo."),
        ("States.Format('{} {} {} {}', 1, true, null, $.value.year)", "1 true null 2020"),
        (r"States.Format('{} \{\} it\'s \\', 'x')", r"x {} it's \ ".strip()),
        ("States.Format('{}', $.nothing)", "null"),
        ("States.Format('plain')", "plain"),
        ("States.StringToJson($.json)", {"number": 20}),
        ("States.JsonToString($.value)", '{"name":"Foo","year":2020}'),
        ("States.Array($.name, 1, null)", ["Foo", 1, None]),
        ("States.Array()", []),
        ("States.ArrayPartition($.array, 4)", [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
        ("States.ArrayContains($.array, 5)", True),
        ("States.ArrayContains($.mixed, false)", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(5, 1, -2)", [5, 3, 1]),
        ("States.ArrayRange(3, 3, -1)", [3]),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.ArrayRange(1.4, 5.6, 2.2)", [1, 3, 5]),
        ("States.ArrayRange(5.4, -0.6, -2.4)", [5, 3, 1]),
        ("States.ArrayRange(States.MathAdd(0, 1), 5, 2)", [1, 3, 5]),
        ("States.ArrayGetItem($.array, 5)", 6),
        ("States.ArrayLength($.array)", 9),
        ("States.ArrayLength($.array[*].nope)", 0),
        ("States.ArrayUnique($.mixed)", [1, True, "1", {"a": 1}]),
        ("States.Base64Encode('Data to encode')", base64.b64encode(b"Data to encode").decode()),
        ("States.Base64Decode('RGVjb2RlZCBkYXRh')", "Decoded data"),
        ("States.Hash('input data', 'SHA-1')", hashlib.sha1(b"input data").hexdigest()),
        ("States.Hash('input data', 'SHA-512')", hashlib.sha512(b"input data").hexdigest()),
        ("States.JsonMerge($.a, $.b, false)", {"x": 1, "deep": {"q": 2}, "y": 2}),
        ("States.MathAdd($.start, -1)", 110),
        ("States.StringSplit('1,2,3', ',')", ["1", "2", "3"]),
        (
            "States.StringSplit('This.is+a,test=string', '.+,=')",
            ["This", "is", "a", "test", "string"],
        ),
        ("States.ArrayGetItem(States.StringSplit($$.State.Name, 'x'), 0)", "S"),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert _value(expression) == value


def test_random_values() -> None:
    assert 1 <= _value("States.MathRandom(1, 999)") < 999
    assert _value("States.MathRandom(1, 999, 5)") == _value("States.MathRandom(1, 999, 5)")
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        _value("States.UUID()"),
    )


@pytest.mark.parametrize(
    "expression",
    [
        "States.ArrayRange('a', 5, 1)",
        "States.ArrayRange(1, 10, 0)",
        "States.ArrayRange(1, 10, 0.49)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayRange(1, 5)",
        "States.ArrayPartition($.array, 0)",
        "States.ArrayPartition($.name, 1)",
        "States.ArrayGetItem($.array, 9)",
        "States.ArrayGetItem($.array, -1)",
        "States.MathAdd('a', 1)",
        "States.MathAdd(2147483647, 1)",
        "States.MathRandom(1.4, 1.6)",
        "States.MathRandom(5, 5)",
        "States.StringToJson('{')",
        "States.JsonMerge($.a, $.b, true)",
        "States.Hash('x', 'SHA-3')",
        "States.Base64Decode('***')",
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.Format('{', 1)",
        "States.ArrayContains($.name, 1)",
        "States.UUID(1)",
    ],
)
def test_arguments_that_are_refused(expression: str) -> None:
    played = play(one({"Type": "Pass", "Parameters": {"v.$": expression}}), GIVEN)
    name = expression.partition("(")[0]
    assert played.error == "States.Runtime"
    assert played.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). The function "
        f"'{expression}' had the following error: Invalid arguments in {name}"
    )


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("States.Format('{}',$.nope)", "$.nope"),
        ("States.Format('{} {}', $.other, $.a.b)", "$.a.b"),
        ("States.Format('{}', States.Format('{}', $.nope))", "$.nope"),
        ("States.Format('{}', $.items[5])", "$.items[5]"),
        ("States.Format('{}', $$.Nope.Deep)", "$.Nope.Deep"),
    ],
)
def test_arguments_that_are_missing(expression: str, path: str) -> None:
    given = {"other": 1, "items": [1, 2]}
    played = play(one({"Type": "Pass", "Parameters": {"v.$": expression}}), given)
    assert played.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). The function "
        f"'{expression}' had the following error: The JsonPath argument for the field '{path}' could "
        'not be found in the input \'{"other":1,"items":[1,2]}\''
    )


@pytest.mark.parametrize(
    "expression",
    [
        "States.Nope(1)",
        "States.Array(1",
        "States.Array(1) x",
        "States.Array(1 2)",
        "States.Format('x",
        "States.Format(x)",
        "States.Array" + "(States.Array" * 10 + "()" + ")" * 10,
    ],
)
def test_what_is_no_function(expression: str) -> None:
    with pytest.raises(InvalidExpression):
        compile_intrinsic(expression)
