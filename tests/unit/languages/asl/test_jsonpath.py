"""JSONPath: what paths find, and what is said where they find nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.asl.errors import InvalidExpression, NoSuchPath
from pileus.languages.asl.jsonpath import compile_path, compile_reference, is_definite, place

BOOKS: list[dict[str, Any]] = [
    {"title": "A", "price": 8.95, "tags": ["x"], "stock": True},
    {"title": "B", "price": 12.99, "tags": ["x", "y"]},
    {"title": "C", "price": 8.99, "isbn": "1"},
]
DATA: dict[str, Any] = {
    "store": {"book": BOOKS, "bicycle": {"price": 19.95}},
    "a b": 1,
    "dotted.name": 2,
    "numbers": [3, 1, 2],
    "nothing": None,
    "text": "abc",
    "größe": 5,
}


class _Frame:
    now_ms = 0

    def context(self) -> dict[str, Any]:
        return {"Execution": {"Id": "e"}}

    def variables(self) -> dict[str, Any]:
        return {"v": {"w": [1, 2]}}

    def chance(self) -> float:
        return 0.5


def _read(path: str) -> Any:
    return compile_path(path)(DATA, _Frame())


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DATA),
        ("$.text", "abc"),
        ("$.nothing", None),
        ("$['a b']", 1),
        ('$["dotted.name"]', 2),
        ("$.größe", 5),
        ("$.numbers[0]", 3),
        ("$.numbers[-1]", 2),
        ("$.numbers[0,2]", [3, 2]),
        ("$.numbers[1:]", [1, 2]),
        ("$.numbers[:2]", [3, 1]),
        ("$.numbers[*]", [3, 1, 2]),
        ("$.numbers.length()", 3),
        ("$.numbers.min()", 1),
        ("$.numbers.max()", 3),
        ("$.numbers.avg()", 2),
        ("$.numbers.sum()", 6),
        ("$.store.book[*].title", ["A", "B", "C"]),
        ("$.store.book[1].tags[0]", "x"),
        ("$.store.book[?(@.price < 9)].title", ["A", "C"]),
        ("$.store.book[?(@.isbn)].title", ["C"]),
        ("$.store.book[?(!@.isbn)].title", ["A", "B"]),
        ("$.store.book[?(@.price > 8.95 && @.price < 10)].title", ["C"]),
        ("$.store.book[?(@.title == 'A' || @.title == 'B')].title", ["A", "B"]),
        ("$.store.book[?(@.title in ['B', 'C'])].title", ["B", "C"]),
        ("$.store.book[?(@.stock == true)].title", ["A"]),
        ("$.store.book[?(@.tags.length() == 2)].title", ["B"]),
        ("$.store.book[?(@.price == $.store.bicycle.price)]", []),
        ("$..price", [8.95, 12.99, 8.99, 19.95]),
        ("$.store.*.price", [19.95]),
        ("$..book[0].title", ["A"]),
        ("$.store.book[*].nothing", []),
        ("$.store.book[*].length()", 3),
        ("$.store.bicycle['price','x']", [{"price": 19.95}]),
        ("$$.Execution.Id", "e"),
        ("$v.w[1]", 2),
        ("$v", {"w": [1, 2]}),
    ],
)
def test_what_is_found(path: str, found: Any) -> None:
    assert _read(path) == found


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$.nope", "No results for path: $['nope']"),
        ("$.store.nope", "No results for path: $['store']['nope']"),
        ("$.nope.deep", "Missing property in path $['nope']"),
        ("$.text.x", "No results for path: $['text']['x']"),
        ("$.nothing.x", "No results for path: $['nothing']['x']"),
        ("$.numbers[7]", "No results for path: $['numbers'][7]"),
        ("$.text[0]", "Filter: [0] can only be applied to arrays. Current context is: abc"),
        ("$unknown.x", "No results for path: $['unknown']"),
    ],
)
def test_what_is_not_there(path: str, reason: str) -> None:
    with pytest.raises(NoSuchPath) as caught:
        _read(path)
    assert (caught.value.path, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "$.",
        "$.a[",
        "$.a[?(@.x ~ 1)]",
        "$.a[?(@.x =~ /x/)]",
        "$.a['x'",
        "$a b",
        "$.x.nope()",
        "$.a[b]",
        "$.a]",
    ],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidExpression):
        compile_path(path)


def test_definite_paths() -> None:
    assert is_definite("$.a[0]['b']")
    assert not is_definite("$.a[*]")
    assert not is_definite("$..a")


@pytest.mark.parametrize("path", ["$.a[*]", "$..a", "$$.a", "$.a[0:1]", "$v.a"])
def test_what_is_no_reference_path(path: str) -> None:
    with pytest.raises(InvalidExpression):
        compile_reference(path)


def test_placing_copies_what_is_on_the_way_only() -> None:
    data = {"a": {"b": 1}, "c": {"d": 2}, "e": [1, 2]}
    placed = place(compile_reference("$.a.x.y"), data, 9)
    assert placed == {"a": {"b": 1, "x": {"y": 9}}, "c": {"d": 2}, "e": [1, 2]}
    assert placed["c"] is data["c"]
    assert data == {"a": {"b": 1}, "c": {"d": 2}, "e": [1, 2]}
    assert place(compile_reference("$.e[1]"), data, 9)["e"] == [1, 9]
    assert place((), data, 9) == 9


@pytest.mark.parametrize("path", ["$.a.b", "$.e[5]", "$.c[0]"])
def test_placing_where_there_is_no_place(path: str) -> None:
    with pytest.raises(LookupError):
        place(compile_reference(path), {"a": 1, "c": {}, "e": []}, 1)
