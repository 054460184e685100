"""Fields through which data enters and leaves a JSONPath state, and numbers of either language.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.languages.asl.errors import REFERENCE_PATH_CONFLICT, NoSuchPath, StateFailure, runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.intrinsics import compile_intrinsic, is_intrinsic
from pileus.languages.asl.json_text import encode
from pileus.languages.asl.jsonata import compile_typed
from pileus.languages.asl.jsonpath import compile_path, compile_reference, place
from pileus.languages.asl.states import Merge


def compile_filter_path(path: str | None) -> Reader | None:
    """``InputPath`` or ``OutputPath``: None for the whole, an empty object for null.

    Raises:
        InvalidExpression: when it is no path.
    """
    if path is None:
        return lambda _data, _frame: {}
    if path == "$":
        return None
    if is_intrinsic(path):
        return compile_intrinsic(path)
    reader = compile_path(path)

    def read(data: Any, frame: Frame) -> Any:
        try:
            return reader(data, frame)
        except NoSuchPath as missing:
            raise runtime(f"Invalid path '{path}' : {missing.reason}") from None

    return read


def compile_merge(path: str | None) -> Merge | None:
    """``ResultPath``: None where the result replaces the input.

    Raises:
        InvalidExpression: when it is no reference path.
    """
    if path is None:
        return lambda raw, _result: raw
    if path == "$":
        return None
    steps = compile_reference(path)

    def merge(raw: Any, result: Any) -> Any:
        try:
            return place(steps, raw, result)
        except LookupError:
            raise StateFailure(
                REFERENCE_PATH_CONFLICT,
                f"Unable to apply ReferencePath {path} to input {encode(raw)}",
                is_located=False,
            ) from None

    return merge


def compile_number(
    given: Mapping[str, Any], field: str, *, is_jsonata: bool, is_text: bool = False
) -> Reader | None:
    """A field, its ``…Path`` or its expression as a whole number; None when none is given.

    Args:
        is_text: leave a path's value as it is.
    Raises:
        InvalidExpression: when its path or expression cannot be read.
    """
    path = given.get(f"{field}Path")
    if path is not None:
        return _by_path(path, field, is_text=is_text)
    if field not in given:
        return None
    value = given[field]
    if is_jsonata and isinstance(value, str):
        reader = compile_typed(value, field, "number")
        return lambda data, frame: int(reader(data, frame))
    return lambda _data, _frame: value


def _by_path(path: str, field: str, *, is_text: bool) -> Reader:
    reader = compile_path(path)

    def read(data: Any, frame: Frame) -> Any:
        try:
            found = reader(data, frame)
        except NoSuchPath:
            raise runtime(
                f"The {field}Path parameter does not reference an input value: {path}"
            ) from None
        if is_text:
            return found
        is_whole = isinstance(found, int) and not isinstance(found, bool)
        if not is_whole or found < 0:
            told = found if isinstance(found, str) else encode(found)
            raise runtime(
                f"The {field}Path parameter cannot be parsed as a long value: {path} == {told}"
            )
        return found

    return read
