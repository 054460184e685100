"""Distributed Maps: what is asked of those who run the children, and what comes of their answers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.unit.languages.asl.playing import INVOKE, one, play, previous, run_of, types

from pileus.languages.asl.commands import (
    CancelMapRun,
    Happened,
    MapRunFailed,
    MapRunStarted,
    MapRunSucceeded,
    Schedule,
    StartMapRun,
    Stopped,
)
from pileus.languages.asl.errors import StateFailure
from pileus.languages.asl.events import Event
from pileus.languages.asl.rehearsal import START_MS, Answer, context_for
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import RunState, decode_state, encode_state

CHANCE = random.Random(3).random
ARN = "arn:aws:states:us-east-1:000000000000:mapRun:Rehearsed/S:1"


def _map(**more: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": {"Type": "Pass", "Result": "child", "End": True}},
    }
    return {"Type": "Map", "ItemProcessor": processor, **more}


def _begin(definition: dict[str, Any], text: str) -> tuple[Run, RunState, Advance, list[Event]]:
    run = run_of(definition)
    state, advance = run.begin(text, context_for(), START_MS, CHANCE)
    return run, state, advance, list(advance.events)


def _tell(run: Run, state: RunState, events: list[Event], *told: Happened) -> Advance:
    advance = Advance([], [], "RUNNING")
    for each in told:
        advance = run.resume(state, each, START_MS, CHANCE)
        events += advance.events
    return advance


def test_a_run_that_succeeds() -> None:
    run, state, advance, events = _begin(
        one(_map(Label="L", ToleratedFailureCount=2, MaxConcurrency=7)), "[1,2]"
    )
    assert advance.commands == [
        StartMapRun(3, "S", 1, "STANDARD", 7, [1, 2], tolerated_count=2, label="L")
    ]
    state = decode_state(encode_state(state))
    done = _tell(run, state, events, MapRunStarted(3, ARN), MapRunSucceeded(3, "[5,6]"))
    assert types(events)[1:] == [
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert previous(events) == [0, 0, 2, 3, 4, 5, 4, 7]
    assert events[3].details == {"mapRunArn": ARN}
    assert done.output == "[5,6]"


def test_a_run_that_fails_and_is_caught() -> None:
    machine = one(
        _map(Catch=[{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "H"}])
    )
    machine["States"]["H"] = {"Type": "Pass", "End": True}
    run, state, _, events = _begin(machine, "[1]")
    failed = MapRunFailed(3, "States.ExceedToleratedFailureThreshold", "too many")
    done = _tell(run, state, events, MapRunStarted(3, ARN), failed)
    assert types(events)[4:7] == ["MapRunFailed", "MapStateFailed", "MapStateExited"]
    assert done.output == '{"Error":"States.ExceedToleratedFailureThreshold","Cause":"too many"}'


def test_a_reader_with_its_arguments() -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {
            "InputType": "CSV",
            "CSVHeaderLocation": "FIRST_ROW",
            "MaxItemsPath": "$.most",
        },
        "Parameters": {"Bucket.$": "$.bucket", "Key": "k"},
    }
    _, _, advance, _ = _begin(one(_map(ItemReader=reader)), '{"bucket":"b","most":9}')
    (command,) = advance.commands
    assert isinstance(command, StartMapRun)
    assert command.items is None
    assert command.items_max == 9
    assert command.reader is not None
    assert command.reader["Parameters"] == {"Bucket": "b", "Key": "k"}


def test_inputs_of_children() -> None:
    selector = {"n.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "shared.$": "$.s"}
    run, state, _, _ = _begin(
        one(_map(ItemsPath="$.items", ItemSelector=selector)), '{"s":1,"items":[]}'
    )
    assert run.child_inputs(state, 3, 10, ["a", "b"], START_MS, CHANCE) == [
        '{"n":"a","at":10,"shared":1}',
        '{"n":"b","at":11,"shared":1}',
    ]
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"x.$": "$.s"}}
    run, state, _, _ = _begin(
        one(_map(ItemsPath="$.items", ItemBatcher=batcher)), '{"s":1,"items":[]}'
    )
    assert run.child_inputs(state, 3, 0, [1, 2, 3], START_MS, CHANCE) == [
        '{"Items":[1,2],"BatchInput":{"x":1}}',
        '{"Items":[3],"BatchInput":{"x":1}}',
    ]
    selector = {"n.$": "$.gone"}
    run, state, _, _ = _begin(one(_map(ItemsPath="$.items", ItemSelector=selector)), '{"items":[]}')
    with pytest.raises(StateFailure):
        run.child_inputs(state, 3, 0, [1], START_MS, CHANCE)


def test_a_child_is_an_execution_of_its_own() -> None:
    definition = one(_map())
    program_run = run_of(definition)
    child = Run(program_run.program, block=1)
    _, advance = child.begin("5", context_for(), START_MS, CHANCE)
    assert types(advance.events) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert advance.output == '"child"'


def test_a_stopped_execution_stops_its_run() -> None:
    run, state, _, events = _begin(one(_map()), "[1]")
    done = _tell(run, state, events, Stopped("E", "why"))
    assert done.commands == [CancelMapRun(3)]
    assert (done.status, events[-1].type) == ("ABORTED", "ExecutionAborted")
    assert events[-1].details == {"error": "E", "cause": "why"}


def _failing_for_two(_name: str, command: Schedule) -> Answer:
    return Answer(error="E") if command.arguments == "2" else Answer(int(command.arguments) * 10)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailureCount": 1}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 40}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, "FAILED"),
        ({"ToleratedFailureCount": 0, "ToleratedFailurePercentage": 99}, "FAILED"),
    ],
)
def test_a_rehearsal_plays_the_children(fields: dict[str, Any], status: str) -> None:
    state = _map(**fields)
    state["ItemProcessor"]["States"]["I"] = {"Type": "Task", "Resource": INVOKE, "End": True}
    played = play(one(state), [1, 2, 3], _failing_for_two)
    assert played.status == status
    assert played.path == ["S", "I", "I", "I"]
    if status == "SUCCEEDED":
        assert played.output == "[10,30]"
    else:
        assert played.error == "States.ExceedToleratedFailureThreshold"
        assert played.cause == "The specified tolerated failure threshold was exceeded"


def test_a_rehearsal_asks_for_what_a_reader_would_read() -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"MaxItems": 2},
        "Parameters": {"Key.$": "$.k"},
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b", "Prefix": "p"},
    }
    asked: list[str] = []

    def answer(_name: str, command: Schedule) -> Answer:
        asked.append(command.arguments)
        return Answer([1, 2, 3])

    played = play(one(_map(ItemReader=reader, ResultWriter=writer)), {"k": "x"}, answer)
    assert asked == ['{"Key":"x"}']
    assert played.path == ["S", "I", "I"]
    assert played.output is not None
    assert '"ResultWriterDetails":{"Bucket":"b","Key":"p/3/manifest.json"}' in played.output
