"""Histories event for event: what follows what, as the service numbers it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.languages.asl.playing import INVOKE, LAMBDA, one, play, previous, types

from pileus.languages.asl.events import detail_member, wire_event
from pileus.languages.asl.rehearsal import Answer
from pileus.languages.asl.run_state import Limits

WHOLE = {"truncated": False}


def _pass(**more: Any) -> dict[str, Any]:
    return {"Type": "Pass", "End": True, **more}


def _parallel(*branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    inside = [{"StartAt": next(iter(each)), "States": each} for each in branches]
    return one({"Type": "Parallel", "Branches": inside, **more})


def _map(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    processor = {"StartAt": next(iter(states)), "States": states}
    return one({"Type": "Map", "ItemProcessor": processor, **more})


def test_a_pass_state() -> None:
    played = play(one({"Type": "Pass"}), {"a": 1})
    assert [wire_event(event) | {"timestamp": 0} for event in played.events] == [
        {
            "timestamp": 0,
            "type": "ExecutionStarted",
            "id": 1,
            "previousEventId": 0,
            "executionStartedEventDetails": {
                "input": '{"a":1}',
                "inputDetails": WHOLE,
                "roleArn": "arn:aws:iam::000000000000:role/Rehearsed",
            },
        },
        {
            "timestamp": 0,
            "type": "PassStateEntered",
            "id": 2,
            "previousEventId": 0,
            "stateEnteredEventDetails": {"name": "S", "input": '{"a":1}', "inputDetails": WHOLE},
        },
        {
            "timestamp": 0,
            "type": "PassStateExited",
            "id": 3,
            "previousEventId": 2,
            "stateExitedEventDetails": {"name": "S", "output": '{"a":1}', "outputDetails": WHOLE},
        },
        {
            "timestamp": 0,
            "type": "ExecutionSucceeded",
            "id": 4,
            "previousEventId": 3,
            "executionSucceededEventDetails": {"output": '{"a":1}', "outputDetails": WHOLE},
        },
    ]


def test_a_lambda_task() -> None:
    played = play(one({"Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 5}), {"a": 1})
    assert types(played.events)[1:-1] == [
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6]
    assert played.events[2].details == {
        "resource": LAMBDA,
        "input": '{"a":1}',
        "inputDetails": WHOLE,
        "timeoutInSeconds": 5,
    }
    assert played.events[3].details is None
    assert played.events[4].details == {"output": "{}", "outputDetails": WHOLE}


def test_an_integration_that_is_caught() -> None:
    machine = {
        "StartAt": "S",
        "States": {
            "S": {
                "Type": "Task",
                "Resource": INVOKE,
                "HeartbeatSeconds": 3,
                "TimeoutSeconds": 9,
                "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"},
                "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "After"}],
                "End": True,
            },
            "After": _pass(),
        },
    }
    played = play(machine, {}, lambda _name, _command: Answer(error="Boom", cause="why"))
    assert types(played.events)[1:] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6, 7, 8]
    named = {"resourceType": "lambda", "resource": "invoke"}
    assert played.events[2].details == {
        **named,
        "region": "us-east-1",
        "parameters": "{}",
        "timeoutInSeconds": 9,
        "heartbeatInSeconds": 3,
        "taskCredentials": {"roleArn": "arn:aws:iam::1:role/r"},
    }
    assert played.events[3].details == named
    assert played.events[4].details == {**named, "error": "Boom", "cause": "why"}
    assert played.output == '{"Error":"Boom","Cause":"why"}'


def test_an_activity() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:work"
    played = play(one({"Type": "Task", "Resource": arn, "HeartbeatSeconds": 1}))
    assert types(played.events)[2:5] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
    ]
    assert played.events[2].details == {
        "resource": arn,
        "input": "{}",
        "inputDetails": WHOLE,
        "heartbeatInSeconds": 1,
    }


def test_branches_have_chains_of_their_own() -> None:
    machine = _parallel({"A1": _pass(End=False, Next="A2"), "A2": _pass()}, {"B1": _pass()})
    played = play(machine, {"x": "a"})
    assert types(played.events)[:3] == [
        "ExecutionStarted",
        "ParallelStateEntered",
        "ParallelStateStarted",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6, 3, 8, 9, 9, 11]
    assert played.events[2].details is None
    assert played.events[-1].details == {"output": '[{"x":"a"},{"x":"a"}]', "outputDetails": WHOLE}


def test_iterations_one_after_the_other() -> None:
    played = play(_map({"I": _pass()}, MaxConcurrency=1), [1, 2])
    assert types(played.events)[2:] == [
        "MapStateStarted",
        "MapIterationStarted",
        "PassStateEntered",
        "PassStateExited",
        "MapIterationSucceeded",
        "MapIterationStarted",
        "PassStateEntered",
        "PassStateExited",
        "MapIterationSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6, 6, 8, 9, 10, 11, 11, 13]
    assert played.events[2].details == {"length": 2}
    assert played.events[3].details == {"name": "S", "index": 0}


def test_a_map_over_nothing() -> None:
    played = play(_map({"I": _pass()}), [])
    assert types(played.events)[2:] == [
        "MapStateStarted",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 3, 5]


def test_iterations_that_are_ended_because_one_failed() -> None:
    task = {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 5, "End": True}
    played = play(_map({"T": task}), [1, 2], lambda _name, _command: Answer(error="States.Timeout"))
    assert types(played.events)[3:] == [
        "MapIterationStarted",
        "MapIterationStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskTimedOut",
        "MapIterationFailed",
        "TaskStateAborted",
        "MapIterationAborted",
        "TaskStateAborted",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 3, 4, 6, 5, 8, 7, 10, 11, 11, 11, 11, 11, 16]
    assert played.events[-1].details == {"error": "States.Timeout"}


def test_a_fail_state_in_an_iteration() -> None:
    fail = {"Type": "Fail", "Error": "SomeFailure", "Cause": "so"}
    played = play(_map({"Break": fail}, MaxConcurrency=1), [1, 2])
    assert types(played.events)[4:] == [
        "FailStateEntered",
        "MapIterationFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 5, 7]
    assert played.events[-1].details == {"error": "SomeFailure", "cause": "so"}


def test_a_runtime_error_in_a_branch_ends_everything_at_once() -> None:
    machine = _parallel(
        {"Fast": _pass(Parameters={"m.$": "$.nope"})},
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "S"}],
    )
    played = play(machine, {"x": "a"})
    assert types(played.events)[2:] == [
        "ParallelStateStarted",
        "PassStateEntered",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4]
    assert played.error == "States.Runtime"
    assert played.cause == (
        "An error occurred while executing the state 'Fast' (entered at the event id #4). The "
        "JSONPath '$.nope' specified for the field 'm.$' could not be found in the input "
        '\'{"x":"a"}\''
    )


def test_a_task_that_ends_its_branch_is_aborted() -> None:
    machine = _parallel({"Send": {"Type": "Task", "Resource": INVOKE, "End": True}})
    machine["States"]["S"]["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "H"}]
    machine["States"]["H"] = _pass()
    played = play(machine, {}, lambda _name, _command: Answer(error="Boom"))
    assert types(played.events)[6:] == [
        "TaskFailed",
        "TaskStateAborted",
        "ParallelStateFailed",
        "ParallelStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6, 7, 7, 9, 10, 11, 12]


def test_a_parallel_that_is_tried_again() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 0}]
    played = play(_parallel({"Boom": {"Type": "Fail", "Error": "E"}}, Retry=retry))
    assert types(played.events)[2:] == [
        "ParallelStateStarted",
        "FailStateEntered",
        "ParallelStateStarted",
        "FailStateEntered",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6, 7]


def test_a_parallel_whose_own_output_fails() -> None:
    played = play(_parallel({"Ok": _pass()}, ResultSelector={"m.$": "$.nope"}))
    assert types(played.events)[5:] == ["ParallelStateSucceeded", "ExecutionFailed"]
    assert previous(played.events) == [0, 0, 2, 3, 4, 5, 6]
    assert played.cause is not None
    assert played.cause.startswith(
        "An error occurred while executing the state 'S' (entered at the event id #2). "
    )


def test_siblings_that_wait_are_aborted() -> None:
    wait = {"Type": "Wait", "Seconds": 60, "End": True}
    boom = {"Type": "Fail", "Error": "E"}
    played = play(_parallel({"W": wait}, {"B": boom}))
    assert types(played.events)[3:] == [
        "WaitStateEntered",
        "FailStateEntered",
        "WaitStateAborted",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]
    assert previous(played.events) == [0, 0, 2, 3, 3, 5, 5, 7]
    assert played.duration_ms == 0


def test_a_choice_that_nothing_matches() -> None:
    rule = {"Variable": "$.x", "StringEquals": "never", "Next": "Done"}
    machine = one({"Type": "Choice", "Choices": [rule]})
    machine["States"]["Done"] = _pass()
    played = play(machine, {"x": "a"})
    assert types(played.events) == ["ExecutionStarted", "ChoiceStateEntered", "ExecutionFailed"]
    assert played.error == "States.Runtime"
    assert played.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). Failed to "
        "transition out of the state. The state does not point to a next state."
    )


def test_a_history_that_is_full() -> None:
    loop = {
        "StartAt": "L",
        "States": {"L": {"Type": "Choice", "Choices": [], "Default": "L"}, "E": _pass()},
    }
    rule = {"Variable": "$.stop", "IsPresent": True, "Next": "E"}
    loop["States"]["L"]["Choices"] = [rule]  # type: ignore[index]
    played = play(loop, {"spin": True}, limits=Limits(history_events=25))
    assert [played.events[-1].id, played.events[-1].previous_id] == [25, 24]
    assert played.events[-1].type == "ExecutionFailed"
    assert (
        played.events[-2].type == "ChoiceStateExited"
        or played.events[-2].type == "ChoiceStateEntered"
    )
    assert (played.error, played.cause) == (
        "States.Runtime",
        "The execution reached the maximum number of history events (25).",
    )


def test_a_result_that_is_too_large_is_caught() -> None:
    state = {
        "Type": "Task",
        "Resource": LAMBDA,
        "Catch": [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "H"}],
        "End": True,
    }
    machine = {"StartAt": "S", "States": {"S": state, "H": _pass()}}
    played = play(machine, {}, lambda _name, _command: Answer("x" * 300_000))
    cause = (
        f"The state/task '{LAMBDA}' returned a result with a size exceeding the maximum number of "
        "bytes service limit."
    )
    assert played.events[4].type == "LambdaFunctionFailed"
    assert played.events[4].details == {"error": "States.DataLimitExceeded", "cause": cause}
    assert played.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("PassStateEntered", "stateEnteredEventDetails"),
        ("MapStateExited", "stateExitedEventDetails"),
        ("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails"),
        ("ExecutionStarted", "executionStartedEventDetails"),
        ("EvaluationFailed", "evaluationFailedEventDetails"),
        ("MapRunStarted", "mapRunStartedEventDetails"),
    ],
)
def test_where_details_stand(kind: str, member: str) -> None:
    assert detail_member(kind) == member
