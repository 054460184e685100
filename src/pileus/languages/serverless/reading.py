"""Typed reading of a resolved configuration: every complaint names file, path and expectation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pileus.languages.cfn.model import text_of
from pileus.languages.serverless.errors import ServiceFileError


def is_function(value: Any) -> bool:
    """True for a CloudFormation function: ``{"Ref": …}``, ``{"Fn::…": …}``."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return name == "Ref" or str(name).startswith("Fn::")


@dataclass(frozen=True, slots=True)
class Reading:
    """A place in the configuration.

    Attributes:
        warnings: shared by all places of a file; told to the user, never raised.
    """

    file: str
    path: tuple[str, ...]
    value: Any
    warnings: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.value is not None

    def __getitem__(self, name: str) -> Reading:
        """The member ``name`` of a mapping; holds None where there is none."""
        value = self.mapping().get(name)
        return Reading(self.file, (*self.path, name), value, self.warnings)

    def error(self, problem: str) -> ServiceFileError:
        """A complaint about this place."""
        return ServiceFileError(self.file, ".".join(self.path), problem)

    def expected(self, what: str) -> ServiceFileError:
        """A complaint that tells what belongs here."""
        return self.error(f"expected {what}, found {_shown(self.value)}")

    def warn(self, problem: str) -> None:
        """Tell the user about something that works, but not as written."""
        text = f"{self.file}: {'.'.join(self.path)}: {problem}"
        if text not in self.warnings:
            self.warnings.append(text)

    def mapping(self) -> dict[str, Any]:
        """A mapping; an absent one is empty."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.expected("a mapping")
        return self.value

    def items(self) -> Iterator[tuple[str, Reading]]:
        """The members of a mapping."""
        for name in self.mapping():
            yield name, self[name]

    def entries(self) -> list[Reading]:
        """The members of a list; an absent one is empty."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.expected("a list")
        return [
            Reading(self.file, (*self.path, str(index)), value, self.warnings)
            for index, value in enumerate(self.value)
        ]

    def text(self, pattern: str | None = None, what: str = "a string") -> str:
        """Text; numbers and booleans are spelled out."""
        if isinstance(self.value, (dict, list)) or self.value is None:
            raise self.expected(what)
        text = text_of(self.value)
        if pattern is not None and not re.fullmatch(pattern, text):
            raise self.expected(what)
        return text

    def optional_text(self) -> str | None:
        """Text, or None where there is nothing."""
        return None if self.value is None else self.text()

    def text_or_function(self, what: str = "a string or a CloudFormation function") -> Any:
        """Text, or a function left for CloudFormation."""
        return self.value if is_function(self.value) else self.text(what=what)

    def integer(self, low: int, high: int) -> int:
        """An integer within bounds."""
        what = f"an integer from {low} to {high}"
        value = self.value
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.expected(what)
        return value

    def boolean(self, default: bool) -> bool:
        """A boolean; ``"true"`` and ``"false"`` as variables yield them count too."""
        if self.value is None:
            return default
        if isinstance(self.value, bool):
            return self.value
        if self.value in ("true", "false"):
            return bool(self.value == "true")
        raise self.expected("true or false")

    def one_of(self, *allowed: str) -> str:
        """One of the words."""
        if self.value not in allowed:
            raise self.expected(f"one of {', '.join(allowed)}")
        return str(self.value)

    def check_keys(self, *known: str) -> None:
        """Warn about members that mean nothing here."""
        for name in self.mapping():
            if name not in known:
                self[name].warn("unrecognized property; ignored")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
