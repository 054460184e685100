"""Intrinsic functions, ``States.Format('{}', $.name)``, compiled to readers.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.errors import InvalidExpression, NoSuchPath, runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.intrinsic_functions import FUNCTIONS, InvalidArguments
from pileus.languages.asl.json_text import encode
from pileus.languages.asl.jsonpath import compile_path

NESTED_MAX: Final = 10
_NAME = re.compile(r"States\.\w+")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"true|false|null")
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


def is_intrinsic(text: str) -> bool:
    """Whether a text calls a function rather than naming a path."""
    return text.startswith("States.")


def compile_intrinsic(text: str) -> Reader:
    """A function that computes an intrinsic function's value.

    The reader raises ``States.Runtime`` with the service's sentence.

    Raises:
        InvalidExpression: when the text cannot be read, or nests too deeply.
    """
    reader = _Parser(text).whole()

    def run(data: Any, frame: Frame) -> Any:
        try:
            return reader(data, frame)
        except InvalidArguments as error:
            raise runtime(f"The function '{text}' had the following error: {error}") from None
        except NoSuchPath as missing:
            path = missing.path[1:] if missing.path.startswith("$$") else missing.path
            raise runtime(
                f"The function '{text}' had the following error: The JsonPath argument for the "
                f"field '{path}' could not be found in the input '{encode(data)}'"
            ) from None

    return run


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._calls = 0

    def whole(self) -> Reader:
        reader = self._call()
        self._space()
        if self._at < len(self._text):
            raise self._unreadable()
        return reader

    def _unreadable(self) -> InvalidExpression:
        return InvalidExpression(f"{self._text!r} cannot be read at position {self._at}")

    def _space(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _take(self, char: str) -> bool:
        self._space()
        if self._text.startswith(char, self._at):
            self._at += 1
            return True
        return False

    def _call(self) -> Reader:
        self._space()
        found = self._match(_NAME)
        if found is None or found[0][7:] not in FUNCTIONS or not self._take("("):
            raise self._unreadable()
        self._calls += 1
        if self._calls > NESTED_MAX:
            raise InvalidExpression(f"more than {NESTED_MAX} functions in {self._text!r}")
        arguments: list[Reader] = []
        if not self._take(")"):
            arguments.append(self._argument())
            while self._take(","):
                arguments.append(self._argument())
            if not self._take(")"):
                raise self._unreadable()
        return _applied(found[0], tuple(arguments))

    def _argument(self) -> Reader:
        self._space()
        if self._text.startswith("States.", self._at):
            return self._call()
        if self._text.startswith("$", self._at):
            return self._path()
        if found := self._match(_STRING):
            # The escapes of braces belong to States.Format, which undoes them itself.
            return _constant(re.sub(r"\\([^{}])", r"\1", found[1]))
        if found := self._match(_NUMBER):
            return _constant(float(found[0]) if re.search("[.eE]", found[0]) else int(found[0]))
        if found := self._match(_WORD):
            return _constant(_WORDS[found[0]])
        raise self._unreadable()

    def _path(self) -> Reader:
        start, depth, quote = self._at, 0, ""
        while self._at < len(self._text):
            char = self._text[self._at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char in "([":
                depth += 1
            elif char in ")]" and depth:
                depth -= 1
            elif char in ",)":
                break
            self._at += 1
        return compile_path(self._text[start : self._at].strip())


def _constant(value: Any) -> Reader:
    return lambda _data, _frame: value


def _applied(name: str, arguments: tuple[Reader, ...]) -> Reader:
    function: Callable[..., Any] = FUNCTIONS[name[7:]]

    def run(data: Any, frame: Frame) -> Any:
        values = [argument(data, frame) for argument in arguments]
        try:
            return function(frame, *values)
        except (InvalidArguments, TypeError, ValueError, OverflowError):
            # A wrong number of arguments and a value of the wrong kind read the same.
            raise InvalidArguments(f"Invalid arguments in {name}") from None

    return run
