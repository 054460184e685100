"""JSONPath as the service speaks it: definite paths as chains of lookups, the rest by an evaluator.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html; the
dialect is that of https://github.com/json-path/JsonPath, which the service uses. A path is rooted
at ``$`` (the input), ``$$`` (the context object) or ``$name`` (a variable).
"""

from __future__ import annotations

from typing import Any

from pileus.languages.asl.errors import InvalidExpression, NoSuchPath
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.jsonpath_steps import (
    Call,
    Index,
    Key,
    Path,
    Step,
    evaluate,
    parse_path,
)

_INPUT = "$"
_CONTEXT = "$$"


def compile_path(text: str) -> Reader:
    """A function that reads a path.

    It raises :class:`NoSuchPath` where a definite path leads nowhere; an indefinite one gives a
    list, which may be empty.

    Raises:
        InvalidExpression: when the text is no path.
    """
    path = parse_path(text)
    if not path.steps:
        return _root(path, text)
    keys = _plain_keys(path.steps)
    if keys is not None:
        reader = _by_keys(keys, text)
    elif all(isinstance(step, Key | Index) for step in path.steps):
        reader = _by_lookups(path.steps, text)
    else:
        reader = _by_evaluation(path, text)
    if path.root == _INPUT:
        return reader
    root = _root(path, text)
    return lambda data, frame: reader(root(data, frame), frame)


def is_definite(text: str) -> bool:
    """Whether a path can name one place only.

    Raises:
        InvalidExpression: when the text is no path.
    """
    return all(isinstance(step, Key | Index | Call) for step in parse_path(text).steps)


def _root(path: Path, text: str) -> Reader:
    if path.root == _INPUT:
        return lambda data, _frame: data
    if path.root == _CONTEXT:
        return lambda _data, frame: frame.context()
    name = path.root[1:]

    def variable(_data: Any, frame: Frame) -> Any:
        variables = frame.variables()
        if name not in variables:
            raise NoSuchPath(text, f"No results for path: $['{name}']")
        return variables[name]

    return variable


def _plain_keys(steps: tuple[Step, ...]) -> tuple[str, ...] | None:
    keys = tuple(step.name for step in steps if isinstance(step, Key))
    return keys if len(keys) == len(steps) else None


def _by_keys(keys: tuple[str, ...], text: str) -> Reader:
    if len(keys) == 1:
        (only,) = keys

        def one(data: Any, _frame: Frame) -> Any:
            try:
                return data[only]
            except (KeyError, TypeError):
                raise _missing(keys, data, text) from None

        return one

    def many(data: Any, _frame: Frame) -> Any:
        found = data
        try:
            for key in keys:
                found = found[key]
        except (KeyError, TypeError):
            raise _missing(keys, data, text) from None
        return found

    return many


def _missing(keys: tuple[str, ...], data: Any, text: str) -> NoSuchPath:
    found = data
    for at, key in enumerate(keys):
        if not isinstance(found, dict) or key not in found:
            told = "".join(f"['{each}']" for each in keys[: at + 1])
            if at == len(keys) - 1:
                return NoSuchPath(text, f"No results for path: ${told}")
            return NoSuchPath(text, f"Missing property in path ${told}")
        found = found[key]
    raise AssertionError("a path that was missed leads somewhere")


def _by_lookups(steps: tuple[Step, ...], text: str) -> Reader:
    def reader(data: Any, _frame: Frame) -> Any:
        found = data
        told = "$"
        for at, step in enumerate(steps):
            is_last = at == len(steps) - 1
            if isinstance(step, Key):
                told += f"['{step.name}']"
                if not isinstance(found, dict) or step.name not in found:
                    reason = "No results for path: " if is_last else "Missing property in path "
                    raise NoSuchPath(text, reason + told)
                found = found[step.name]
            elif isinstance(step, Index):
                told += f"[{step.at}]"
                if not isinstance(found, list):
                    raise NoSuchPath(
                        text,
                        f"Filter: [{step.at}] can only be applied to arrays. Current context is: {found}",
                    )
                if not -len(found) <= step.at < len(found):
                    raise NoSuchPath(text, f"No results for path: {told}", is_past_end=is_last)
                found = found[step.at]
        return found

    return reader


def _by_evaluation(path: Path, text: str) -> Reader:
    is_list = not all(isinstance(step, Key | Index | Call) for step in path.steps)

    def reader(data: Any, _frame: Frame) -> Any:
        found = evaluate(path.steps, data, data)
        if is_list:
            calls = [step for step in path.steps if isinstance(step, Call)]
            # A function sees everything that an indefinite path has found.
            return calls[-1].apply(found) if calls else found
        if not found:
            raise NoSuchPath(text, f"No results for path: {text}")
        return found[0]

    return reader


def compile_reference(text: str) -> tuple[str | int, ...]:
    """The steps of a reference path, which names one place below ``$``.

    Raises:
        InvalidExpression: when it could name several, or starts elsewhere.
    """
    path = parse_path(text)
    steps: list[str | int] = []
    for step in path.steps:
        if isinstance(step, Key):
            steps.append(step.name)
        elif isinstance(step, Index):
            steps.append(step.at)
        else:
            raise InvalidExpression(f"{text} is no reference path")
    if path.root != _INPUT:
        raise InvalidExpression(f"{text} is no reference path")
    return tuple(steps)


def place(steps: tuple[str | int, ...], data: Any, value: Any) -> Any:
    """The data with a value put where the reference path leads; what is in the way is made.

    Nothing is changed in place: what lies on the path is copied, all else shared.

    Raises:
        LookupError: the path runs through something that has no such place.
    """
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        if not isinstance(data, dict):
            raise LookupError(step)
        inner = data.get(step, _MADE)
        return {**data, step: place(rest, {} if inner is _MADE else inner, value)}
    if not isinstance(data, list) or not 0 <= step < len(data):
        raise LookupError(step)
    return [*data[:step], place(rest, data[step], value), *data[step + 1 :]]


_MADE = object()
