"""Responses as AWS's Python runtimes write them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pileus.runtime.documents import ResponseWriter
from pileus.runtime.errors import Fault


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize(
    "response",
    [
        None,
        True,
        1,
        -1.5e300,
        float("nan"),
        float("-inf"),
        "é \u2028 \ud800 \"quoted\"",
        [],
        {},
        {"a": [1, {"b": None}], 2: "number", None: 1.0, True: ()},
        [[[["deep"]]]],
    ],
)  # fmt: skip
def test_it_writes_what_the_json_module_does(response: Any, is_ascii: bool) -> None:
    expected = json.dumps(response, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    assert ResponseWriter(is_ascii).write(response) == expected


def test_decimals_keep_their_digits() -> None:
    assert ResponseWriter(True).write({"n": Decimal("1.10"), "s": "1.10"}) == (
        b'{"n": 1.10, "s": "1.10"}'
    )


def test_a_response_that_cannot_be_written_spoils_none_after_it() -> None:
    writer = ResponseWriter(True)
    circle: list[Any] = [1]
    circle.append(circle)
    for refused in (circle, {"x": {1, 2}}, {(1, 2): 3}):
        holder = {"holds": refused}
        with pytest.raises(Fault):
            writer.write(holder)
        holder["holds"] = [1]
        assert writer.write(holder) == b'{"holds": [1]}'
    circle.pop()
    assert writer.write([circle, circle]) == b"[[1], [1]]"
