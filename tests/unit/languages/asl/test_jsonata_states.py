"""States in JSONata: expressions, variables, failures and their limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.languages.asl.playing import INVOKE, one, output_of, play, previous, types

from pileus.languages.asl.commands import Schedule
from pileus.languages.asl.jsonata import DEPTH_MAX
from pileus.languages.asl.rehearsal import Answer, Rehearsal

JSONATA = {"QueryLanguage": "JSONata"}


def _value(expression: str, value: Any = None) -> Any:
    return output_of({"Type": "Pass", "Output": f"{{% {expression} %}}"}, value, **JSONATA)


def _failing(expression: str, value: Any = None) -> Rehearsal:
    return play(one({"Type": "Pass", "Output": {"v": f"{{% {expression} %}}"}}, **JSONATA), value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.a.b", 1),
        ("$states.input", {"a": {"b": 1}, "none": None}),
        ("$states.input.none", None),
        ("$states.context.State.Name", "S"),
        ("$sum([1, 2, 3])", 6),
        ("'x' & 1", "x1"),
        ("{'k': $states.input.gone, 'l': 1}", {"l": 1}),
        ("[1..3]", [1, 2, 3]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(1, 9, 4)", [1, 5, 9]),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$parse('{\"n\": 1}')", {"n": 1}),
        ("$random(5) = $random(5)", True),
        ("$random() < 1", True),
        ("$length($uuid())", 36),
        ("$now()", "2026-01-01T00:00:00.000Z"),
        ("$millis()", 1_767_225_600_000),
        ("$exists($states.result)", False),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert _value(expression, {"a": {"b": 1}, "none": None}) == value


def test_a_pass_without_output_passes_its_input_on() -> None:
    assert output_of({"Type": "Pass"}, {"a": 1}, **JSONATA) == {"a": 1}


def test_long_integers_are_read_as_doubles() -> None:
    assert _value("$states.input.n > 1", {"n": 10**30}) is True


def test_what_is_constant_is_left_alone() -> None:
    output = {"a": "$states.input", "b": ["{%", 1], "c": {"d": None}}
    assert output_of({"Type": "Pass", "Output": output}, **JSONATA) == output


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("$states.input.missing", "returned nothing (undefined)."),
        ("$unknown", "returned nothing (undefined)."),
        ("$error('boo')", "threw an error during evaluation. D3137: boo"),
        (
            "$eval('1+1')",
            "threw an error during evaluation. T1006: Attempted to invoke a non-function",
        ),
        (
            "$toMillis('x')",
            "threw an error during evaluation. D3110: The argument of the toMillis function must be "
            'an ISO 8601 formatted timestamp. Given "x"',
        ),
        (
            "[1..10000000]",
            "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for "
            "excessive memory usage",
        ),
    ],
)
def test_expressions_that_fail(expression: str, told: str) -> None:
    played = _failing(expression)
    cause = (
        "An error occurred while executing the state 'S' (entered at the event id #2). The JSONata "
        f"expression '{expression}' specified for the field 'Output/v' {told}"
    )
    assert types(played.events)[2:] == ["EvaluationFailed", "ExecutionFailed"]
    assert previous(played.events) == [0, 0, 2, 3]
    failed = {"error": "States.QueryEvaluationError", "cause": cause}
    assert played.events[2].details == {**failed, "location": "Output/v", "state": "S"}
    assert played.events[3].details == failed


def test_a_runaway_expression_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.languages.asl.jsonata.TIME_MAX_MS", 50)
    played = _failing("($f := function($x) { $f($x + 1) }; $f(1))")
    assert played.error == "States.QueryEvaluationError"
    assert "Expression evaluation timeout: Check for infinite loop" in str(played.cause)


def test_a_runaway_expression_is_bounded_in_depth() -> None:
    deep = f"($f := function($n) {{ $n = 0 ? 0 : 1 + $f($n - 1) }}; $f({DEPTH_MAX}))"
    played = _failing(deep)
    assert played.error == "States.QueryEvaluationError"
    assert "Stack overflow error" in str(played.cause)


def test_arguments_output_and_assign_of_a_task() -> None:
    machine = {
        **JSONATA,
        "StartAt": "T",
        "States": {
            "T": {
                "Type": "Task",
                "Resource": INVOKE,
                "Arguments": {"FunctionName": "f", "Payload": "{% $states.input.x %}"},
                "Assign": {"seen": "{% $states.result.n %}", "x": "{% $states.input.x %}"},
                "Output": {"n": "{% $states.result.n + $states.input.x %}"},
                "Next": "P",
            },
            "P": {"Type": "Pass", "Output": "{% [$seen, $x, $states.input.n] %}", "End": True},
        },
    }
    asked: list[Schedule] = []

    def answer(_name: str, command: Schedule) -> Answer:
        asked.append(command)
        return Answer({"n": 40})

    played = play(machine, {"x": 2}, answer)
    assert json.loads(asked[0].arguments) == {"FunctionName": "f", "Payload": 2}
    assert played.output == "[40,2,42]"


def test_output_and_assign_see_the_variables_as_they_were() -> None:
    machine = {
        **JSONATA,
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
            "B": {
                "Type": "Pass",
                "Assign": {"x": "{% $y %}", "y": "{% $x %}"},
                "Output": "{% [$x, $y] %}",
                "Next": "C",
            },
            "C": {"Type": "Pass", "Output": "{% $append($states.input, [$x, $y]) %}", "End": True},
        },
    }
    assert play(machine).output == "[1,2,2,1]"


def test_a_failing_argument_is_tried_again_and_caught() -> None:
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"MessageBody": "{% $states.input.missing %}"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 0}],
    }
    played = play(one(state, **JSONATA), {"x": "a"})
    assert types(played.events)[1:] == [
        "TaskStateEntered",
        "EvaluationFailed",
        "EvaluationFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4]
    state["Catch"] = [
        {"ErrorEquals": ["States.QueryEvaluationError"], "Output": "{% $states.errorOutput.Error %}", "Next": "H",
         "Assign": {"e": "{% $states.errorOutput %}", "in": "{% $states.input %}"}}
    ]  # fmt: skip
    machine = one(state, **JSONATA)
    machine["States"]["H"] = {
        "Type": "Pass",
        "Output": "{% [$states.input, $e.Error, $in] %}",
        "End": True,
    }
    played = play(machine, {"x": "a"})
    assert json.loads(str(played.output)) == [
        "States.QueryEvaluationError",
        "States.QueryEvaluationError",
        {"x": "a"},
    ]


def test_a_catch_clause_that_fails_itself() -> None:
    branch = {"StartAt": "Boom", "States": {"Boom": {"Type": "Fail", "Error": "MyError"}}}
    catch = [
        {"ErrorEquals": ["Other"], "Next": "Done"},
        {
            "ErrorEquals": ["States.ALL"],
            "Output": {"v": "{% $states.input.missing %}"},
            "Next": "Done",
        },
    ]
    machine = one({"Type": "Parallel", "Branches": [branch], "Catch": catch}, **JSONATA)
    machine["States"]["Done"] = {"Type": "Pass", "End": True}
    played = play(machine, {"x": "a"})
    assert types(played.events)[3:] == [
        "FailStateEntered",
        "ParallelStateFailed",
        "EvaluationFailed",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 4, 6, 7]
    assert played.events[5].details is not None
    assert played.events[5].details["location"] == "Catch[1]/Output/v"


def test_choices() -> None:
    machine = {
        **JSONATA,
        "StartAt": "C",
        "States": {
            "C": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": "{% $states.input.n > 5 %}",
                        "Next": "E",
                        "Output": {"big": "{% $states.input.n %}"},
                    },
                    {"Condition": False, "Next": "E"},
                ],
                "Assign": {"d": 1},
                "Output": "small",
                "Default": "E",
            },
            "E": {"Type": "Succeed"},
        },
    }
    assert play(machine, {"n": 7}).output == '{"big":7}'
    assert play(machine, {"n": 3}).output == '"small"'
    played = play(machine, {"n": "x"})
    assert played.error == "States.QueryEvaluationError"
    assert "'Choices[0]/Condition'" in str(played.cause)


def test_map() -> None:
    inner = {
        "Type": "Pass",
        "Output": {"i": "{% $states.context.Map.Item.Index %}", "in": "{% $states.input %}"},
        "End": True,
    }
    state = {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value * 2 %}"},
        "MaxConcurrency": "{% 1 %}",
        "ItemProcessor": {"StartAt": "I", "States": {"I": inner}},
        "Output": "{% $states.result[0].in.v %}",
    }
    assert output_of(state, {"items": [4, 5]}, **JSONATA) == 8
    state["Items"] = [1, "two", 3]
    assert (
        output_of(
            {**state, "ItemSelector": "{% 1 %}", "Output": "{% $count($states.result) %}"},
            **JSONATA,
        )
        == 3
    )


def test_items_that_are_no_array() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "Items": "{% $states.input %}", "ItemProcessor": inner}
    played = play(one(state, **JSONATA), {"a": 1})
    assert types(played.events)[1:] == [
        "MapStateEntered",
        "EvaluationFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert str(played.cause).endswith(
        "returned an unexpected result type. Expected 'array', but was 'object' for value: {\"a\":1}"
    )


def test_wait_and_fail() -> None:
    assert play(one({"Type": "Wait", "Seconds": "{% 1 + 1 %}"}, **JSONATA)).duration_ms == 2000
    timestamp = {"Type": "Wait", "Timestamp": "{% $states.input.at %}"}
    assert play(one(timestamp, **JSONATA), {"at": "2026-01-01T00:00:01Z"}).duration_ms == 1000
    played = play(one(timestamp, **JSONATA), {"at": "2016-12-05 21:29:29Z"})
    assert types(played.events)[2:] == ["EvaluationFailed", "ExecutionFailed"]
    assert played.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). The Timestamp "
        "field cannot be parsed as an ISO-8601 extended offset date-time format string: "
        "2016-12-05 21:29:29Z"
    )
    fail = {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "{% 'x' & 1 %}"}
    failed = play(one(fail, **JSONATA), {"e": "E"})
    assert (failed.error, failed.cause) == ("E", "x1")


def test_both_languages_in_one_machine_share_variables() -> None:
    machine = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x.$": "$.n"}, "Next": "B"},
            "B": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Assign": {"y": "{% $x + 1 %}"},
                "Output": {"o": "{% $x %}"},
                "Next": "C",
            },
            "C": {
                "Type": "Pass",
                "Parameters": {"x.$": "$x", "y.$": "$y", "o.$": "$.o"},
                "End": True,
            },
        },
    }
    assert play(machine, {"n": 1}).output == '{"x":1,"y":2,"o":1}'
