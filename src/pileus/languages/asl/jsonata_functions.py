"""Functions that the service adds to JSONata, and those of JSONata that must not read a clock.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (JSONata
functions provided by Step Functions). The first argument of each is the frame.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.frames import Frame
from pileus.languages.asl.intrinsic_functions import (
    InvalidArguments,
    hash_of,
    new_uuid,
    number_range,
    seeded,
)
from pileus.languages.asl.json_text import decode
from pileus.languages.asl.timestamps import format_timestamp


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(frame: Frame, *arguments: Any) -> Any:
        try:
            return function(frame, *arguments)
        except (InvalidArguments, TypeError, OverflowError):
            raise ValueError(
                f"T0410: The arguments of function {name!r} do not match its signature"
            ) from None

    return call


def _partition(_frame: Frame, array: Any, size: Any) -> list[list[Any]]:
    items = array if isinstance(array, list) else [array]
    count = int(size)
    if count < 1:
        raise InvalidArguments
    return [items[at : at + count] for at in range(0, len(items), count)]


def _random(frame: Frame, seed: Any = None) -> float:
    return frame.chance() if seed is None else seeded(int(seed))


def _parse(_frame: Frame, text: Any) -> Any:
    try:
        return decode(text)
    except ValueError:
        raise ValueError(f'D3141: The argument of function "parse" is no JSON: {text!r}') from None


def _now(frame: Frame, picture: Any = None, zone: Any = None) -> str:
    if picture is None and zone is None:
        return format_timestamp(frame.now_ms)
    library = importlib.import_module("jsonatapy")
    expression = library.compile("$fromMillis($at, $picture, $zone)")
    given = {"at": frame.now_ms, "picture": picture, "zone": zone}
    return str(
        expression.evaluate(None, {name: each for name, each in given.items() if each is not None})
    )


def _eval(_frame: Frame, *_arguments: Any) -> Any:
    raise ValueError("T1006: Attempted to invoke a non-function")


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "partition": _checked("partition", _partition),
    "range": _checked("range", number_range),
    "hash": _checked("hash", hash_of),
    "uuid": _checked("uuid", new_uuid),
    "parse": _checked("parse", _parse),
}
OVERRIDES: Final[dict[str, Callable[..., Any]]] = {
    "random": _checked("random", _random),
    "now": _checked("now", _now),
    "millis": _checked("millis", lambda frame: frame.now_ms),
    # Not offered by the service.
    "eval": _eval,
}
