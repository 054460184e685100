"""Checks of single values, each leaving a finding where it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pileus.languages.asl.errors import Diagnostic, InvalidExpression
from pileus.languages.asl.intrinsics import compile_intrinsic, is_intrinsic
from pileus.languages.asl.jsonata import is_expression, parse, source_of
from pileus.languages.asl.jsonpath import compile_path, compile_reference
from pileus.languages.asl.timestamps import parse_timestamp_ns

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"
_NAME = re.compile(r"[^\W\d]\w*")


class Findings:
    """Collects findings.

    Attributes:
        has_broken_shape: transitions cannot be looked at.
    """

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []
        self.has_broken_shape = False

    def add(self, code: str, message: str, location: str | None, severity: str = "ERROR") -> None:
        """Note one finding."""
        self.all.append(Diagnostic(severity, code, message, location))

    def warn(self, code: str, message: str, location: str) -> None:
        """Note one that does not hinder."""
        self.add(code, message, location, "WARNING")

    def number(
        self,
        given: Mapping[str, Any],
        field: str,
        location: str,
        bounds: tuple[float, float],
        *,
        is_whole: bool = True,
    ) -> None:
        """A field that is a number within bounds, where it is given."""
        if field not in given:
            return
        value, at = given[field], f"{location}/{field}"
        low, high = bounds
        kinds = int if is_whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds):
            self.add(SCHEMA, f"Expected value of type {'Integer' if is_whole else 'Number'}", at)
        elif value < low:
            self.add(SCHEMA, f"Minimum value is {low}", at)
        elif value > high:
            self.add(SCHEMA, f"Maximum value is {high}", at)

    def text(self, given: Mapping[str, Any], field: str, location: str) -> None:
        """A field that is a string, where it is given."""
        if field in given and not isinstance(given[field], str):
            self.add(SCHEMA, "Expected value of type String", f"{location}/{field}")

    def choice(
        self, given: Mapping[str, Any], field: str, location: str, known: tuple[str, ...]
    ) -> None:
        """A field with one of several values."""
        if field in given and given[field] not in known:
            self.add(SCHEMA, f"Value is not one of: [{', '.join(known)}]", f"{location}/{field}")

    def timestamp(self, value: Any, location: str) -> None:
        """A timestamp of RFC 3339."""
        if not isinstance(value, str) or parse_timestamp_ns(value) is None:
            self.add(SCHEMA, "String does not match RFC3339 timestamp", location)

    def path(self, value: Any, location: str, *, takes_functions: bool = False) -> None:
        """A path, or where they are allowed an intrinsic function."""
        try:
            if not isinstance(value, str):
                raise InvalidExpression("no text")
            if takes_functions and is_intrinsic(value):
                compile_intrinsic(value)
            else:
                compile_path(value)
        except InvalidExpression:
            self.add(SCHEMA, "Value must be a valid JSONPath.", location)

    def reference(self, value: Any, location: str) -> None:
        """A reference path."""
        try:
            if not isinstance(value, str):
                raise InvalidExpression("no text")
            compile_reference(value)
        except InvalidExpression:
            self.add(SCHEMA, "Value must be a valid ReferencePath.", location)

    def template(self, value: Any, location: str) -> None:
        """A payload template."""
        if isinstance(value, list):
            for at, each in enumerate(value):
                self.template(each, f"{location}[{at}]")
        if not isinstance(value, dict):
            return
        for key, each in value.items():
            if key.endswith(".$"):
                self._computed(key, each, location)
            else:
                if isinstance(each, str) and each.startswith(("$.", "States.")):
                    self.warn(
                        "NO_DOLLAR",
                        f"The value of '{key}' looks like a path or an intrinsic function, but its name does not end with '.$'",
                        f"{location}/{key}",
                    )
                self.template(each, f"{location}/{key}")

    def _computed(self, key: str, value: Any, location: str) -> None:
        try:
            if not isinstance(value, str):
                raise InvalidExpression("no text")
            if is_intrinsic(value):
                compile_intrinsic(value)
            else:
                compile_path(value)
        except InvalidExpression:
            self.add(
                SCHEMA,
                f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call",
                location,
            )

    def expressions(self, value: Any, location: str) -> None:
        """Every JSONata expression in a value."""
        for text, at in expressions_in(value, location):
            try:
                parse(source_of(text))
            except InvalidExpression as error:
                self.add("INVALID_JSONATA_EXPRESSION", str(error), at)

    def variables(self, assign: Any, location: str, *, is_jsonata: bool) -> None:
        """The members of ``Assign``."""
        if not isinstance(assign, dict):
            self.add(SCHEMA, "Expected value of type Object", location)
            return
        for name in assign:
            plain = name if is_jsonata else name.removesuffix(".$")
            if not _NAME.fullmatch(plain) or len(plain) > 80 or plain == "states":
                self.add(SCHEMA, f"'{plain}' is not a valid variable name", f"{location}/{name}")
        if is_jsonata:
            self.expressions(assign, location)
        else:
            self.template(assign, location)


def expressions_in(value: Any, location: str) -> Iterator[tuple[str, str]]:
    """All expressions in a value, each with its place."""
    if is_expression(value):
        yield value, location
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from expressions_in(each, f"{location}/{key}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from expressions_in(each, f"{location}[{at}]")
