"""What is refused about definitions, in the service's codes, words and places."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.languages.asl.playing import INVOKE, one

from pileus.languages.asl.definition import compile_definition
from pileus.languages.asl.errors import InvalidDefinition
from pileus.languages.asl.validation import diagnose

SCHEMA = "SCHEMA_VALIDATION_FAILED"
END: dict[str, Any] = {"Type": "Pass", "End": True}


def _found(definition: dict[str, Any], kind: str = "STANDARD") -> list[tuple[str, str, str | None]]:
    return [
        (each.code, each.message, each.location)
        for each in diagnose(json.dumps(definition), kind=kind)
    ]


def _machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert _found(_machine(S=END)) == []


def test_what_is_no_object() -> None:
    assert [(d.code, d.message, d.location) for d in diagnose("")] == [
        (SCHEMA, "Definition must be a valid JSON object", None)
    ]
    (found,) = diagnose("not a definition")
    assert found.code == "INVALID_JSON_DESCRIPTION"
    assert found.location == '[Source: (String)"not a definition"; line: 1, column: 4]'
    assert found.message == (
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', "
        "'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]"
    )
    assert [d.code for d in diagnose('{"StartAt": }')] == ["INVALID_JSON_DESCRIPTION"]


CASES: list[tuple[dict[str, Any], list[tuple[str, str, str | None]]]] = [
    ({}, [(SCHEMA, "These fields are required: [States, StartAt]", "/")]),
    ({"States": {"S": END}}, [(SCHEMA, "These fields are required: [StartAt]", "/")]),
    (
        {"StartAt": "pass1", "States": {"pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": END}},
        [
            ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: pass3", "/States/pass1/Next"),
            ("MISSING_TRANSITION_TARGET", 'State "pass2" is not reachable.', "/States/pass2"),
        ],
    ),
    (
        {"StartAt": "Not sure", "States": {"S": {"Type": "Succeed"}}},
        [
            ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: Not sure", "/StartAt"),
            ("MISSING_TRANSITION_TARGET", 'State "S" is not reachable.', "/States/S"),
        ],
    ),
    (
        _machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
        [("MISSING_END_STATE", "Workflow has no terminal state", None)],
    ),
    (
        _machine(A={"Type": "Pass", "Next": "NOPE"}),
        [
            ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: NOPE", "/States/A/Next"),
            ("MISSING_END_STATE", "Workflow has no terminal state", None),
        ],
    ),
    (
        _machine(C={"Type": "Choice", "Choices": [{"Variable": "$", "StringMatches": "T"}], "Default": "S"}, S={"Type": "Succeed"}),
        [(SCHEMA, "These fields are required: [Next]", "/States/C/Choices[0]")],
    ),
    (
        _machine(M={"Type": "Map", "TimeoutSeconds": 1, "ItemProcessor": _machine(I=END), "End": True}),
        [(SCHEMA, "Field 'TimeoutSeconds' is not supported", "/States/M")],
    ),
    (
        _machine(P={**END, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "P"}]}),
        [(SCHEMA, "Field 'Catch' is not supported", "/States/P")],
    ),
    (
        _machine(P={**END, "Output": {}}),
        [(SCHEMA, "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage", "/States/P")],
    ),
    (
        {**_machine(Pass={**END, "QueryLanguage": "JSONPath"}), "QueryLanguage": "JSONata"},
        [(SCHEMA, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", "/States/Pass")],
    ),
    (
        _machine(M={"Type": "Map", "ItemProcessor": {**_machine(I=END), "QueryLanguage": "JSONata"}, "End": True}),
        [(SCHEMA, "Field 'QueryLanguage' is not supported", "/States/M/ItemProcessor")],
    ),
    (
        {**_machine(Main={**END, "Output": "{% a[1,2) %}"}), "QueryLanguage": "JSONata"},
        [("INVALID_JSONATA_EXPRESSION", 'Expected "]", got ","', "/States/Main/Output")],
    ),
    (
        {**_machine(Main={**END, "Output": {"x": "{% 1 + %}"}}), "QueryLanguage": "JSONata"},
        [("INVALID_JSONATA_EXPRESSION", "Unexpected end of expression", "/States/Main/Output/x")],
    ),
    (
        _machine(Pass={**END, "OutputPath": "Test"}),
        [(SCHEMA, "Value must be a valid JSONPath.", "/States/Pass/OutputPath")],
    ),
    (
        _machine(P={**END, "ResultPath": "$.a[*]"}),
        [(SCHEMA, "Value must be a valid ReferencePath.", "/States/P/ResultPath")],
    ),
    (
        _machine(W={"Type": "Wait", "Seconds": 10**16, "End": True}),
        [(SCHEMA, "Maximum value is 99999999", "/States/W/Seconds")],
    ),
    (
        _machine(W={"Type": "Wait", "Timestamp": "2016-12-05 21:29:29Z", "End": True}),
        [(SCHEMA, "String does not match RFC3339 timestamp", "/States/W/Timestamp")],
    ),
    (
        _machine(T={"Type": "Task", "Resource": "create", "End": True}),
        [(SCHEMA, "Value is not a valid resource ARN", "/States/T/Resource")],
    ),
    (
        _machine(M={"Type": "Map", "ItemProcessor": _machine(M=END), "End": True}),
        [("DUPLICATE_STATE_NAME", "Duplicate State name: M", "/States/M/ItemProcessor/States/M")],
    ),
    (
        _machine(T={"Type": "Task", "Resource": INVOKE, "Parameters": {"a": {"b.$": "foo"}}, "End": True}),
        [(SCHEMA, "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call", "/States/T/Parameters/a")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "found"), CASES)
def test_what_is_found(
    definition: dict[str, Any], found: list[tuple[str, str, str | None]]
) -> None:
    assert _found(definition) == found


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Nope"},
        {"Type": "Pass"},
        {"Type": "Pass", "End": True, "Next": "S"},
        {"Type": "Task", "End": True},
        {
            "Type": "Task",
            "Resource": INVOKE,
            "TimeoutSeconds": 1,
            "TimeoutSecondsPath": "$.x",
            "End": True,
        },
        {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": True, "End": True},
        {"Type": "Task", "Resource": INVOKE, "Retry": [{}], "End": True},
        {
            "Type": "Task",
            "Resource": INVOKE,
            "Retry": [{"ErrorEquals": ["States.ALL", "X"]}],
            "End": True,
        },
        {
            "Type": "Task",
            "Resource": INVOKE,
            "Retry": [{"ErrorEquals": ["X"], "BackoffRate": 0.5}],
            "End": True,
        },
        {"Type": "Task", "Resource": INVOKE, "Catch": [{"ErrorEquals": ["X"]}], "End": True},
        {"Type": "Task", "Resource": INVOKE, "Catch": 5, "End": True},
        {"Type": "Wait", "End": True},
        {"Type": "Wait", "Seconds": 1, "Timestamp": "2016-12-05T21:29:29Z", "End": True},
        {"Type": "Choice", "Choices": []},
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "S"}]},
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "S"}]},
        {"Type": "Choice", "Choices": [{"And": [{"StringEquals": "x"}], "Next": "S"}]},
        {"Type": "Parallel", "Branches": [], "End": True},
        {"Type": "Map", "End": True},
        {"Type": "Pass", "Assign": {"states": 1}, "End": True},
        {"Type": "Pass", "Assign": {"1x": 1}, "End": True},
        {"Type": "Fail", "Error": "a", "ErrorPath": "$.a"},
        {"Type": "Pass", "Unknown": 1, "End": True},
        "text",
    ],
)
def test_states_that_are_refused(state: Any) -> None:
    with pytest.raises(InvalidDefinition):
        compile_definition(json.dumps({"StartAt": "S", "States": {"S": state}}))


def test_what_express_machines_may_not() -> None:
    machine = _machine(T={"Type": "Task", "Resource": f"{INVOKE}.waitForTaskToken", "End": True})
    assert _found(machine) == []
    assert _found(machine, "EXPRESS") == [
        (
            SCHEMA,
            "Express state machine does not support '.waitForTaskToken' service integration ",
            "/States/T/Resource",
        )
    ]


def test_warnings_do_not_hinder() -> None:
    state = {"Type": "Pass", "Result": {"a.$": "$.b"}, "Parameters": {"x": "$.y"}}
    found = diagnose(json.dumps(one(state)))
    assert [(each.severity, each.code) for each in found] == [
        ("WARNING", "NO_DOLLAR"),
        ("WARNING", "PASS_RESULT_IS_STATIC"),
    ]
    compile_definition(json.dumps(one(state)))


def test_inner_scopes_may_not_assign_what_outer_ones_have() -> None:
    inner = _machine(I={**END, "Assign": {"x": 1}})
    machine = _machine(
        A={"Type": "Pass", "Assign": {"x": 1}, "Next": "P"},
        P={"Type": "Parallel", "Branches": [inner], "End": True},
    )
    assert [code for code, _, _ in _found(machine)] == [SCHEMA]


def test_the_sentence_of_a_refusal() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(
            json.dumps(_machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}))
        )
    assert (
        str(caught.value)
        == "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'"
    )


def test_the_machine_of_a_first_example() -> None:
    state = {"Type": "Task", "Resource": "ARN of Function.....", "End": True}
    assert _found(_machine(HelloWorld=state)) == [
        (SCHEMA, "Value is not a valid resource ARN", "/States/HelloWorld/Resource")
    ]
    state["Resource"] = "arn:aws:lambda:us-east-1:123456789012:function:HelloFunction"
    assert _found(_machine(HelloWorld=state)) == []
