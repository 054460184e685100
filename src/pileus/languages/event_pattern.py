"""Event patterns of EventBridge, compiled once to closures.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html.
A pattern names fields; each field holds a list of alternatives; every field must match. An array
in the event matches when any element does, and the fields named below one array must be found in
the same element. :mod:`pileus.languages.filter_policy` uses the same core with another dialect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pileus.languages.event_pattern_operators import (
    EXISTENCE_OPERATORS,
    Test,
    compile_operator,
    equals_test,
    wildcard_complexity,
)
from pileus.languages.event_pattern_reader import PatternReader, PatternSyntaxError, Token
from pileus.values.errors import ServiceError

Matcher = Callable[[dict[str, Any]], bool]
# A node is given the value found at its place (or MISSING) and the whole event.
Node = Callable[[Any, Any], bool]

MISSING: Final = object()
_OR = "$or"
_COMBINATIONS_MAX = 1000
_WILDCARD_COMPLEXITY_MAX = 10
_TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character "
    "sequences after a wildcard character"
)
# Operator names may not be used as field names below $or: the meaning would be ambiguous.
_RESERVED_IN_OR = frozenset(
    {
        "exactly", "prefix", "suffix", "numeric", "anything-but", "anything-but-prefix",
        "exists", "cidr", "equals-ignore-case", "wildcard", ">", ">=", "<", "<=", "=", "#",
    }
)  # fmt: skip


class InvalidPattern(ServiceError):
    """An event pattern AWS refuses: ``InvalidEventPatternException``."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}"
        )
        self.reason = reason


class Dialect(msgspec.Struct, frozen=True):
    """What differs between the services that speak this language.

    Attributes:
        operators: names accepted in match objects.
        number_limit: largest magnitude of a number in ``numeric``.
        nested_texts: operators whose value may be ``{"equals-ignore-case": …}``.
        anything_but: operators accepted below ``anything-but``.
        has_mixed_lists: whether ``anything-but`` lists may mix numbers and strings.
        weigh: what a leaf at a depth (1 at the top) with a number of alternatives counts towards
            ``Compiled.combinations``.
    """

    operators: frozenset[str]
    number_limit: float
    nested_texts: frozenset[str]
    anything_but: frozenset[str]
    has_mixed_lists: bool = False
    weigh: Callable[[int, int], int] = lambda _depth, _count: 1


EVENTBRIDGE = Dialect(
    operators=frozenset(
        {"exactly", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists",
         "cidr", "wildcard"}
    ),
    number_limit=5e9,
    nested_texts=frozenset({"prefix", "suffix"}),
    anything_but=frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"}),
)  # fmt: skip


class Compiled(msgspec.Struct):
    """The outcome of compiling: the matcher and what the limits speak about.

    ``combinations`` multiplies the weights of all fields, adding up the branches of ``$or``;
    ``paths`` are those of the leaf fields.
    """

    node: Node
    combinations: int
    paths: set[tuple[str, ...]] = msgspec.field(default_factory=set)


def compile_pattern(pattern: Mapping[str, Any] | str) -> Matcher:
    """Compile an event pattern.

    Args:
        pattern: the pattern as JSON text or as a mapping.
    Returns:
        A function that tells whether an event (a mapping as decoded from JSON) matches.
    Raises:
        InvalidPattern: with the sentence AWS gives, place included.
    """
    text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
    try:
        compiled = compile_text(text, EVENTBRIDGE)
    except PatternSyntaxError as error:
        raise InvalidPattern(error.reason) from None
    if compiled.combinations > _COMBINATIONS_MAX:
        raise InvalidPattern(_TOO_COMPLEX)
    node = compiled.node
    return lambda event: node(event, event)


def compile_text(text: str, dialect: Dialect) -> Compiled:
    """Compile JSON text in a dialect.

    Raises:
        PatternSyntaxError: when the text is no pattern of the dialect.
    """
    reader = PatternReader(text)
    if reader.next().kind != "{":
        raise reader.fail("Filter is not an object")
    return _Compiler(reader, dialect).run()


