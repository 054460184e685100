"""Compiled patterns agree with an evaluator that enumerates the paths of an event."""

from __future__ import annotations

import fnmatch
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.languages.event_pattern import compile_pattern

NAMES = ("a", "b", "c")
SCALARS = st.one_of(
    st.sampled_from(["", "x", "xy", "Xy", "yx"]),
    st.integers(-3, 3),
    st.sampled_from([0.5, 2.0]),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
TEXT = st.sampled_from(["x", "xy", "y"])
ALTERNATIVES = st.one_of(
    SCALARS,
    TEXT.map(lambda t: {"prefix": t}),
    TEXT.map(lambda t: {"suffix": t}),
    TEXT.map(lambda t: {"equals-ignore-case": t}),
    TEXT.map(lambda t: {"wildcard": f"*{t}*"}),
    st.lists(TEXT, min_size=1, max_size=2).map(lambda t: {"anything-but": t}),
    TEXT.map(lambda t: {"anything-but": {"prefix": t}}),
    st.integers(-3, 3).map(lambda n: {"numeric": [">=", n]}),
    st.booleans().map(lambda b: {"exists": b}),
)
LEAVES = st.lists(ALTERNATIVES, min_size=1, max_size=2)
PATTERNS = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), LEAVES, min_size=1, max_size=2),
    lambda inner: st.dictionaries(
        st.sampled_from(NAMES), st.one_of(LEAVES, inner), min_size=1, max_size=2
    ),
    max_leaves=4,
)


def leaves(value: Any, path: tuple[str, ...], where: dict[tuple[str, ...], int]) -> list[Any]:
    """All (path, scalar, array positions on the way) of an event."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, path + (k,), where)]
    if isinstance(value, list):
        found = []
        nested = any(isinstance(v, dict | list) for v in value)
        for index, element in enumerate(value):
            inner = where
            if nested and isinstance(element, dict | list):
                depth = sum(1 for key in where if key[: len(path)] == path)
                inner = {**where, path + (f"#{depth}",): index}
            found += leaves(element, path, inner)
        return found
    return [(path, value, where)]


def accepts(alternative: Any, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(alternative, dict):
        return (type(alternative) is type(value) and alternative == value) or (
            number and not isinstance(alternative, bool | str | None) and alternative == value
        )
    (name, operand), *_ = alternative.items()
    if name == "exists":
        return bool(operand)
    if name == "anything-but":
        if isinstance(operand, dict):
            return not (isinstance(value, str) and value.startswith(operand["prefix"]))
        return not (isinstance(value, str) and value in operand)
    if name == "numeric":
        return number and value >= operand[1]
    if not isinstance(value, str):
        return False
    if name == "prefix":
        return value.startswith(operand)
    if name == "suffix":
        return value.endswith(operand)
    if name == "wildcard":
        return fnmatch.fnmatchcase(value, operand)
    return value.lower() == operand.lower()


def constraints(pattern: dict[str, Any], path: tuple[str, ...] = ()) -> list[Any]:
    found = []
    for name, child in pattern.items():
        if isinstance(child, dict):
            found += constraints(child, path + (name,))
        else:
            found.append((path + (name,), child))
    return found


def consistent(one: dict[Any, int], other: dict[Any, int]) -> bool:
    return all(other.get(key, index) == index for key, index in one.items())


def naive(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    found = leaves(event, (), {})
    choices: list[list[dict[Any, int]]] = []
    for path, alternatives in constraints(pattern):
        at = [leaf for leaf in found if leaf[0] == path]
        fitting = [w for _, v, w in at if any(accepts(a, v) for a in alternatives)]
        if not at and {"exists": False} in alternatives:
            fitting.append({})
        choices.append(fitting)
    return any(
        all(consistent(x, y) for i, x in enumerate(pick) for y in pick[i + 1 :])
        for pick in product(*choices)
    )


@settings(max_examples=400)
@given(PATTERNS, EVENTS)
def test_agrees_with_enumerating_paths(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert compile_pattern(pattern)(event) == naive(pattern, event)
