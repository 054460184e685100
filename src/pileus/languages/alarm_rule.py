"""Rules of composite alarms: ``ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(c))``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pileus.values.errors import PileusError

_TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*")|(?P<sign>[(),])|(?P<word>[^\s(),"]+))""")
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_DEPTH_MAX = 64
States = Mapping[str, str]
"""Alarm name → ``ALARM``, ``OK`` or ``INSUFFICIENT_DATA``."""
Test = Callable[[States], bool]


class InvalidAlarmRule(PileusError):
    """A rule that cannot be read; its text says why."""


class AlarmRule:
    """A rule ready to ask.

    Attributes:
        names: the alarms it looks at, by name (ARNs are reduced to names).
    """

    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()
        self._test = self._either()
        if self._peek():
            raise InvalidAlarmRule(f"unexpected {self._peek()!r}")

    def holds(self, states: States) -> bool:
        """True when the alarm is to go off; a child that is not there holds for nothing."""
        return self._test(states)

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise InvalidAlarmRule(f"unexpected {text[at:][:10]!r}")
            tokens.append(found[0].strip())
            at = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise InvalidAlarmRule(f"expected {token!r} and found {found!r}")

    def _either(self) -> Test:
        parts = [self._both()]
        while self._peek().upper() == "OR":
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda s: any(part(s) for part in parts)

    def _both(self) -> Test:
        parts = [self._single()]
        while self._peek().upper() == "AND":
            self._take()
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else lambda s: all(part(s) for part in parts)

    def _single(self) -> Test:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise InvalidAlarmRule("the rule is nested too deeply")
        test = self._operand()
        self._depth -= 1
        return test

    def _operand(self) -> Test:
        token = self._take()
        word = token.upper()
        if word == "NOT":
            inner = self._single()
            return lambda s: not inner(s)
        if token == "(":
            inner = self._either()
            self._expect(")")
            return inner
        if word in ("TRUE", "FALSE"):
            return lambda s: word == "TRUE"
        if word in _STATES:
            self._expect("(")
            name = self._name()
            self._expect(")")
            return lambda s: s.get(name) == word
        if word == "AT_LEAST":
            return self._at_least()
        raise InvalidAlarmRule(f"unexpected {token or 'end'!r}")

    def _name(self) -> str:
        token = self._take()
        if not token or token in "(),":
            raise InvalidAlarmRule("the name of an alarm is missing")
        name = token.strip('"')
        if name.startswith("arn:"):
            name = name.split(":", 6)[-1]
        self.names.add(name)
        return name

    def _at_least(self) -> Test:
        """``AT_LEAST(2, ALARM, (a, b, c))``, also ``50%`` and ``NOT ALARM``."""
        self._expect("(")
        wanted = self._take()
        if not re.fullmatch(r"\d+%?", wanted):
            raise InvalidAlarmRule(f"AT_LEAST takes a number and not {wanted!r}")
        self._expect(",")
        state = self._take().upper()
        is_negated = state == "NOT"
        if is_negated:
            state = self._take().upper()
        if state not in _STATES:
            raise InvalidAlarmRule(f"{state!r} is not a state")
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while self._peek() == ",":
            self._take()
            names.append(self._name())
        self._expect(")")
        self._expect(")")
        number = int(wanted.rstrip("%"))
        least = number * len(names) / 100 if wanted.endswith("%") else number
        return lambda s: sum((s.get(name) == state) != is_negated for name in names) >= least
