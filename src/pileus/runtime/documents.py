"""Events in, responses out: JSON as AWS's Python runtime reads and writes it."""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable
from json import encoder
from typing import Any

from pileus.runtime.errors import MARSHAL, UNMARSHAL, Fault

_decode = json.JSONDecoder().raw_decode
_MARK = "\ue000decimal:"


def read_event(payload: bytes) -> Any:
    """The event of an invocation. Raises Fault when it is not JSON."""
    try:
        text = payload.decode()
        if text[:1] in ("{", "[", '"'):
            # What json.loads does, without its look for white space around the value.
            value, end = _decode(text)
            if end == len(text):
                return value
        return json.loads(text)
    except ValueError as error:
        raise Fault(UNMARSHAL, f"Unable to unmarshal input: {error}") from None


class ResponseWriter:
    """Turns what a handler returned into bytes.

    Args:
        is_ascii: escape other characters, as runtimes before python3.12 do.
    """

    def __init__(self, is_ascii: bool) -> None:
        self._is_ascii = is_ascii
        self._under_way: dict[int, Any] = {}
        self._encode = self._encoder()

    def write(self, response: Any) -> bytes:
        """The response as JSON. Raises Fault for what JSON cannot hold."""
        try:
            text = self._encode(response)
        except Exception as error:
            self._under_way.clear()
            raise Fault(MARSHAL, f"Unable to marshal response: {error}") from None
        if _DecimalSeen.is_set:
            _DecimalSeen.is_set = False
            text = self._numbers_unquoted(text)
        return text.encode("utf-8", "surrogatepass")

    def _encoder(self) -> Callable[[Any], str]:
        """What ``JSONEncoder(…).encode`` is, but for that this makes its inner part once and not for
        every response, which takes longer than a small response itself."""
        inner = getattr(encoder, "c_make_encoder", None)
        if inner is None:
            return json.JSONEncoder(ensure_ascii=self._is_ascii, default=_refuse_or_mark).encode
        escape = encoder.encode_basestring_ascii if self._is_ascii else encoder.encode_basestring
        parts = inner(
            self._under_way, _refuse_or_mark, escape, None, ": ", ", ", False, False, True
        )
        return lambda response: "".join(parts(response, 0))

    def _numbers_unquoted(self, text: str) -> str:
        mark = json.dumps(_MARK, ensure_ascii=self._is_ascii)[:-1]
        pieces = text.split(mark)
        for index in range(1, len(pieces)):
            number, rest = pieces[index].split('"', 1)
            pieces[index] = number + rest
        return "".join(pieces)


class _DecimalSeen:
    """Whether the response under way holds a Decimal (one thread writes responses)."""

    is_set = False


def _refuse_or_mark(value: Any) -> Any:
    """Decimals keep every digit: written as marked text and unquoted afterwards."""
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return float(value)
        _DecimalSeen.is_set = True
        return f"{_MARK}{value}"
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
