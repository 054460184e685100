"""Tokens and grammar of DynamoDB expressions.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html. Reading is
independent of names, values and items, so the trees are cached by text; meaning is checked and
given in :mod:`.conditions`, :mod:`.updates` and :mod:`.projections`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<alias>[#:]\w+)|(?P<number>\d+)"
    r"|(?P<mark><=|>=|<>|[=<>(),.\[\]+\-])|(?P<other>\S))",
    re.ASCII,
)
_COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
_SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")
_SIZE_BYTES_MAX = 4096
_DEPTH_MAX = 200


class SyntaxProblem(Exception):
    """What is wrong with a text, in DynamoDB's words without the leading ``Invalid …: ``."""


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: word, alias, number, mark, other, end. ``start`` and ``end`` are offsets."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Path:
    """A document path; names may be aliases (``#a``), whole numbers are list indices."""

    parts: tuple[str | int, ...]
    has_aliases: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """``:name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function call, or in updates ``+`` and ``-``."""

    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``operator`` is a comparator, ``BETWEEN`` or ``IN``; the subject is the first operand."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Logical:
    """``operator`` is AND, OR or NOT."""

    operator: str
    parts: tuple[Condition, ...]


Operand = Path | Reference | Call
Condition = Comparison | Logical | Call
Node = Path | Reference | Call | Comparison | Logical