class _Compiler:
    """One pass over the tokens of one pattern."""

    def __init__(self, reader: PatternReader, dialect: Dialect) -> None:
        self._reader = reader
        self._dialect = dialect
        self._result = Compiled(_never, 1)

    def run(self) -> Compiled:
        self._result.node, self._result.combinations = self._object((), set(), in_or=False)
        return self._result

    def _object(
        self, path: tuple[str, ...], seen: set[tuple[str, ...]], *, in_or: bool
    ) -> tuple[Node, int]:
        """Compile the members of an object; ``seen`` are the leaf paths already constrained."""
        reader, fields, groups, combinations = self._reader, [], [], 1
        token = reader.next()
        if token.kind == "}":
            raise reader.fail("Empty objects are not allowed")
        while token.kind != "}":
            name = str(token.value)
            if name == _OR:
                node, count = self._alternatives(path, seen)
                groups.append(node)
                combinations *= count
            else:
                if in_or and name in _RESERVED_IN_OR:
                    raise reader.fail(
                        f"{name} is Ruler reserved fieldName which cannot be used inside $or."
                    )
                child, count = self._field(path + (name,), seen, in_or=in_or)
                fields.append((name, child))
                combinations *= count
            token = reader.next()
        return _object_node(fields, groups), combinations

    def _field(
        self, path: tuple[str, ...], seen: set[tuple[str, ...]], *, in_or: bool
    ) -> tuple[Node, int]:
        kind = self._reader.next().kind
        if kind == "{":
            return self._object(path, seen, in_or=in_or)
        if kind != "[":
            raise self._reader.fail(f'"{path[-1]}" must be an object or an array')
        node, count = self._leaf(path)
        if path in seen:
            raise self._reader.fail(f"Path `{'.'.join(path)}` cannot be allowed multiple times")
        seen.add(path)
        self._result.paths.add(path)
        return node, self._dialect.weigh(len(path), count)

    def _alternatives(self, path: tuple[str, ...], seen: set[tuple[str, ...]]) -> tuple[Node, int]:
        reader = self._reader
        if reader.next().kind != "[":
            raise reader.fail(f"It must be an Array followed with {_OR}.")
        nodes, combinations, union = [], 0, set(seen)
        token = reader.next()
        while token.kind != "]":
            if token.kind != "{":
                raise reader.fail(f"Only JSON object is allowed in array of {_OR} relationship.")
            branch = set(seen)
            node, count = self._object(path, branch, in_or=True)
            nodes.append(node)
            combinations += count
            union |= branch
            token = reader.next()
        if len(nodes) < 2:
            raise reader.fail(f"There must have at least 2 Objects in {_OR} relationship.")
        seen |= union
        choices = tuple(nodes)

        def any_branch(value: Any, event: Any) -> bool:
            return any(choice(value, event) for choice in choices)

        return any_branch, combinations

    def _leaf(self, path: tuple[str, ...]) -> tuple[Node, int]:
        reader, tests = self._reader, list[Test]()
        wildcards: list[str] = []
        accepts_present = accepts_absent = False
        count = 0
        token = reader.next()
        while token.kind != "]":
            count += 1
            if token.kind == "[":
                raise reader.fail("Match value must be String, number, true, false, or null")
            if token.kind != "{":
                tests.append(equals_test(token.value))
            else:
                operator, value = self._operator(wildcards)
                if operator in EXISTENCE_OPERATORS:
                    accepts_present |= bool(value)
                    accepts_absent |= not value
                else:
                    tests.append(value)
            token = reader.next()
        if not count:
            raise reader.fail("Empty arrays are not allowed")
        if wildcards and wildcard_complexity(wildcards, _WILDCARD_COMPLEXITY_MAX) is None:
            raise PatternSyntaxError(_TOO_COMPLEX)
        return _leaf_node(path, tests, accepts_present, accepts_absent), count

    def _operator(self, wildcards: list[str]) -> tuple[str, Any]:
        reader = self._reader
        token: Token = reader.next()
        if token.kind != "name":
            raise reader.fail("Match expression name not found")
        name = str(token.value)
        if name not in self._dialect.operators:
            raise reader.fail(f"Unrecognized match type {name}")
        return name, compile_operator(name, reader, self._dialect, wildcards)


def _never(_value: Any, _event: Any) -> bool:
    return False


def _object_node(fields: list[tuple[str, Node]], groups: list[Node]) -> Node:
    members, alternatives = tuple(fields), tuple(groups)

    def match(value: Any, event: Any) -> bool:
        if type(value) is dict:
            for name, child in members:
                if not child(value.get(name, MISSING), event):
                    return False
            return all(group(value, event) for group in alternatives)
        if type(value) is list and any(type(element) in (dict, list) for element in value):
            return any(match(element, event) for element in value if type(element) in (dict, list))
        for _, child in members:
            if not child(MISSING, event):
                return False
        return all(group(MISSING, event) for group in alternatives)

    return match


def _leaf_node(
    path: tuple[str, ...], tests: list[Test], accepts_present: bool, accepts_absent: bool
) -> Node:
    if accepts_present:
        tests = [_anything]
    single = tests[0] if len(tests) == 1 else None
    choices = tuple(tests)

    def any_test(value: Any) -> bool:
        return any(test(value) for test in choices)

    test = single or any_test

    def match(value: Any, _event: Any) -> bool:
        kind = type(value)
        if kind is str or (value is not MISSING and kind is not dict and kind is not list):
            return test(value)
        return kind is list and _any_element(value, test)

    if not accepts_absent:
        return match

    def match_or_absent(value: Any, event: Any) -> bool:
        return not has_leaf(event, path) or match(value, event)

    return match_or_absent


def _anything(_value: Any) -> bool:
    return True


def _any_element(values: list[Any], test: Test) -> bool:
    for value in values:
        if type(value) is list:
            if _any_element(value, test):
                return True
        elif type(value) is not dict and test(value):
            return True
    return False


def has_leaf(value: Any, path: tuple[str, ...]) -> bool:
    """Whether a scalar stands at ``path``, looking into every element of arrays on the way."""
    if type(value) is list:
        return any(has_leaf(element, path) for element in value)
    if not path:
        return type(value) is not dict
    return type(value) is dict and path[0] in value and has_leaf(value[path[0]], path[1:])
