"""Definitions compiled to programs.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html and
https://states-language.net/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pileus.languages.asl.choice import compile_rule
from pileus.languages.asl.data_flow import compile_filter_path, compile_merge, compile_number
from pileus.languages.asl.definition_maps import compile_mapping
from pileus.languages.asl.errors import InvalidDefinition, StateFailure, runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.json_text import decode
from pileus.languages.asl.jsonata import compile_jsonata, compile_typed, is_expression
from pileus.languages.asl.states import (
    Assigner,
    Block,
    Branching,
    Catcher,
    Program,
    Retrier,
    State,
    parse_resource,
)
from pileus.languages.asl.templates import compile_template, compile_value
from pileus.languages.asl.timestamps import parse_timestamp_ns
from pileus.languages.asl.validation import diagnose

RETRY_INTERVAL_S: Final = 1
RETRY_ATTEMPTS: Final = 3
RETRY_BACKOFF: Final = 2.0


def compile_definition(text: str, *, kind: str = "STANDARD") -> Program:
    """Compile a definition.

    Args:
        text: the definition, JSON.
        kind: ``STANDARD`` or ``EXPRESS``; some fields are refused for the latter.
    Returns:
        The program; when it contains JSONata, only the thread that compiled it may run it.
    Raises:
        InvalidDefinition: with every error found.
    """
    errors = [each for each in diagnose(text, kind=kind) if each.severity == "ERROR"]
    if errors:
        raise InvalidDefinition(errors)
    return _Compiler().program(decode(text))


class _Compiler:
    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._is_jsonata = False

    def program(self, machine: Mapping[str, Any]) -> Program:
        self._is_jsonata = machine.get("QueryLanguage") == "JSONata"
        self.block(machine)
        return Program(
            self._blocks,
            machine.get("TimeoutSeconds"),
            machine.get("Comment"),
            machine.get("Version", "1.0"),
        )

    def block(self, machine: Mapping[str, Any]) -> int:
        """Compile a machine inside; its number."""
        number = len(self._blocks)
        block = Block(machine["StartAt"], {})
        self._blocks.append(block)
        for name, given in machine["States"].items():
            block.states[name] = self._state(name, given)
        return number

    def _state(self, name: str, given: Mapping[str, Any]) -> State:
        kind = given["Type"]
        state = State(
            name,
            kind,
            is_jsonata=given.get("QueryLanguage", "JSONata" if self._is_jsonata else "JSONPath")
            == "JSONata",
            next=given.get("Next"),
            entered=f"{kind}StateEntered",
            exited=f"{kind}StateExited",
        )
        if state.is_jsonata:
            _jsonata_flow(state, given)
        else:
            _jsonpath_flow(state, given)
        state.retriers = tuple(map(_retrier, given.get("Retry", ())))
        state.catchers = tuple(
            _catcher(each, at, is_jsonata=state.is_jsonata)
            for at, each in enumerate(given.get("Catch", ()))
        )
        if kind == "Parallel":
            state.blocks = tuple(self.block(branch) for branch in given["Branches"])
        elif kind == "Map":
            processor = given["ItemProcessor"] if "ItemProcessor" in given else given["Iterator"]
            state.mapping = compile_mapping(
                given, self.block(processor), is_jsonata=state.is_jsonata
            )
        elif kind in _OWN_FIELDS:
            _OWN_FIELDS[kind](state, given)
        return state


def _jsonata_flow(state: State, given: Mapping[str, Any]) -> None:
    if "Output" in given:
        state.output = compile_jsonata(given["Output"], "Output")
    if "Arguments" in given:
        state.arguments = compile_jsonata(given["Arguments"], "Arguments")
    if "Assign" in given:
        state.assign = _jsonata_assigner(given["Assign"], "Assign")


def _jsonpath_flow(state: State, given: Mapping[str, Any]) -> None:
    if "InputPath" in given:
        state.input = compile_filter_path(given["InputPath"])
    if "OutputPath" in given:
        state.output_path = compile_filter_path(given["OutputPath"])
    if "ResultPath" in given:
        state.merge = compile_merge(given["ResultPath"])
    if "Parameters" in given and state.type != "Map":
        state.parameters = compile_template(given["Parameters"])
    if "ResultSelector" in given:
        state.selector = compile_template(given["ResultSelector"])
    if "Assign" in given:
        state.assign = compile_template(given["Assign"])


def _jsonata_assigner(assign: Mapping[str, Any], field: str) -> Assigner:
    readers = {name: compile_jsonata(value, f"{field}/{name}") for name, value in assign.items()}
    return lambda data, frame: {name: read(data, frame) for name, read in readers.items()}


def _retrier(given: Mapping[str, Any]) -> Retrier:
    return Retrier(
        frozenset(given["ErrorEquals"]),
        given.get("IntervalSeconds", RETRY_INTERVAL_S),
        given.get("MaxAttempts", RETRY_ATTEMPTS),
        given.get("BackoffRate", RETRY_BACKOFF),
        given.get("MaxDelaySeconds"),
        given.get("JitterStrategy") == "FULL",
    )


def _catcher(given: Mapping[str, Any], at: int, *, is_jsonata: bool) -> Catcher:
    errors = frozenset(given["ErrorEquals"])
    field = f"Catch[{at}]"
    if is_jsonata:
        return Catcher(
            errors,
            given["Next"],
            output=compile_jsonata(given["Output"], f"{field}/Output")
            if "Output" in given
            else None,
            assign=_jsonata_assigner(given["Assign"], f"{field}/Assign")
            if "Assign" in given
            else None,
        )
    return Catcher(
        errors,
        given["Next"],
        merge=compile_merge(given["ResultPath"]) if "ResultPath" in given else None,
        assign=compile_template(given["Assign"]) if "Assign" in given else None,
    )


def _pass(state: State, given: Mapping[str, Any]) -> None:
    state.has_result = "Result" in given
    state.result = given.get("Result")


def _task(state: State, given: Mapping[str, Any]) -> None:
    state.resource = parse_resource(given["Resource"])
    state.timeout = compile_number(given, "TimeoutSeconds", is_jsonata=state.is_jsonata)
    state.heartbeat = compile_number(given, "HeartbeatSeconds", is_jsonata=state.is_jsonata)
    if "Credentials" in given:
        compiled = (
            compile_jsonata(given["Credentials"], "Credentials") if state.is_jsonata else None
        )
        state.credentials = compiled or compile_template(given["Credentials"])


def _choice(state: State, given: Mapping[str, Any]) -> None:
    choices = []
    for at, rule in enumerate(given["Choices"]):
        field = f"Choices[{at}]"
        if state.is_jsonata:
            choices.append(
                Branching(
                    rule["Next"],
                    compile_typed(rule["Condition"], f"{field}/Condition", "boolean"),
                    compile_jsonata(rule["Output"], f"{field}/Output")
                    if "Output" in rule
                    else None,
                    _jsonata_assigner(rule["Assign"], f"{field}/Assign")
                    if "Assign" in rule
                    else None,
                )
            )
        else:
            assign = compile_template(rule["Assign"]) if "Assign" in rule else None
            choices.append(Branching(rule["Next"], compile_rule(rule), assign=assign))
    state.choices = tuple(choices)
    if "Default" in given:
        default = Branching(given["Default"], None, state.output, state.assign)
        state.choices = (*state.choices, default)
    state.output = state.assign = None


def _wait(state: State, given: Mapping[str, Any]) -> None:
    if "Timestamp" in given:
        state.wait = _timestamp(given["Timestamp"], is_jsonata=state.is_jsonata)
    elif "TimestampPath" in given:
        state.wait = _timestamp_path(given["TimestampPath"])
    else:
        seconds = compile_number(given, "Seconds", is_jsonata=state.is_jsonata)
        assert seconds is not None
        state.wait = lambda data, frame: frame.now_ms + seconds(data, frame) * 1000


def _timestamp(text: str, *, is_jsonata: bool) -> Reader:
    if not (is_jsonata and is_expression(text)):
        at_ms = _whole_ms(parse_timestamp_ns(text) or 0)
        return lambda _data, _frame: at_ms
    reader = compile_typed(text, "Timestamp", "string")

    def read(data: Any, frame: Frame) -> int:
        found = reader(data, frame)
        at_ns = parse_timestamp_ns(found)
        if at_ns is None:
            raise StateFailure(
                "States.QueryEvaluationError",
                "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time "
                f"format string: {found}",
                location="Timestamp",
            )
        return _whole_ms(at_ns)

    return read


def _timestamp_path(path: str) -> Reader:
    reader = compile_number({"TimestampPath": path}, "Timestamp", is_jsonata=False, is_text=True)
    assert reader is not None

    def read(data: Any, frame: Frame) -> int:
        found = reader(data, frame)
        at_ns = parse_timestamp_ns(found) if isinstance(found, str) else None
        if at_ns is None:
            raise runtime(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
                f"date-time format string: {path} == {found}"
            )
        return _whole_ms(at_ns)

    return read


def _whole_ms(at_ns: int) -> int:
    return -(-at_ns // 1_000_000)


def _fail(state: State, given: Mapping[str, Any]) -> None:
    state.error = _text(given, "Error", is_jsonata=state.is_jsonata)
    state.cause = _text(given, "Cause", is_jsonata=state.is_jsonata)


def _text(given: Mapping[str, Any], field: str, *, is_jsonata: bool) -> Reader | None:
    path = given.get(f"{field}Path")
    if path is not None:
        return compile_value(path, f"{field}Path")
    value = given.get(field)
    if value is None:
        return None
    if is_jsonata:
        return compile_typed(value, field, "string")
    return lambda _data, _frame: value


_OWN_FIELDS: Final[dict[str, Callable[[State, Mapping[str, Any]], None]]] = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Fail": _fail,
}
