"""What the intrinsic functions do; the first argument of each is the frame.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html. Fractions are
cut off where the documentation says rounded: the service does that.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.frames import Frame
from pileus.languages.asl.json_text import decode, encode

TEXT_MAX: Final = 10_000
RANGE_MAX: Final = 1_000
_INTEGERS: Final = range(-(2**31), 2**31)
HASHES: Final[dict[str, Callable[[bytes], Any]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


class InvalidArguments(Exception):
    """Arguments that a function does not take."""


def _need(is_true: object) -> None:
    if not is_true:
        raise InvalidArguments


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidArguments
    return value


def _text(value: Any, longest: int | None = None) -> str:
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        raise InvalidArguments
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArguments
    return math.trunc(value)


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _key(value: Any) -> tuple[Any, ...]:
    """What equal values share and others do not, to look them up by."""
    if isinstance(value, list):
        return ("array", *map(_key, value))
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(each)) for name, each in value.items()))
    return (isinstance(value, bool), value)


def _array_of(_frame: Frame, *values: Any) -> list[Any]:
    return list(values)


def _partition(_frame: Frame, array: Any, size: Any) -> list[list[Any]]:
    items, count = _array(array), _integer(size)
    _need(count > 0)
    return [items[at : at + count] for at in range(0, len(items), count)]


def _contains(_frame: Frame, array: Any, wanted: Any) -> bool:
    return any(same(each, wanted) for each in _array(array))


def number_range(_frame: Frame, first: Any, last: Any, step: Any) -> list[int]:
    """The numbers from first to last, both included."""
    start, end, by = _integer(first), _integer(last), _integer(step)
    _need(by)
    found = range(start, end + (1 if by > 0 else -1), by)
    _need(len(found) <= RANGE_MAX)
    return list(found)


def _item(_frame: Frame, array: Any, index: Any) -> Any:
    items, at = _array(array), _integer(index)
    _need(0 <= at < len(items))
    return items[at]


def _unique(_frame: Frame, array: Any) -> list[Any]:
    found: dict[tuple[Any, ...], Any] = {}
    for each in _array(array):
        found.setdefault(_key(each), each)
    return list(found.values())


def _base64_encode(_frame: Frame, text: Any) -> str:
    return base64.b64encode(_text(text, TEXT_MAX).encode()).decode()


def _base64_decode(_frame: Frame, text: Any) -> str:
    return base64.b64decode(_text(text, TEXT_MAX), validate=True).decode()


def hash_of(_frame: Frame, data: Any, algorithm: Any) -> str:
    """The digest in hexadecimal; what is no string is hashed as JSON."""
    text = data if isinstance(data, str) else encode(data)
    _need(len(text) <= TEXT_MAX and isinstance(algorithm, str) and algorithm in HASHES)
    return str(HASHES[algorithm](text.encode()).hexdigest())


def _merge(_frame: Frame, first: Any, second: Any, is_deep: Any) -> dict[str, Any]:
    # Only the shallow way exists.
    _need(isinstance(first, dict) and isinstance(second, dict) and is_deep is False)
    return {**first, **second}


def _to_json(_frame: Frame, text: Any) -> Any:
    return decode(_text(text))


def _to_string(_frame: Frame, value: Any) -> str:
    return encode(value)


def random_number(frame: Frame, first: Any, end: Any, seed: Any = None) -> int:
    """A number from first up to end, without it; the same for the same seed."""
    start, stop = _integer(first), _integer(end)
    _need(start < stop)
    drawn = frame.chance() if seed is None else seeded(_integer(seed))
    return start + int(drawn * (stop - start))


def seeded(seed: int) -> float:
    """A number from 0 up to 1 that a seed decides."""
    digest = hashlib.sha256(str(seed).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def _add(_frame: Frame, first: Any, second: Any) -> int:
    _need(
        all(
            isinstance(each, int | float) and not isinstance(each, bool) for each in (first, second)
        )
    )
    rounded = [math.floor(each + 0.5) for each in (first, second)]
    _need(all(each in _INTEGERS for each in (*rounded, sum(rounded))))
    return sum(rounded)


def _split(_frame: Frame, text: Any, delimiters: Any) -> list[str]:
    _need(_text(delimiters))
    return [part for part in re.split(f"[{re.escape(delimiters)}]", _text(text)) if part]


_HOLE = re.compile(r"\\([{}\\'])|(\{\})|[{}]")


def _format(_frame: Frame, template: Any, *values: Any) -> str:
    left = list(values)

    def fill(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        # A brace that is neither escaped nor a hole is a mistake, as is a hole without a value.
        _need(found[2] and left)
        value = left.pop(0)
        return value if isinstance(value, str) else encode(value)

    filled = _HOLE.sub(fill, _text(template))
    _need(not left)
    return filled


def new_uuid(frame: Frame) -> str:
    """A random UUID, version 4."""
    bits = 0
    for _ in range(4):
        bits = bits << 32 | int(frame.chance() * 2**32)
    return str(uuid.UUID(int=bits, version=4))


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "Array": _array_of,
    "ArrayPartition": _partition,
    "ArrayContains": _contains,
    "ArrayRange": number_range,
    "ArrayGetItem": _item,
    "ArrayLength": lambda _frame, array: len(_array(array)),
    "ArrayUnique": _unique,
    "Base64Encode": _base64_encode,
    "Base64Decode": _base64_decode,
    "Hash": hash_of,
    "JsonMerge": _merge,
    "StringToJson": _to_json,
    "JsonToString": _to_string,
    "MathRandom": random_number,
    "MathAdd": _add,
    "StringSplit": _split,
    "Format": _format,
    "UUID": new_uuid,
}
