"""Whether the packages that a ``requirements.txt`` asks for are there. Nothing is installed.

Understands names with extras and version specifiers (PEP 440, without ``===``) of final releases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import distributions

_LINE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(.*)")
_CLAUSE = re.compile(r"(~=|==|!=|<=|>=|<|>)\s*([A-Za-z0-9.*+!_-]+)")
_RELEASE = re.compile(r"(\d+(?:\.\d+)*)(.*)")
_INSTALL_OPTIONS = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "-i ")
"""Options that only say where to install from."""


def unsatisfied(text: str, folders: Sequence[str]) -> list[str]:
    """What is missing for each requirement that does not hold, one phrase each; empty when all do.

    Args:
        text: the file's content. Environment markers are not evaluated: the requirement counts.
        folders: where installed packages lie, first ones first.
    """
    installed: dict[str, str] = {}
    for distribution in distributions(path=list(folders)):
        name = distribution.metadata["Name"]
        if name:
            installed.setdefault(_canonical(name), distribution.version)
    found = []
    for line in text.splitlines():
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        if not requirement or requirement.startswith(_INSTALL_OPTIONS):
            continue
        if lack := _lack(requirement.partition(";")[0].strip(), installed):
            found.append(lack)
    return found


def _lack(requirement: str, installed: dict[str, str]) -> str:
    match = _LINE.fullmatch(requirement)
    if match is None or "@" in match[2]:
        return f"{requirement} (only names and versions can be checked)"
    version = installed.get(_canonical(match[1]))
    if version is None:
        return f"{requirement} (not installed)"
    clauses = [clause.strip() for clause in match[2].strip("() ").split(",") if clause.strip()]
    for clause in clauses:
        parsed = _CLAUSE.fullmatch(clause)
        if parsed is None:
            return f"{requirement} (the condition {clause!r} cannot be checked)"
        if not _holds(version, parsed[1], parsed[2]):
            return f"{requirement} (installed: {version})"
    return ""


def _holds(version: str, operator: str, wanted: str) -> bool:
    if operator in ("==", "!="):
        if wanted.endswith(".*"):
            prefix = _release(wanted[:-2])[0]
            is_equal = _padded(_release(version)[0], len(prefix))[: len(prefix)] == prefix
        else:
            is_equal = _compare(version.partition("+")[0], wanted) == 0
        return is_equal == (operator == "==")
    order = _compare(version, wanted)
    if operator == "~=":
        prefix = _release(wanted)[0][:-1]
        return order >= 0 and _release(version)[0][: len(prefix)] == prefix
    return {"<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[operator]


def _compare(one: str, other: str) -> int:
    """Negative, zero or positive; a pre-release comes before its release, other suffixes after."""
    (first, first_suffix), (second, second_suffix) = _release(one), _release(other)
    length = max(len(first), len(second))
    left = (_padded(first, length), _rank(first_suffix), first_suffix)
    right = (_padded(second, length), _rank(second_suffix), second_suffix)
    return (left > right) - (left < right)


def _release(version: str) -> tuple[tuple[int, ...], str]:
    match = _RELEASE.match(version.lower().lstrip("v"))
    if match is None:
        return (), version
    return tuple(int(part) for part in match[1].split(".")), match[2].partition("+")[0]


def _rank(suffix: str) -> int:
    bare = suffix.lstrip(".-_")
    if bare.startswith(("a", "b", "c", "rc", "dev", "pre")):
        return -1
    return 1 if bare else 0


def _padded(release: tuple[int, ...], length: int) -> tuple[int, ...]:
    return release + (0,) * (length - len(release))


def _canonical(name: str) -> str:
    """The name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
