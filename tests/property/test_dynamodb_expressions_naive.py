"""Compiled expressions agree with an evaluator over plain Python values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.languages.dynamodb.attribute_values import order_key, validated
from pileus.languages.dynamodb.conditions import compile_condition
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.updates import compile_update

NAMES = ("a1", "b1", "c1")
NUMBERS = st.integers(-3, 3).map(lambda n: {"N": str(n)})
SCALARS = st.one_of(
    NUMBERS,
    st.sampled_from(["", "x", "xy", "y"]).map(lambda s: {"S": s}),
    st.booleans().map(lambda b: {"BOOL": b}),
    st.just({"NULL": True}),
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, unique=True).map(lambda s: {"SS": s}),
)
VALUES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda v: {"L": v}),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=2).map(lambda v: {"M": v}),
    ),
    max_leaves=4,
)
ITEMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
PATHS = st.sampled_from(["a1", "b1", "a1.b1", "a1[0]", "b1.c1", "b1[1].a1"])
LITERALS = st.one_of(NUMBERS, st.sampled_from(["", "x", "xy"]).map(lambda s: {"S": s}))
SIMPLE = st.one_of(
    st.tuples(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), PATHS, LITERALS),
    st.tuples(st.sampled_from(["attribute_exists", "attribute_not_exists"]), PATHS),
    st.tuples(st.just("contains"), PATHS, LITERALS),
    st.tuples(st.just("begins_with"), PATHS, st.just({"S": "x"})),
    st.tuples(st.just("size"), PATHS, NUMBERS),
    st.tuples(st.just("IN"), PATHS, LITERALS, LITERALS),
)
CONDITIONS: st.SearchStrategy[Any] = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["AND", "OR"]), inner, inner), st.tuples(st.just("NOT"), inner)
    ),
    max_leaves=5,
)


def written(condition: Any, values: dict[str, Any]) -> str:
    """The condition as an expression, its literals added to ``values``."""
    name, *rest = condition
    if name in ("AND", "OR"):
        return f"({written(rest[0], values)}) {name} ({written(rest[1], values)})"
    if name == "NOT":
        return f"NOT ({written(rest[0], values)})"
    path, *literals = rest
    keys = []
    for literal in literals:
        keys.append(f":v{len(values)}")
        values[keys[-1]] = literal
    if name == "size":
        return f"size({path}) = {keys[0]}"
    if name == "IN":
        return f"{path} IN ({', '.join(keys)})"
    if name.isidentifier():
        return f"{name}({', '.join([path, *keys])})"
    return f"{path} {name} {keys[0]}"


def plain(value: Any) -> Any:
    """Tagged Python values, so that types stay apart."""
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Decimal(content)
    if kind == "SS":
        return kind, frozenset(content)
    if kind == "L":
        return kind, [plain(element) for element in content]
    if kind == "M":
        return kind, {name: plain(member) for name, member in content.items()}
    return kind, content


def look_up(item: dict[str, Any], path: str) -> Any:
    value: Any = ("M", {name: plain(each) for name, each in item.items()})
    for part in path.replace("[", ".[").split("."):
        kind, content = value
        if part.startswith("["):
            index = int(part[1:-1])
            if kind != "L" or index >= len(content):
                return None
            value = content[index]
        else:
            if kind != "M" or part not in content:
                return None
            value = content[part]
    return value


def naive(condition: Any, item: dict[str, Any]) -> bool:
    name, *rest = condition
    if name == "AND":
        return naive(rest[0], item) and naive(rest[1], item)
    if name == "OR":
        return naive(rest[0], item) or naive(rest[1], item)
    if name == "NOT":
        return not naive(rest[0], item)
    found, literals = look_up(item, rest[0]), [plain(each) for each in rest[1:]]
    if name == "attribute_exists":
        return found is not None
    if name == "attribute_not_exists":
        return found is None
    if name == "<>":
        return bool(found != literals[0])
    if found is None:
        return False
    kind, content = found
    if name in ("=", "IN"):
        return found in literals
    if name == "size":
        return kind not in ("N", "BOOL", "NULL") and len(content) == literals[0][1]
    wanted_kind, wanted = literals[0]
    if name == "begins_with":
        return kind == "S" and content.startswith(wanted)
    if name == "contains":
        if kind == "L":
            return literals[0] in content
        return kind in ("S", "SS") and wanted_kind == "S" and wanted in content
    if kind != wanted_kind:
        return False
    return bool(
        {"<": content < wanted, "<=": content <= wanted, ">": content > wanted}.get(
            name, content >= wanted
        )
    )


@settings(max_examples=400)
@given(CONDITIONS, ITEMS)
def test_conditions(condition: Any, item: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    text = written(condition, values)
    test = compile_condition(text, Placeholders(None, values or None))
    assert test(item) == naive(condition, item)


@settings(max_examples=200)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6),
       st.decimals(allow_nan=False, allow_infinity=False, places=6))  # fmt: skip
def test_number_order(left: Decimal, right: Decimal) -> None:
    if max(len(left.as_tuple().digits), len(right.as_tuple().digits)) > 38:
        return
    one, other = order_key({"N": str(left)}), order_key({"N": str(right)})
    assert (one < other, one == other) == (left < right, left == right)
    assert Decimal(validated({"N": str(left)})["N"]) == left


@settings(max_examples=200)
@given(st.lists(st.integers(0, 9), max_size=8), st.sets(st.integers(0, 11), min_size=1, max_size=4))
def test_removing_elements(elements: list[int], removed: set[int]) -> None:
    item = {"l1": {"L": [{"N": str(each)} for each in elements]}}
    text = "REMOVE " + ", ".join(f"l1[{index}]" for index in removed)
    kept = [{"N": str(each)} for index, each in enumerate(elements) if index not in removed]
    assert compile_update(text, Placeholders()).apply(item) == {"l1": {"L": kept}}