@dataclass(frozen=True, slots=True)
class ConditionTree:
    """A condition as read; ``has_spare_parentheses`` makes it illegal, but later than syntax."""

    root: Condition
    has_spare_parentheses: bool


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update; REMOVE has no operand."""

    section: str
    path: Path
    operand: Operand | None


@dataclass(frozen=True, slots=True)
class UpdateTree:
    """All actions in order and the names of the sections as often as they occur."""

    actions: tuple[Action, ...]
    sections: tuple[str, ...] = field(default=())


@lru_cache(maxsize=4096)
def read_condition(text: str) -> ConditionTree:
    """Read a condition, filter or key condition expression.

    Raises:
        SyntaxProblem: when it is none.
    """
    parser = _Parser(text, allows_underscore=False)
    root = parser.require_condition(parser.disjunction(0))
    parser.expect_end()
    return ConditionTree(root, parser.has_spare_parentheses)


@lru_cache(maxsize=4096)
def read_projection(text: str) -> tuple[Path, ...]:
    """Read a projection expression.

    Raises:
        SyntaxProblem: when it is none.
    """
    parser = _Parser(text, allows_underscore=False)
    paths = [parser.path()]
    while parser.take(","):
        paths.append(parser.path())
    parser.expect_end()
    return tuple(paths)


@lru_cache(maxsize=4096)
def read_update(text: str) -> UpdateTree:
    """Read an update expression.

    Raises:
        SyntaxProblem: when it is none.
    """
    parser = _Parser(text, allows_underscore=True)
    actions: list[Action] = []
    sections: list[str] = []
    while True:
        section = parser.word_of(_SECTIONS)
        sections.append(section)
        actions.append(parser.action(section))
        while parser.take(","):
            actions.append(parser.action(section))
        if parser.is_at_end():
            return UpdateTree(tuple(actions), tuple(sections))


def _tokens(text: str) -> list[Token]:
    found, at = [], 0
    stripped = len(text.rstrip())
    while at < stripped:
        match = _TOKEN.match(text, at)
        assert match is not None and match.lastgroup
        start, at = match.span(match.lastgroup)
        found.append(Token(match.lastgroup, match[match.lastgroup], start, at))
    found.append(Token("end", "<EOF>", len(text), len(text)))
    return found


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, *, allows_underscore: bool) -> None:
        if not text.strip():
            raise SyntaxProblem("The expression can not be empty;")
        size = len(text.encode())
        if size > _SIZE_BYTES_MAX:
            raise SyntaxProblem(
                f"Expression size has exceeded the maximum allowed size; expression size: {size}"
            )
        self._text = text
        self._tokens = _tokens(text)
        self._index = 0
        self._closing: dict[int, int] = {}
        self._allows_underscore = allows_underscore
        self.has_spare_parentheses = False

    # --- tokens

    def _problem(self) -> SyntaxProblem:
        token = self._tokens[self._index]
        first = self._tokens[max(self._index - 1, 0)]
        last = self._tokens[min(self._index + 1, len(self._tokens) - 1)]
        near = self._text[first.start : last.end].strip()
        return SyntaxProblem(f'Syntax error; token: "{token.text}", near: "{near}"')

    def take(self, mark: str) -> bool:
        """Step over a mark when it is next."""
        token = self._tokens[self._index]
        if token.kind == "mark" and token.text == mark:
            self._index += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self.take(mark):
            raise self._problem()

    def _keyword(self) -> str:
        token = self._tokens[self._index]
        word = token.text.upper()
        return word if token.kind == "word" and word in _KEYWORDS else ""

    def _take_keyword(self, word: str) -> bool:
        if self._keyword() == word:
            self._index += 1
            return True
        return False

    def is_at_end(self) -> bool:
        """Whether all tokens are read."""
        return self._tokens[self._index].kind == "end"

    def expect_end(self) -> None:
        """Raise SyntaxProblem when something is left."""
        if not self.is_at_end():
            raise self._problem()

    def word_of(self, words: tuple[str, ...]) -> str:
        """Step over one of the words, whatever its case."""
        token = self._tokens[self._index]
        if token.kind != "word" or token.text.upper() not in words:
            raise self._problem()
        self._index += 1
        return token.text.upper()

    # --- operands

    def path(self) -> Path:
        """A document path."""
        return self._tail([self._name()])

    def _name(self) -> str:
        token = self._tokens[self._index]
        is_word = token.kind == "word" and (
            token.text.upper() not in (_SECTIONS if self._allows_underscore else _KEYWORDS)
            and (self._allows_underscore or token.text[0] != "_")
        )
        if not is_word and not (token.kind == "alias" and token.text[0] == "#"):
            raise self._problem()
        self._index += 1
        return token.text

    def _tail(self, parts: list[str | int]) -> Path:
        while True:
            if self.take("."):
                parts.append(self._name())
            elif self.take("["):
                token = self._tokens[self._index]
                if token.kind != "number":
                    raise self._problem()
                parts.append(int(token.text))
                self._index += 1
                self._expect("]")
            else:
                break
        if len(parts) > 32:
            raise SyntaxProblem(
                f"The document path has too many nesting elements; nesting levels: {len(parts)}"
            )
        has_aliases = any(isinstance(part, str) and part[0] == "#" for part in parts)
        return Path(tuple(parts), has_aliases)

    def _operand(self, depth: int) -> Operand:
        token = self._tokens[self._index]
        if depth > _DEPTH_MAX:
            raise self._problem()
        if self.take("("):
            inner = self._operand(depth + 1)
            self._expect(")")
            return inner
        if token.kind == "alias" and token.text[0] == ":":
            self._index += 1
            return Reference(token.text)
        following = self._tokens[min(self._index + 1, len(self._tokens) - 1)]
        if token.kind == "word" and following.text == "(" and not self._keyword():
            self._index += 2
            return Call(token.text, self._arguments(depth + 1))
        return self.path()

    def _arguments(self, depth: int) -> tuple[Operand, ...]:
        found = [self._argument(depth)]
        while self.take(","):
            found.append(self._argument(depth))
        self._expect(")")
        return tuple(found)

    def _argument(self, depth: int) -> Operand:
        return self._operand(depth)

    # --- conditions

    def disjunction(self, depth: int) -> Node:
        """Conditions joined by OR, or within parentheses a bare operand."""
        if depth > _DEPTH_MAX:
            raise self._problem()
        parts = [self._conjunction(depth)]
        while self._keyword() == "OR":
            self.require_condition(parts[-1])
            self._index += 1
            parts.append(self.require_condition(self._conjunction(depth)))
        return self._joined("OR", parts)

    def _conjunction(self, depth: int) -> Node:
        parts = [self._negation(depth)]
        while self._keyword() == "AND":
            self.require_condition(parts[-1])
            self._index += 1
            parts.append(self.require_condition(self._negation(depth)))
        return self._joined("AND", parts)

    def _joined(self, operator: str, parts: list[Node]) -> Node:
        if len(parts) == 1:
            return parts[0]
        return Logical(operator, tuple(self.require_condition(part) for part in parts))

    def _negation(self, depth: int) -> Node:
        if self._take_keyword("NOT"):
            return Logical("NOT", (self.require_condition(self._negation(depth + 1)),))
        return self._predicate(depth)

    def _predicate(self, depth: int) -> Node:
        subject = self._term(depth)
        token = self._tokens[self._index]
        if token.kind == "mark" and token.text in _COMPARATORS:
            left = self._require_operand(subject)
            self._index += 1
            return Comparison(token.text, (left, self._operand_term(depth)))
        if self._keyword() == "BETWEEN":
            left = self._require_operand(subject)
            self._index += 1
            low = self._operand_term(depth)
            if not self._take_keyword("AND"):
                raise self._problem()
            return Comparison("BETWEEN", (left, low, self._operand_term(depth)))
        if self._keyword() == "IN":
            left = self._require_operand(subject)
            self._index += 1
            self._expect("(")
            options = self._arguments(depth)
            if len(options) > 100:
                raise SyntaxProblem(
                    "The IN operator is provided with too many operands; "
                    f"number of operands: {len(options)}"
                )
            return Comparison("IN", (left, *options))
        return subject

    def _term(self, depth: int) -> Node:
        opened = self._index
        if not self.take("("):
            return self._operand(depth)
        inner = self.disjunction(depth + 1)
        closed = self._index
        self._expect(")")
        self._closing[opened] = closed
        if self._closing.get(opened + 1) == closed - 1:
            self.has_spare_parentheses = True
        if isinstance(inner, Path):
            return self._tail(list(inner.parts))
        return inner

    def _operand_term(self, depth: int) -> Operand:
        return self._require_operand(self._term(depth))

    def _require_operand(self, node: Node) -> Operand:
        if isinstance(node, Comparison | Logical):
            raise self._problem()
        return node

    def require_condition(self, node: Node) -> Condition:
        """The node as a condition; SyntaxProblem for a bare path or value."""
        if isinstance(node, Path | Reference):
            raise self._problem()
        return node

    # --- updates

    def action(self, section: str) -> Action:
        """One action of the named section."""
        path = self.path()
        if section == "REMOVE":
            return Action(section, path, None)
        if section == "SET":
            self._expect("=")
            return Action(section, path, self._set_value())
        token = self._tokens[self._index]
        if token.kind != "alias" or token.text[0] != ":":
            raise self._problem()
        self._index += 1
        return Action(section, path, Reference(token.text))

    def _set_value(self) -> Operand:
        if self._tokens[self._index].text == "(":
            # Parentheses may hold the whole value or only its first operand.
            self._index += 1
            inner = self._set_value()
            self._expect(")")
        else:
            inner = self._operand(0)
        for sign in "+-":
            if self.take(sign):
                return Call(sign, (inner, self._operand(0)))
        return inner
