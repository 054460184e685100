"""The JSONPath data flow of states, variables, waiting, trying again and catching."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.languages.asl.playing import INVOKE, one, output_of, play, run_of, types

from pileus.languages.asl.commands import Schedule, TaskSucceeded
from pileus.languages.asl.rehearsal import START_MS, Answer, context_for, rehearse

GIVEN = {"a": {"b": 1}, "list": [1, 2], "s": "x"}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, GIVEN),
        ({"InputPath": "$.a"}, {"b": 1}),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.list"}, [1, 2]),
        ({"OutputPath": None}, {}),
        ({"ResultPath": None, "Result": 5}, GIVEN),
        ({"Result": {"r": 1}}, {"r": 1}),
        ({"Result": 5, "ResultPath": "$.x.y"}, {**GIVEN, "x": {"y": 5}}),
        ({"Result": 5, "ResultPath": "$.list[0]"}, {**GIVEN, "list": [5, 2]}),
        ({"InputPath": "$.a", "ResultPath": "$.kept"}, {**GIVEN, "kept": {"b": 1}}),
        ({"Result": 5, "ResultPath": "$.x", "OutputPath": "$.x"}, 5),
        ({"Parameters": {"k.$": "$.a.b", "n": {"l.$": "$.list"}, "c": [{"d.$": "$.s"}]}},
         {"k": 1, "n": {"l": [1, 2]}, "c": [{"d": "x"}]}),
        ({"Parameters": {"past.$": "$.list[7]"}}, {"past": None}),
        ({"Parameters": {"all.$": "$"}}, {"all": GIVEN}),
        ({"InputPath": "$$.State.Name"}, "S"),
        ({"Parameters": {"n.$": "$$.StateMachine.Name"}}, {"n": "Rehearsed"}),
        ({"Parameters": {"slice.$": "$.list[0:1]", "none.$": "$.list[*].x"}}, {"slice": [1], "none": []}),
    ],
)  # fmt: skip
def test_pass(fields: dict[str, Any], output: Any) -> None:
    assert output_of({"Type": "Pass", **fields}, GIVEN) == output


@pytest.mark.parametrize(
    ("fields", "error", "cause"),
    [
        (
            {"InputPath": "$.no"},
            "States.Runtime",
            "Invalid path '$.no' : No results for path: $['no']",
        ),
        (
            {"OutputPath": "$.no.x"},
            "States.Runtime",
            "Invalid path '$.no.x' : Missing property in path $['no']",
        ),
    ],
)
def test_paths_to_nothing(fields: dict[str, Any], error: str, cause: str) -> None:
    played = play(one({"Type": "Pass", **fields}), GIVEN)
    prefix = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert (played.error, played.cause) == (error, prefix + cause)


def test_a_result_that_has_no_place() -> None:
    played = play(one({"Type": "Pass", "Result": 1, "ResultPath": "$.a.x"}), {"a": "input1"})
    assert played.error == "States.ReferencePathConflict"
    assert played.cause == 'Unable to apply ReferencePath $.a.x to input {"a":"input1"}'


def test_the_text_of_an_input_that_is_passed_on_stays_as_it_was() -> None:
    spaced = '{ "a" : 1.0,\n  "big": 123456789012345678901234567890 }'
    played = rehearse(run_of(one({"Type": "Pass"})), spaced, lambda _n, _c: Answer(), lambda: 0.5)
    assert played.output == spaced
    picked = rehearse(
        run_of(one({"Type": "Pass", "OutputPath": "$.big"})),
        spaced,
        lambda _n, _c: Answer(),
        lambda: 0.5,
    )
    assert picked.output == "123456789012345678901234567890"


def test_a_task_selects_from_its_result() -> None:
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "InputPath": "$.a",
        "Parameters": {"n.$": "$.b"},
        "ResultSelector": {"got.$": "$.Payload.v"},
        "ResultPath": "$.result",
        "OutputPath": "$.result.got",
    }
    asked: list[str] = []

    def answer(_name: str, command: Schedule) -> Answer:
        asked.append(command.arguments)
        return Answer({"Payload": {"v": 9}})

    assert play(one(state), GIVEN, answer).output == "9"
    assert asked == ['{"n":1}']


def test_variables_are_read_below_and_assigned_where_they_are() -> None:
    machine = {
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"x.$": "$.a", "y": 2}, "Next": "P"},
            "P": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "I",
                        "States": {
                            "I": {"Type": "Pass", "Assign": {"z.$": "$x.b"}, "Next": "J"},
                            "J": {
                                "Type": "Pass",
                                "Parameters": {"z.$": "$z", "y.$": "$y"},
                                "End": True,
                            },
                        },
                    }
                ],
                "Assign": {"y.$": "$[0].z"},
                "Next": "Out",
            },
            "Out": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y"}, "End": True},
        },
    }
    played = play(machine, GIVEN)
    assert played.output == '{"x":{"b":1},"y":1}'
    left = next(event for event in played.events if event.type == "PassStateExited")
    assert left.details is not None
    assert left.details["assignedVariables"] == {"x": '{"b":1}', "y": "2"}
    assert left.details["assignedVariablesDetails"] == {"truncated": False}


def test_iterations_have_items() -> None:
    inner = {
        "Type": "Pass",
        "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "in.$": "$"},
        "End": True,
    }
    state = {
        "Type": "Map",
        "ItemsPath": "$.list",
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "s.$": "$.s"},
        "ItemProcessor": {"StartAt": "I", "States": {"I": inner}},
        "MaxConcurrency": 1,
    }
    assert output_of(state, GIVEN) == [
        {"i": 0, "v": 1, "in": {"n": 1, "s": "x"}},
        {"i": 1, "v": 2, "in": {"n": 2, "s": "x"}},
    ]


def test_batches() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    state = {
        "Type": "Map",
        "ItemProcessor": inner,
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"k": 1}},
    }
    assert output_of(state, [1, 2, 3]) == [
        {"Items": [1, 2], "BatchInput": {"k": 1}},
        {"Items": [3], "BatchInput": {"k": 1}},
    ]


def test_items_that_are_no_array() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    played = play(one({"Type": "Map", "ItemsPath": "$.a", "ItemProcessor": inner}), GIVEN)
    assert played.error == "States.Runtime"
    assert str(played.cause).endswith('Reference path "$.a" must point to array.')


@pytest.mark.parametrize(
    ("fields", "waited_ms"),
    [
        ({"Seconds": 3}, 3000),
        ({"SecondsPath": "$.n"}, 2000),
        ({"Timestamp": "2026-01-01T00:00:10Z"}, 10_000),
        ({"Timestamp": "2026-01-01T02:00:00.5+02:00"}, 500),
        ({"Timestamp": "2016-01-01T00:00:00Z"}, 0),
        ({"TimestampPath": "$.at"}, 1000),
    ],
)
def test_wait(fields: dict[str, Any], waited_ms: int) -> None:
    played = play(one({"Type": "Wait", **fields}), {"n": 2, "at": "2026-01-01T00:00:01Z"})
    assert (played.status, played.duration_ms) == ("SUCCEEDED", waited_ms)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"SecondsPath": "$.no"},
            "The SecondsPath parameter does not reference an input value: $.no",
        ),
        (
            {"SecondsPath": "$.s"},
            "The SecondsPath parameter cannot be parsed as a long value: $.s == x",
        ),
        (
            {"SecondsPath": "$.n"},
            "The SecondsPath parameter cannot be parsed as a long value: $.n == -1",
        ),
        (
            {"TimestampPath": "$.no"},
            "The TimestampPath parameter does not reference an input value: $.no",
        ),
        (
            {"TimestampPath": "$.at"},
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
            "date-time format string: $.at == 2016-12-05 21:29:29Z",
        ),
    ],
)
def test_waits_that_cannot_be(fields: dict[str, Any], told: str) -> None:
    played = play(
        one({"Type": "Wait", **fields}), {"n": -1, "s": "x", "at": "2016-12-05 21:29:29Z"}
    )
    prefix = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert (played.error, played.cause) == ("States.Runtime", prefix + told)


def test_fail() -> None:
    played = play(
        one({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{}!', $.c)"}),
        {"e": "E", "c": "why"},
    )
    assert (played.status, played.error, played.cause) == ("FAILED", "E", "why!")
    bare = play(one({"Type": "Fail"}))
    assert bare.events[-1].details == {}


def _task(**fields: Any) -> dict[str, Any]:
    machine = one({"Type": "Task", "Resource": INVOKE, **fields})
    machine["States"]["H"] = {"Type": "Pass", "End": True}
    machine["States"]["S"].setdefault("Catch", [{"ErrorEquals": ["Unheard"], "Next": "H"}])
    return machine


def _errors(*names: str | None) -> Any:
    told: Iterator[str | None] = iter(names)
    return lambda _name, _command: Answer("ok", error=next(told))


def test_retriers_are_counted_one_by_one() -> None:
    retry = [
        {"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 2},
        {"ErrorEquals": ["C"], "IntervalSeconds": 5},
    ]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "H"}]
    played = play(_task(Retry=retry, Catch=catch), {}, _errors("A", "B", "C", "B"))
    # One and two seconds for the first, five for the second; then the first is used up.
    assert played.duration_ms == 8000
    assert played.path == ["S", "H"]
    assert played.output == '{"Error":"B","Cause":""}'


def test_delays_have_a_ceiling_and_jitter() -> None:
    retry = [{"ErrorEquals": ["A"], "IntervalSeconds": 4, "MaxDelaySeconds": 5, "MaxAttempts": 2}]
    assert play(_task(Retry=retry), {}, _errors("A", "A", None)).duration_ms == 9000
    retry[0]["JitterStrategy"] = "FULL"
    assert 0 < play(_task(Retry=retry), {}, _errors("A", "A", None)).duration_ms < 9000


@pytest.mark.parametrize(
    ("error", "catches", "is_caught"),
    [
        ("Custom", "States.ALL", True),
        ("Custom", "States.TaskFailed", True),
        ("Custom", "Other", False),
        ("States.Timeout", "States.Timeout", True),
        ("States.Timeout", "States.TaskFailed", False),
        ("States.Timeout", "States.HeartbeatTimeout", False),
        ("States.HeartbeatTimeout", "States.HeartbeatTimeout", True),
        ("States.HeartbeatTimeout", "States.Timeout", True),
        ("States.Runtime", "States.ALL", False),
        ("States.Permissions", "States.Permissions", True),
    ],
)
def test_what_catches_what(error: str, catches: str, is_caught: bool) -> None:
    played = play(_task(Catch=[{"ErrorEquals": [catches], "Next": "H"}]), {}, _errors(error))
    assert (played.status == "SUCCEEDED") is is_caught


def test_the_retry_count_is_in_the_context() -> None:
    asked: list[Any] = []

    def answer(_name: str, command: Schedule) -> Answer:
        asked.append(json.loads(command.arguments)["n"])
        return Answer(error="A" if len(asked) < 3 else None)

    fields = {"Parameters": {"n.$": "$$.State.RetryCount"}, "Retry": [{"ErrorEquals": ["A"]}]}
    assert play(_task(**fields), {}, answer).status == "SUCCEEDED"
    assert asked == [0, 1, 2]


def test_a_token_is_in_the_context() -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"Token.$": "$$.Task.Token"},
    }
    asked: list[Schedule] = []

    def answer(_name: str, command: Schedule) -> Answer:
        asked.append(command)
        return Answer("done")

    played = play(one(state), {}, answer)
    assert types(played.events)[2:6] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ]
    assert json.loads(asked[0].arguments) == {"Token": asked[0].token}
    assert asked[0].token.endswith("#3")


def test_an_execution_that_takes_too_long() -> None:
    played = play({**one({"Type": "Wait", "Seconds": 60}), "TimeoutSeconds": 5})
    assert (played.status, played.duration_ms) == ("TIMED_OUT", 5000)
    assert types(played.events)[-1] == "ExecutionTimedOut"


def test_data_that_nests_too_deeply() -> None:
    state = {"Type": "Pass", "Parameters": {"deep.$": "States.StringToJson($.s)"}}
    played = play(one(state), {"s": "[" * 50_000 + "]" * 50_000})
    assert played.error == "States.Runtime"
    task = {"Type": "Task", "Resource": INVOKE}
    run = run_of(one(task))
    state_now, _ = run.begin("{}", context_for(), START_MS, lambda: 0.5)
    advance = run.resume(
        state_now, TaskSucceeded(3, "[" * 50_000 + "]" * 50_000), START_MS, lambda: 0.5
    )
    assert (advance.status, advance.error) == ("FAILED", "States.Runtime")


def test_a_path_that_finds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.languages.asl.jsonpath_steps.FOUND_MAX", 1000)
    deep: Any = 1
    for _ in range(30):
        deep = [deep, 1]
    played = play(one({"Type": "Pass", "Parameters": {"v.$": "$..*..*..*"}}), {"a": deep})
    assert "A path finds more than 1000 values." in str(played.cause)


def test_many_values_are_made_unique_at_once() -> None:
    value = [*range(20_000), *range(20_000), {"a": [1]}, {"a": [1.0]}]
    output = output_of(
        {"Type": "Pass", "Parameters": {"n.$": "States.ArrayLength(States.ArrayUnique($))"}}, value
    )
    assert output == {"n": 20_001}
