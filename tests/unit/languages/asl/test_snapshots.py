"""Executions that are stored and taken up again at every pause go on as if nothing had been."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.languages.asl.playing import INVOKE, run_of, text_of

from pileus.languages.asl.commands import (
    Cancel,
    CancelWake,
    Schedule,
    TaskFailed,
    TaskSucceeded,
    WakeAt,
    Woken,
)
from pileus.languages.asl.events import Event
from pileus.languages.asl.rehearsal import START_MS, context_for
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import RunState, decode_state, encode_state

TASK: dict[str, Any] = {
    "Type": "Task",
    "Resource": INVOKE,
    "Retry": [{"ErrorEquals": ["Again"], "MaxAttempts": 1}],
    "Assign": {"seen.$": "$"},
    "End": True,
}
MACHINE: dict[str, Any] = {
    "StartAt": "P",
    "States": {
        "P": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": TASK}},
                {
                    "StartAt": "W",
                    "States": {"W": {"Type": "Wait", "Seconds": 2, "Next": "B"}, "B": TASK},
                },
                {
                    "StartAt": "M",
                    "States": {
                        "M": {
                            "Type": "Map",
                            "ItemsPath": "$.items",
                            "MaxConcurrency": 2,
                            "ItemProcessor": {"StartAt": "I", "States": {"I": TASK}},
                            "End": True,
                        }
                    },
                },
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
            "Next": "C",
        },
        "C": {"Type": "Pass", "End": True},
    },
}


class _World:
    """Answers what was asked, in any order.

    Args:
        keeps: whether the state is encoded and decoded at every pause.
    """

    def __init__(self, run: Run, seed: int, *, keeps: bool, max_steps: int = 3) -> None:
        self._run, self._keeps, self._max_steps = run, keeps, max_steps
        self._dice, self._chance = random.Random(seed), random.Random(seed)
        self._open: dict[tuple[str, int], Any] = {}
        self.events: list[Event] = []

    def play(self) -> str:
        given = text_of({"items": [1, 2, 3]})
        state, advance = self._run.begin(given, context_for(), START_MS, self._chance.random)
        self._take(advance)
        while not advance.is_finished:
            if self._keeps:
                state = decode_state(encode_state(state))
            advance = self._go_on(state, advance)
            self._take(advance)
        assert not self._open, "what nobody waits for any longer was not cancelled"
        return advance.status

    def _go_on(self, state: RunState, advance: Advance) -> Advance:
        if advance.is_paused:
            return self._run.go_on(state, START_MS, self._chance.random, self._max_steps)
        key = self._dice.choice(sorted(self._open))
        del self._open[key]
        kind, number = key
        happened: Any = Woken(number)
        if kind == "task":
            error = self._dice.choice([None, None, None, "Again", "Boom"])
            happened = (
                TaskSucceeded(number, f'{{"n":{number}}}')
                if error is None
                else TaskFailed(number, error)
            )
        return self._run.resume(state, happened, START_MS, self._chance.random)

    def _take(self, advance: Advance) -> None:
        self.events += advance.events
        for command in advance.commands:
            if isinstance(command, Schedule):
                self._open["task", command.task_id] = command
            elif isinstance(command, WakeAt):
                self._open["timer", command.timer_id] = command
            elif isinstance(command, Cancel):
                self._open.pop(("task", command.task_id))
            elif isinstance(command, CancelWake):
                self._open.pop(("timer", command.timer_id))


RUN = run_of(MACHINE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_storing_changes_nothing(seed: int) -> None:
    kept, never = _World(RUN, seed, keeps=True), _World(RUN, seed, keeps=False)
    assert kept.play() == never.play()
    assert kept.events == never.events


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_any_order_of_answers_gives_a_valid_history(seed: int) -> None:
    world = _World(RUN, seed, keeps=False)
    status = world.play()
    events = world.events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(0 <= event.previous_id < event.id for event in events)
    assert [event.type for event in events].count("ExecutionStarted") == 1
    assert status == "SUCCEEDED"
    entered = sum(event.type == "TaskStateEntered" for event in events)
    left = sum(event.type in ("TaskStateExited", "TaskStateAborted") for event in events)
    assert entered == left
    begun = sum(event.type == "MapIterationStarted" for event in events)
    ended = sum(
        event.type in ("MapIterationSucceeded", "MapIterationFailed", "MapIterationAborted")
        for event in events
    )
    assert begun == ended


def test_what_nobody_waits_for_is_ignored() -> None:
    run = run_of(MACHINE)
    state, _ = run.begin('{"items":[]}', context_for(), START_MS, random.Random(1).random)
    before = encode_state(state)
    for happened in (TaskSucceeded(999, "{}"), Woken(999)):
        advance = run.resume(state, happened, START_MS, random.Random(1).random)
        assert advance.is_ignored
        assert not advance.events
    assert encode_state(state) == before


def test_long_integers_survive_storing() -> None:
    run = run_of({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})
    state, _ = run.begin(
        '{"n": 123456789012345678901234567890}', context_for(), START_MS, random.Random(1).random
    )
    again = decode_state(encode_state(state))
    advance = run.resume(again, Woken(1), START_MS, random.Random(1).random)
    assert advance.output == '{"n": 123456789012345678901234567890}'
    assert again.input == {"n": 123456789012345678901234567890}


def test_a_loop_of_pure_states_is_paused() -> None:
    loop = {
        "StartAt": "L",
        "States": {
            "L": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "E"}],
                "Default": "L",
            },
            "E": {"Type": "Succeed"},
        },
    }
    run = run_of(loop)
    state, advance = run.begin('{"n":0}', context_for(), START_MS, random.Random(1).random)
    assert advance.is_paused
    assert not advance.is_finished
    again = run.go_on(state, START_MS, random.Random(1).random, max_steps=10)
    assert len(again.events) == 20
    assert again.events[0].id == advance.events[-1].id + 1
