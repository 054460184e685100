"""JSON as a stream of tokens that know where they end.

The services that accept event patterns report the place of a mistake as line and column of their
streaming parser. An ordinary JSON loader forgets places and swallows repeated keys, so patterns are
read here, token by token. The place reported is where reading stands when the mistake is noticed:
after a whole number or bracket, but just behind the opening quote of a string not yet read.
"""

from __future__ import annotations

import json
import re

import msgspec

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[^\s\[\]{},:\"]+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SHOWN_MAX = 500

JsonScalar = str | int | float | bool | None


class PatternSyntaxError(Exception):
    """A mistake in a pattern; ``reason`` already names the place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(msgspec.Struct, frozen=True):
    """One JSON token.

    ``kind`` is one of ``{ } [ ] name string number literal``. ``seen`` is the offset the reader has
    reached when it first notices the token, ``end`` the offset behind it.
    """

    kind: str
    value: JsonScalar
    seen: int
    end: int


class PatternReader:
    """Hands out the tokens of one JSON text in order.

    Raises:
        PatternSyntaxError: from the constructor, when the text is not JSON.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[Token] = []
        self._index = -1
        self._stack: list[str] = []
        self._tokenize()

    def next(self) -> Token:
        """Advance to the next token and return it."""
        self._index += 1
        return self._tokens[self._index]

    def fail(self, message: str, *, read: bool = False) -> PatternSyntaxError:
        """The error for a mistake at the current token; ``read`` when its text was already taken."""
        token = self._tokens[max(self._index, 0)]
        return self._error(message, token.end if read else token.seen)

    def _error(self, message: str, offset: int) -> PatternSyntaxError:
        line = self._text.count("\n", 0, offset) + 1
        column = offset - (self._text.rfind("\n", 0, offset) + 1) + 1
        shown = f'"{self._text[:_SHOWN_MAX]}"'
        if len(self._text) > _SHOWN_MAX:
            shown += f"[truncated {len(self._text) - _SHOWN_MAX} chars]"
        return PatternSyntaxError(
            f"{message}\n at [Source: (String){shown}; line: {line}, column: {column}]"
        )

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _tokenize(self) -> None:
        at = self._skip(0)
        if at >= len(self._text):
            raise self._error("Filter is not an object", at)
        at = self._skip(self._value(at))
        if at < len(self._text):
            raise self._unexpected(at, "end of input")

    def _value(self, at: int) -> int:
        """Append the tokens of the value that begins at ``at``; return the offset behind it."""
        char = self._text[at] if at < len(self._text) else ""
        if char == "{":
            return self._members(at)
        if char == "[":
            return self._elements(at)
        if char == '"':
            return self._string(at, "string")
        if char == "-" or char.isdigit():
            found = _NUMBER.match(self._text, at)
            if not found:
                raise self._unexpected(at, "a valid number")
            raw = found.group()
            number = float(raw) if any(c in raw for c in ".eE") else int(raw)
            self._tokens.append(Token("number", number, found.end(), found.end()))
            return found.end()
        word = _WORD.match(self._text, at)
        if word and word.group() in _LITERALS:
            self._tokens.append(Token("literal", _LITERALS[word.group()], word.end(), word.end()))
            return word.end()
        if word:
            raise self._error(
                f"Unrecognized token '{word.group()}': was expecting (JSON String, Number, Array, "
                "Object or token 'null', 'true' or 'false')",
                word.end(),
            )
        raise self._unexpected(at, "a valid value")

    def _string(self, at: int, kind: str) -> int:
        found = _STRING.match(self._text, at)
        if not found:
            raise self._error(
                "Unexpected end-of-input: was expecting closing quote", len(self._text)
            )
        try:
            value = json.loads(found.group())
        except ValueError:
            raise self._error("Unrecognized character escape", found.end()) from None
        self._tokens.append(Token(kind, value, at + 1, found.end()))
        return found.end()

    def _members(self, at: int) -> int:
        self._open("{", at)
        at = self._skip(at + 1)
        if self._text.startswith("}", at):
            return self._close("}", at)
        while True:
            if not self._text.startswith('"', at):
                raise self._unexpected(at, "double-quote to start field name")
            at = self._skip(self._string(at, "name"))
            name = len(self._tokens) - 1
            if not self._text.startswith(":", at):
                raise self._unexpected(at, "a colon to separate field name and value")
            at = self._value(self._skip(at + 1))
            # The reader peeks at the value when it meets a name, so both are noticed at one place.
            token = self._tokens[name]
            seen = self._tokens[name + 1].seen
            self._tokens[name] = Token("name", token.value, seen, seen)
            at = self._skip(at)
            if self._text.startswith("}", at):
                return self._close("}", at)
            if not self._text.startswith(",", at):
                raise self._unexpected(at, "comma to separate Object entries")
            at = self._skip(at + 1)

    def _elements(self, at: int) -> int:
        self._open("[", at)
        at = self._skip(at + 1)
        if self._text.startswith("]", at):
            return self._close("]", at)
        while True:
            at = self._skip(self._value(at))
            if self._text.startswith("]", at):
                return self._close("]", at)
            if not self._text.startswith(",", at):
                raise self._unexpected(at, "comma to separate Array entries")
            at = self._skip(at + 1)

    def _open(self, kind: str, at: int) -> None:
        # Deeper nesting than this is refused by the real parser as well.
        if len(self._stack) >= 200:
            raise self._error("Document nesting depth exceeds the maximum allowed", at)
        self._stack.append(kind)
        self._tokens.append(Token(kind, None, at + 1, at + 1))

    def _close(self, kind: str, at: int) -> int:
        self._stack.pop()
        self._tokens.append(Token(kind, None, at + 1, at + 1))
        return at + 1

    def _unexpected(self, at: int, wanted: str) -> PatternSyntaxError:
        if at >= len(self._text):
            return self._error("Unexpected end-of-input", at)
        char = self._text[at]
        return self._error(
            f"Unexpected character ('{char}' (code {ord(char)})): was expecting {wanted}", at + 1
        )
