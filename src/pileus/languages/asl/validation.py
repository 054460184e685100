"""Findings about a definition, in the codes and words of ValidateStateMachineDefinition.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.languages.asl.errors import Diagnostic
from pileus.languages.asl.json_text import decode
from pileus.languages.asl.validation_graph import graph_findings
from pileus.languages.asl.validation_states import StateCheck
from pileus.languages.asl.validation_values import SCHEMA, Findings

_SHOWN_MAX = 500
_MACHINE_FIELDS = frozenset(
    {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"}
)
_INNER_FIELDS = frozenset({"StartAt", "States", "Comment"})
_WORD = re.compile(r"[^\s\[\]{},:\"]+")


def diagnose(text: str, *, kind: str = "STANDARD") -> list[Diagnostic]:
    """Everything that is wrong with a definition, and what is suspicious about it.

    Args:
        kind: ``STANDARD`` or ``EXPRESS``.
    """
    if not text.strip():
        return [Diagnostic("ERROR", SCHEMA, "Definition must be a valid JSON object")]
    try:
        machine = decode(text)
    except ValueError:
        return [_syntax(text)]
    if not isinstance(machine, dict):
        return [Diagnostic("ERROR", SCHEMA, "Definition must be a valid JSON object")]
    findings = Findings()
    _Machine(findings, kind).check(machine)
    if not findings.has_broken_shape:
        for each in graph_findings(machine):
            findings.add(each.code, each.message, each.location)
    return findings.all


def _syntax(text: str) -> Diagnostic:
    reason, line, column, at = "Unexpected input", 1, 1, 0
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        reason, line, column, at = error.msg, error.lineno, error.colno, error.pos
    word = _WORD.match(text, at)
    if word is not None and not word[0][0].isdigit():
        column += len(word[0])
        reason = (
            f"Unrecognized token '{word[0]}': was expecting (JSON String, Number, Array, Object or "
            "token 'null', 'true' or 'false')"
        )
    where = f'[Source: (String)"{text[:_SHOWN_MAX]}"; line: {line}, column: {column}]'
    return Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", f"{reason}\n at {where}", where)


class _Machine:
    def __init__(self, findings: Findings, kind: str) -> None:
        self._findings = findings
        self._kind = kind
        self._is_jsonata = False
        self._names: set[str] = set()
        self._labels: set[str] = set()

    def check(self, machine: Mapping[str, Any]) -> None:
        findings = self._findings
        self._unknown(machine, _MACHINE_FIELDS, "/")
        findings.number(machine, "TimeoutSeconds", "", (1, 99_999_999))
        findings.text(machine, "Comment", "")
        findings.text(machine, "Version", "")
        language = machine.get("QueryLanguage", "JSONPath")
        if language not in ("JSONPath", "JSONata"):
            findings.add(SCHEMA, "Value is not one of: [JSONPath, JSONata]", "/QueryLanguage")
        self._is_jsonata = language == "JSONata"
        self._block(machine, "", frozenset())

    def _unknown(self, given: Mapping[str, Any], known: frozenset[str], location: str) -> None:
        for field in given:
            if field not in known:
                self._findings.add(SCHEMA, f"Field '{field}' is not supported", location)

    def _block(self, machine: Mapping[str, Any], location: str, scope: frozenset[str]) -> None:
        findings = self._findings
        missing = [field for field in ("States", "StartAt") if field not in machine]
        if missing:
            findings.add(
                SCHEMA, f"These fields are required: [{', '.join(missing)}]", location or "/"
            )
            findings.has_broken_shape = True
        findings.text(machine, "StartAt", location)
        states = machine.get("States", {})
        if not isinstance(states, dict) or not states:
            if "States" in machine:
                findings.add(
                    SCHEMA, "States must be an object with at least one state", f"{location}/States"
                )
            findings.has_broken_shape = True
            return
        variables = scope | frozenset(_assigned(states))
        for name, state in states.items():
            at = f"{location}/States/{name}"
            self._name(name, at)
            if not isinstance(state, dict):
                findings.add(SCHEMA, "Expected value of type Object", at)
                findings.has_broken_shape = True
                continue
            StateCheck(findings, self._kind, is_jsonata=self._is_jsonata).check(state, at)
            self._inside(state, at, variables, scope)

    def _name(self, name: str, location: str) -> None:
        if not name or len(name) > 80:
            self._findings.add(
                "INVALID_STATE_NAME", "State names have 1 to 80 characters", location
            )
        if name in self._names:
            self._findings.add("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", location)
        self._names.add(name)

    def _inside(
        self,
        state: Mapping[str, Any],
        location: str,
        variables: frozenset[str],
        scope: frozenset[str],
    ) -> None:
        for name in _own_assigned(state):
            if name in scope:
                self._findings.add(
                    SCHEMA,
                    f"Variable '{name}' is already used in an outer scope",
                    f"{location}/Assign",
                )
        if state.get("Type") == "Parallel" and isinstance(state.get("Branches"), list):
            for at, branch in enumerate(state["Branches"]):
                if isinstance(branch, dict):
                    self._unknown(branch, _INNER_FIELDS, f"{location}/Branches[{at}]")
                    self._block(branch, f"{location}/Branches[{at}]", variables)
        if state.get("Type") == "Map":
            for field in ("ItemProcessor", "Iterator"):
                if isinstance(state.get(field), dict):
                    self._processor(state[field], f"{location}/{field}", variables)
            self._label(state, location)

    def _processor(
        self, processor: Mapping[str, Any], location: str, variables: frozenset[str]
    ) -> None:
        self._unknown(processor, _INNER_FIELDS | {"ProcessorConfig"}, location)
        config = processor.get("ProcessorConfig", {})
        if not isinstance(config, dict):
            self._findings.add(
                SCHEMA, "Expected value of type Object", f"{location}/ProcessorConfig"
            )
            self._findings.has_broken_shape = True
            return
        if config.get("Mode", "INLINE") not in ("INLINE", "DISTRIBUTED"):
            self._findings.add(
                SCHEMA,
                "Value is not one of: [INLINE, DISTRIBUTED]",
                f"{location}/ProcessorConfig/Mode",
            )
        is_distributed = config.get("Mode") == "DISTRIBUTED"
        if is_distributed and config.get("ExecutionType") not in ("STANDARD", "EXPRESS"):
            self._findings.add(
                SCHEMA, "These fields are required: [ExecutionType]", f"{location}/ProcessorConfig"
            )
        # Children of a distributed Map are executions of their own, with variables of their own.
        self._block(processor, location, frozenset() if is_distributed else variables)

    def _label(self, state: Mapping[str, Any], location: str) -> None:
        label = state.get("Label")
        if label is None:
            return
        if not isinstance(label, str) or not re.fullmatch(
            r"[^\s?*<>{}\[\]:;,\\|^~$#%&`\"]{1,40}", label
        ):
            self._findings.add(
                "INVALID_LABEL_NAME", "Label names have 1 to 40 characters", f"{location}/Label"
            )
        elif label in self._labels:
            self._findings.add(
                "DUPLICATE_LABEL_NAME", f"Duplicate Label name: {label}", f"{location}/Label"
            )
        self._labels.add(str(label))


def _assigned(states: Mapping[str, Any]) -> Iterator[str]:
    for state in states.values():
        if isinstance(state, dict):
            yield from _own_assigned(state)


def _own_assigned(state: Mapping[str, Any]) -> Iterator[str]:
    lists = [
        each
        for field in ("Choices", "Catch")
        if isinstance(state.get(field), list)
        for each in state[field]
        if isinstance(each, dict)
    ]
    for given in (state, *lists):
        assign = given.get("Assign")
        if isinstance(assign, dict):
            yield from (name.removesuffix(".$") for name in assign)
