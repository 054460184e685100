"""State machines of tests: played through, and their histories in short."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from pileus.languages.asl.commands import Schedule
from pileus.languages.asl.definition import compile_definition
from pileus.languages.asl.events import Event
from pileus.languages.asl.rehearsal import Answer, Rehearsal, rehearse
from pileus.languages.asl.run import Run
from pileus.languages.asl.run_state import Limits

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:f"
INVOKE = "arn:aws:states:::lambda:invoke"


def text_of(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def run_of(definition: dict[str, Any], limits: Limits | None = None) -> Run:
    """What advances executions of a definition."""
    return Run(compile_definition(json.dumps(definition)), limits=limits)


def play(
    definition: dict[str, Any],
    value: Any = None,
    answers: Callable[[str, Schedule], Answer] | None = None,
    limits: Limits | None = None,
) -> Rehearsal:
    """Play a definition through."""
    told = answers or (lambda _name, _command: Answer({}))
    given = text_of({} if value is None else value)
    return rehearse(run_of(definition, limits), given, told, random.Random(7).random)


def one(state: dict[str, Any], **machine: Any) -> dict[str, Any]:
    """A machine of one state, ``S``."""
    ends = {} if state["Type"] in ("Succeed", "Fail", "Choice") else {"End": True}
    return {"StartAt": "S", "States": {"S": {**ends, **state}}, **machine}


def output_of(state: dict[str, Any], value: Any = None, **machine: Any) -> Any:
    """The output of a machine of one state, which must succeed."""
    played = play(one(state, **machine), value)
    assert played.status == "SUCCEEDED", (played.error, played.cause)
    assert played.output is not None
    return json.loads(played.output)


def types(events: list[Event]) -> list[str]:
    """The types of events."""
    return [event.type for event in events]


def previous(events: list[Event]) -> list[int]:
    """What each event follows."""
    return [event.previous_id for event in events]
