"""JSONata expressions, ``{% … %}``, compiled once and evaluated under limits of time and depth.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html

The library is imported with the first expression: most machines have none. What it compiled may be
used by the thread that compiled it only.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.errors import QUERY_EVALUATION, InvalidExpression, StateFailure
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.jsonata_functions import FUNCTIONS, OVERRIDES

TIME_MAX_MS: Final = 2_000
"""Of one evaluation: a thousand times what they take, for a machine that is busy elsewhere."""
DEPTH_MAX: Final = 500
SEQUENCE_MAX: Final = 873_782
_EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)
_NAMES = re.compile(r"\$([^\W\d]\w*)")
_STATES = re.compile(r"\$states(?:\s*\.\s*(\w+))?")
_CODED = re.compile(r"(?:Parse error: )?(?:Invalid syntax: )?([A-Z]\d{4}): (.*)", re.DOTALL)
_LIMITS: Final = {
    "D1012": "Expression evaluation timeout: Check for infinite loop",
    "D1011": (
        "Stack overflow error: Check for non-terminating recursive function. "
        "Consider rewriting as tail-recursive."
    ),
    "D2015": "Expression evaluation memory limit exceeded: Check for excessive memory usage",
}
_TOKENS: Final = {
    "RightBracket": '"]"',
    "LeftBracket": '"["',
    "RightBrace": '"}"',
    "LeftBrace": '"{"',
    "RightParen": '")"',
    "LeftParen": '"("',
    "Comma": '","',
    "Colon": '":"',
    "Eof": '"(end)"',
}
_INTEGERS = range(-(2**63), 2**63)


def is_expression(value: Any) -> bool:
    """Whether a value of the definition is to be evaluated."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def source_of(text: str) -> str:
    """What stands between the marks, without the blanks around it."""
    found = _EXPRESSION.fullmatch(text)
    return found[1].strip() if found else text


def parse(source: str) -> Any:
    """An expression of the library.

    Raises:
        InvalidExpression: with the reason, as the service tells it.
    """
    library = importlib.import_module("jsonatapy")
    try:
        return library.compile(
            source, timeout=TIME_MAX_MS, max_stack_depth=DEPTH_MAX, max_sequence_length=SEQUENCE_MAX
        )
    except ValueError as error:
        found = _CODED.fullmatch(str(error))
        reason = found[2] if found else str(error)
        for name, symbol in _TOKENS.items():
            reason = re.sub(rf"\b{name}\b", symbol, reason)
        raise InvalidExpression(reason) from None


class Expression:
    """One expression at one place of the definition.

    Args:
        text: with its marks.
        field: where it stands, ``Output/total``.
    Raises:
        InvalidExpression: when it cannot be parsed.
    """

    def __init__(self, text: str, field: str) -> None:
        self._source = source_of(text)
        self._field = field
        self._compiled = parse(self._source)
        names = set(_NAMES.findall(self._source))
        self._frame: Frame | None = None
        self._variables = tuple(sorted(names - {"states"} - FUNCTIONS.keys() - OVERRIDES.keys()))
        self._parts = self._states_parts() if "states" in names else None
        for name in names & FUNCTIONS.keys():
            self._compiled.register(name, self._bound(FUNCTIONS[name]))
        for name in names & OVERRIDES.keys():
            self._compiled.register_override(name, self._bound(OVERRIDES[name]))

    def _states_parts(self) -> frozenset[str] | None:
        """What of ``$states`` is read, None for all of it: the less is handed over, the faster."""
        parts = {found[1] for found in _STATES.finditer(self._source)}
        return None if None in parts else frozenset(parts)

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return function(self._frame, *arguments)

        return call

    def _bindings(self, states: dict[str, Any], frame: Frame) -> dict[str, Any]:
        bindings: dict[str, Any] = {}
        if self._variables:
            known = frame.variables()
            bindings = {name: known[name] for name in self._variables if name in known}
        if self._parts is None:
            bindings["states"] = {**states, "context": frame.context()}
        elif self._parts:
            seen = {part: states[part] for part in self._parts if part in states}
            if "context" in self._parts:
                seen["context"] = frame.context()
            bindings["states"] = seen
        return bindings

    def __call__(self, states: dict[str, Any], frame: Frame) -> Any:
        """The value.

        Raises:
            StateFailure: States.QueryEvaluationError, also where there is no value.
        """
        bindings = self._bindings(states, frame)
        self._frame = frame
        try:
            text = self._run(bindings)
        except ValueError as error:
            raise self._failure(str(error)) from None
        finally:
            self._frame = None
        if text is None:
            raise self._fail("returned nothing (undefined).")
        return decode(text)

    def _run(self, bindings: dict[str, Any]) -> str | None:
        try:
            found: str | None = self._compiled.evaluate_json_or_none(None, bindings)
        except OverflowError:
            # JSONata's numbers are doubles; the library takes longer integers as none at all.
            found = self._compiled.evaluate_json_or_none(None, _as_doubles(bindings))
        return found

    def _failure(self, told: str) -> StateFailure:
        told = told.removeprefix("host function raised ").removeprefix("ValueError: ")
        found = _CODED.fullmatch(told)
        if found and found[1] in _LIMITS:
            return self._fail(f"threw an error during evaluation: {_LIMITS[found[1]]}")
        return self._fail(f"threw an error during evaluation. {told}")

    def _fail(self, told: str) -> StateFailure:
        return StateFailure(
            QUERY_EVALUATION,
            f"The JSONata expression '{self._source}' specified for the field '{self._field}' {told}",
            location=self._field,
        )

    def wrong_type(self, expected: str, value: Any) -> StateFailure:
        """The failure of an expression whose value is of the wrong type."""
        return self._fail(
            f"returned an unexpected result type. Expected '{expected}', but was "
            f"'{type_name(value)}' for value: {encode(value)}"
        )


def type_name(value: Any) -> str:
    """What JSON calls a value's type."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "null"


def _as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_doubles(each) for each in value]
    if isinstance(value, int) and value not in _INTEGERS:
        return float(value)
    return value


def compile_jsonata(template: Any, field: str) -> Reader:
    """A function that evaluates every expression in a value; ``data`` are the parts of ``$states``.

    Raises:
        InvalidExpression: when one cannot be parsed.
    """
    if is_expression(template):
        return Expression(template, field)
    if isinstance(template, dict):
        members = {key: compile_jsonata(each, f"{field}/{key}") for key, each in template.items()}
        if _is_constant(template):
            return lambda _data, _frame: template
        return lambda data, frame: {key: read(data, frame) for key, read in members.items()}
    if isinstance(template, list) and not _is_constant(template):
        elements = [compile_jsonata(each, f"{field}[{at}]") for at, each in enumerate(template)]
        return lambda data, frame: [read(data, frame) for read in elements]
    return lambda _data, _frame: template


def _is_constant(template: Any) -> bool:
    if isinstance(template, dict):
        return all(map(_is_constant, template.values()))
    if isinstance(template, list):
        return all(map(_is_constant, template))
    return not is_expression(template)


def compile_typed(value: Any, field: str, expected: str) -> Reader:
    """As :func:`compile_jsonata`, failing where the value is not of the expected type.

    Args:
        expected: ``number``, ``string``, ``boolean``, ``array`` or ``object``.
    """
    reader = compile_jsonata(value, field)
    if not isinstance(reader, Expression):
        return reader

    def read(data: Any, frame: Frame) -> Any:
        found = reader(data, frame)
        if type_name(found) != expected:
            raise reader.wrong_type(expected, found)
        return found

    return read
