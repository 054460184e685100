"""Cases of a state machine: its input, what its tasks answer, and what is to come of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pileus.languages.asl.commands import Schedule
from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.rehearsal import Answer, NoAnswer, Rehearsal, rehearse
from pileus.languages.asl.run import Run


class Mock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a task answers: a result, or an error and its cause."""

    result: Any = None
    error: str | None = None
    cause: str | None = None


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to come of an execution; what is left out may be anything.

    Attributes:
        path: the names of the states that are entered, in order.
        duration_s: how much time passes in it.
    """

    status: str = "SUCCEEDED"
    output: Any = msgspec.UNSET
    error: str | None = None
    cause: str | None = None
    path: list[str] | None = None
    duration_s: float | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case.

    Attributes:
        mocks: by the states' names: one answer for every time, or a list, one for each time.
    """

    name: str
    input: Any = msgspec.field(default_factory=dict)
    mocks: dict[str, Mock | list[Mock]] = msgspec.field(default_factory=dict)
    expect: Expectation = Expectation()


class Casebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cases of a state machine."""

    cases: list[Case]


class Outcome(msgspec.Struct):
    """How a case went.

    Attributes:
        differences: what is not as expected, in sentences; nothing when all is.
    """

    name: str
    differences: list[str]
    rehearsal: Rehearsal | None = None


def read_casebook(given: Any) -> Casebook:
    """Cases as they stand in a file.

    Raises:
        ValueError: with what is wrong, and where.
    """
    try:
        return msgspec.convert(given, Casebook)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def play_case(run: Run, case: Case, chance: Callable[[], float]) -> Outcome:
    """Play a case through and compare."""
    answers = _Answers(case.mocks)
    try:
        played = rehearse(run, encode(case.input), answers, chance)
    except NoAnswer as missing:
        return Outcome(case.name, [str(missing)])
    differences = list(_differences(case.expect, played))
    differences += [f"the mock of {name!r} was not asked for" for name in answers.unused]
    return Outcome(case.name, differences, played)


class _Answers:
    def __init__(self, mocks: Mapping[str, Mock | list[Mock]]) -> None:
        self._mocks = mocks
        self._asked: dict[str, int] = {}

    @property
    def unused(self) -> list[str]:
        """Mocks that nobody asked for."""
        return [name for name in self._mocks if name not in self._asked]

    def __call__(self, name: str, command: Schedule) -> Answer:
        if name not in self._mocks:
            raise NoAnswer(
                f"{name!r} has no mock; it asks {command.resource.arn} for {command.arguments}"
            )
        at = self._asked[name] = self._asked.get(name, 0) + 1
        mock = self._mocks[name]
        if isinstance(mock, list):
            if at > len(mock):
                raise NoAnswer(f"{name!r} is tried {at} times, and has {len(mock)} mocks")
            mock = mock[at - 1]
        return Answer(mock.result, mock.error, mock.cause)


def _differences(expected: Expectation, played: Rehearsal) -> list[str]:
    found = []
    if played.status != expected.status:
        why = f": {played.error}: {played.cause}" if played.status == "FAILED" else ""
        found.append(f"status is {played.status}, not {expected.status}{why}")
    if expected.output is not msgspec.UNSET:
        output = None if played.output is None else decode(played.output)
        if output != expected.output or played.output is None:
            found.append(f"output is {_shown(output)}, not {_shown(expected.output)}")
    for name in ("error", "cause", "path"):
        wanted, got = getattr(expected, name), getattr(played, name)
        if wanted is not None and got != wanted:
            found.append(f"{name} is {_shown(got)}, not {_shown(wanted)}")
    if expected.duration_s is not None and played.duration_ms != round(expected.duration_s * 1000):
        found.append(f"duration is {played.duration_ms / 1000:g} s, not {expected.duration_s:g} s")
    return found


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
