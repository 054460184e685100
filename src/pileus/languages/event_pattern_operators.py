"""The operators of event patterns: each becomes a test of one scalar.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from typing import Any, Protocol

from pileus.languages.event_pattern_reader import PatternReader, Token

Test = Callable[[Any], bool]
EXISTENCE_OPERATORS = frozenset({"exists"})
_ONE_KEY = "Only one key allowed in match expression"
_TOO_MANY = "Too many elements in numeric expression"
_IGNORE_CASE = "equals-ignore-case"
_VISITED_MAX = 20_000


class Limits(Protocol):
    """What an operator needs to know of its dialect; see ``event_pattern.Dialect``."""

    @property
    def number_limit(self) -> float: ...
    @property
    def nested_texts(self) -> frozenset[str]: ...
    @property
    def anything_but(self) -> frozenset[str]: ...
    @property
    def has_mixed_lists(self) -> bool: ...


def is_number(value: Any) -> bool:
    """True for JSON numbers; Python counts booleans among the integers, JSON does not."""
    return type(value) is int or type(value) is float


def equals_test(wanted: Any) -> Test:
    """The test for a plain value: equal and of one JSON type; addresses compare by meaning."""
    if is_number(wanted):
        return lambda value: is_number(value) and value == wanted
    if isinstance(wanted, str):
        address = _address(wanted) if ":" in wanted else None
        if address is not None:
            return lambda value: isinstance(value, str) and _address(value) == address
        return lambda value: value == wanted
    return lambda value: value is wanted


def compile_operator(
    name: str, reader: PatternReader, dialect: Limits, wildcards: list[str]
) -> Any:
    """Compile ``{"name": …}`` with the reader standing on the name; reads up to its ``}``.

    Returns:
        A test of a scalar, or for ``exists`` the wanted boolean.
    Raises:
        PatternSyntaxError: when the operand is not what the operator takes.
    """
    if name == "anything-but":
        return _anything_but(reader, dialect)
    if name == "numeric":
        return _numeric(reader, dialect)
    if name == "exists":
        token = reader.next()
        if token.value is not True and token.value is not False:
            raise reader.fail("exists match pattern must be either true or false.")
        _end(reader, _ONE_KEY)
        return token.value
    token = reader.next()
    if token.kind == "{" and name in dialect.nested_texts:
        return _nested_text(name, reader)
    if token.kind != "string":
        label = {"exactly": "exact", "cidr": "prefix"}.get(name, name)
        raise reader.fail(f"{label} match pattern must be a string")
    text = str(token.value)
    if name == "wildcard":
        wildcards.append(text)
    test = _text_test(name, text, reader)
    _end(reader, _ONE_KEY)
    return test


def _end(reader: PatternReader, message: str) -> None:
    if reader.next().kind != "}":
        raise reader.fail(message)


def _nested_text(name: str, reader: PatternReader) -> Test:
    title = name.capitalize()
    token = reader.next()
    if token.kind != "name":
        raise reader.fail(f"{title} expression name not found")
    if token.value != _IGNORE_CASE:
        raise reader.fail(f"Unsupported {name} pattern: {token.value}")
    value = reader.next()
    if value.kind != "string":
        raise reader.fail(f"{_IGNORE_CASE} match pattern must be a string")
    text = str(value.value).lower()
    _end(reader, _ONE_KEY)
    _end(reader, _ONE_KEY)
    if name == "prefix":
        return lambda found: isinstance(found, str) and found.lower().startswith(text)
    return lambda found: isinstance(found, str) and found.lower().endswith(text)


def _text_test(name: str, text: str, reader: PatternReader) -> Test:
    """The test of a string operator with its operand, the reader standing on the operand."""
    if name == "exactly":
        return lambda value: value == text
    if name == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(text)
    if name == "suffix":
        return lambda value: isinstance(value, str) and value.endswith(text)
    if name == _IGNORE_CASE:
        lowered = text.lower()
        return lambda value: isinstance(value, str) and value.lower() == lowered
    if name == "wildcard":
        return wildcard_test(_wildcard_pieces(text, reader))
    return _cidr_test(text, reader)


# --- anything-but -------------------------------------------------------------------------------


def _anything_but(reader: PatternReader, dialect: Limits) -> Test:
    token = reader.next()
    if token.kind != "{":
        test = _anything_but_values(reader, token, dialect)
        _end(reader, _TOO_MANY)
        return test
    token = reader.next()
    if token.kind != "name":
        raise reader.fail("Anything-But expression name not found")
    name = str(token.value)
    if name not in dialect.anything_but:
        raise reader.fail(f"Unsupported anything-but pattern: {name}")
    test = _anything_but_texts(name, reader)
    _end(reader, _TOO_MANY)
    _end(reader, _TOO_MANY)
    return test


def _anything_but_values(reader: PatternReader, token: Token, dialect: Limits) -> Test:
    refused = "Inside anything but list, start|null|boolean is not supported."
    if token.kind not in ("[", "string", "number"):
        raise reader.fail("Value of anything-but must be an array or single string/number value.")
    values: list[Any] = []
    if token.kind != "[":
        values.append(token.value)
    else:
        while (element := reader.next()).kind != "]":
            if element.kind not in ("string", "number"):
                raise reader.fail(refused)
            values.append(element.value)
        kinds = {type(value) is str for value in values}
        if not values or (len(kinds) > 1 and not dialect.has_mixed_lists):
            raise reader.fail(
                "Inside anything but list, either all values are number or string, "
                "mixed type is not supported"
            )
    for value in values:
        if is_number(value):
            _check_range(reader, value, dialect)
    texts = frozenset(value for value in values if isinstance(value, str))
    numbers = frozenset(value for value in values if is_number(value))

    def test(value: Any) -> bool:
        return (
            value not in texts
            if isinstance(value, str)
            else not (is_number(value) and value in numbers)
        )

    return test


def _anything_but_texts(name: str, reader: PatternReader) -> Test:
    token = reader.next()
    if token.kind not in ("[", "string", "number"):
        raise reader.fail("Value of anything-but must be an array or single string/number value.")
    tests: list[Test] = []
    if token.kind != "[":
        tests.append(_refused_text(name, token, reader))
    else:
        while (element := reader.next()).kind != "]":
            tests.append(_refused_text(name, element, reader))
    choices = tuple(tests)
    return lambda value: not any(test(value) for test in choices)


def _refused_text(name: str, token: Token, reader: PatternReader) -> Test:
    if token.kind != "string":
        if name == _IGNORE_CASE:
            message = (
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not "
                "supported."
            )
        elif name == "wildcard":
            message = "wildcard match pattern must be a string"
        else:
            message = "prefix/suffix match pattern must be a string"
        raise reader.fail(message)
    if not token.value and name in ("prefix", "suffix"):
        raise reader.fail("Null prefix/suffix not allowed", read=True)
    return _text_test(name, str(token.value), reader)


# --- numeric ------------------------------------------------------------------------------------


def _check_range(reader: PatternReader, value: Any, dialect: Limits) -> None:
    limit = dialect.number_limit
    if not -limit <= value <= limit:
        shown = f"{limit:.1E}".replace("E+0", "E")
        raise reader.fail(f"Value must be between -{shown} and {shown}, inclusive")


def _operand(reader: PatternReader, label: str, dialect: Limits) -> float | int:
    token = reader.next()
    if token.kind != "number":
        raise reader.fail(f"Value of {label} must be numeric")
    number = token.value
    assert isinstance(number, int | float)
    _check_range(reader, number, dialect)
    return number


def _numeric(reader: PatternReader, dialect: Limits) -> Test:
    if reader.next().kind != "[":
        raise reader.fail("Value of numeric must be an array.")
    token = reader.next()
    if token.kind != "string":
        shown = "]" if token.kind == "]" else token.value
        raise reader.fail(f"Invalid member in numeric match: {shown}")
    operator = str(token.value)
    if operator not in ("=", "<", "<=", ">", ">="):
        raise reader.fail(f"Unrecognized numeric range operator: {operator}", read=True)
    first = _operand(reader, "equals" if operator == "=" else operator, dialect)
    tests = [_compare(operator, first)]
    token = reader.next()
    if token.kind != "]":
        if operator not in (">", ">="):
            raise reader.fail(_TOO_MANY)
        tests.append(_upper_bound(reader, token, first, dialect))
    _end(reader, _TOO_MANY)
    if len(tests) == 1:
        return tests[0]
    lower, upper = tests
    return lambda value: lower(value) and upper(value)


def _upper_bound(reader: PatternReader, token: Token, bottom: float, dialect: Limits) -> Test:
    if token.kind != "string":
        raise reader.fail(f"Bad value in numeric range: {token.value}")
    operator = str(token.value)
    if operator not in ("<", "<="):
        raise reader.fail(f"Bad numeric range operator: {operator}", read=True)
    top = _operand(reader, operator, dialect)
    if reader.next().kind != "]":
        raise reader.fail("Too many terms in numeric range expression")
    if bottom >= top:
        raise reader.fail("Bottom must be less than top")
    return _compare(operator, top)


def _compare(operator: str, bound: float) -> Test:
    if operator == "=":
        return lambda value: is_number(value) and value == bound
    if operator == "<":
        return lambda value: is_number(value) and value < bound
    if operator == "<=":
        return lambda value: is_number(value) and value <= bound
    if operator == ">":
        return lambda value: is_number(value) and value > bound
    return lambda value: is_number(value) and value >= bound


# --- cidr ---------------------------------------------------------------------------------------

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _cidr_test(text: str, reader: PatternReader) -> Test:
    base, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise reader.fail("Malformed CIDR, one '/' required", read=True)
    try:
        mask = int(bits)
    except ValueError:
        raise reader.fail("Malformed CIDR, mask bits must be an integer", read=True) from None
    if mask < 0:
        raise reader.fail("Malformed CIDR, mask bits must not be negative", read=True)
    address = _address(base)
    if address is None:
        raise reader.fail(f"Nonstandard IP address: {base}", read=True)
    if mask >= address.max_prefixlen:
        raise reader.fail(
            f"IPv{address.version} mask bits must be < {address.max_prefixlen}", read=True
        )
    network = ipaddress.ip_network((base, mask), strict=False)

    def test(value: Any) -> bool:
        found = _address(value) if isinstance(value, str) else None
        return found is not None and found.version == network.version and found in network

    return test


# --- wildcard -----------------------------------------------------------------------------------


def _wildcard_pieces(text: str, reader: PatternReader) -> list[str]:
    """The literal pieces between the stars, escapes resolved."""
    pieces, at = [""], 0
    while at < len(text):
        char = text[at]
        # AWS counts in bytes of the quoted text, hence the one for the opening quote.
        place = len(text[:at].encode()) + 1
        if char == "*":
            if text.startswith("*", at + 1):
                raise reader.fail(f"Consecutive wildcard characters at pos {place}", read=True)
            pieces.append("")
        elif char == "\\":
            at += 1
            if at >= len(text) or text[at] not in "*\\":
                raise reader.fail(f"Invalid escape character at pos {place}", read=True)
            pieces[-1] += text[at]
        else:
            pieces[-1] += char
        at += 1
    return pieces


def wildcard_test(pieces: list[str]) -> Test:
    """Match literal pieces with anything between them, in time linear in the text."""
    if len(pieces) == 1:
        return lambda value: value == pieces[0]
    head, *middle, tail = pieces
    shortest = len(head) + len(tail)

    def test(value: Any) -> bool:
        if not isinstance(value, str) or len(value) < shortest:
            return False
        if not value.startswith(head) or not value.endswith(tail):
            return False
        at, end = len(head), len(value) - len(tail)
        for piece in middle:
            at = value.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return test


def wildcard_complexity(patterns: Collection[str], limit: int) -> int | None:
    """How many prefixes of the patterns can be alive at once for the worst text.

    Returns:
        The count, or None when it exceeds ``limit`` (the search stops there).
    """
    programs = [_program(pattern) for pattern in patterns]
    start = frozenset(
        state for index, program in enumerate(programs) for state in _closure(index, 0, program)
    )
    visited, waiting, worst = {start}, [start], 0
    while waiting:
        for alive in _successors(waiting.pop(), programs):
            # The state behind a star that took nothing is the star's own prefix: count it once.
            count = sum(1 for index, at in alive if at == 0 or programs[index][at - 1] != "*")
            worst = max(worst, count)
            if worst > limit or len(visited) > _VISITED_MAX:
                return None
            if alive not in visited:
                visited.add(alive)
                waiting.append(alive)
    return worst


def _successors(
    active: frozenset[tuple[int, int]], programs: list[list[str]]
) -> list[frozenset[tuple[int, int]]]:
    """The sets of states one more character leads to; the empty symbol is any other character."""
    wanted: dict[str, set[tuple[int, int]]] = {"": set()}
    looping: set[tuple[int, int]] = set()
    for index, at in active:
        program = programs[index]
        if at == len(program):
            continue
        if program[at] == "*":
            looping.update(_closure(index, at, program))
        else:
            wanted.setdefault(program[at], set()).update(_closure(index, at + 1, program))
    return [frozenset(states | looping) for states in wanted.values() if states or looping]


def _program(pattern: str) -> list[str]:
    """Symbols of a pattern; a literal star is spelled ``\\*`` so that it differs from the wildcard."""
    symbols, at = [], 0
    while at < len(pattern):
        if pattern[at] == "\\":
            symbols.append("\\" + pattern[at + 1 : at + 2])
            at += 1
        else:
            symbols.append(pattern[at])
        at += 1
    return symbols


def _closure(index: int, at: int, program: list[str]) -> list[tuple[int, int]]:
    if at < len(program) and program[at] == "*" and at + 1 < len(program):
        return [(index, at), (index, at + 1)]
    return [(index, at)]
