"""Where imports stand, where time and chance come from, and how things are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.conftest import Repository

LAZY_IMPORTS = {
    # Loaded only where the filter is built, which takes 13 ms and happens once.
    "src/pileus/adapters/local_node/seccomp_filter.py",
    # Runs inside instances, which import what a function needs and no more.
    "src/pileus/runtime/",
}
TIME_AND_CHANCE = {
    # The ports' own adapters.
    "src/pileus/adapters/clock_system.py",
    "src/pileus/adapters/chance_system.py",
    "src/pileus/adapters/chance_seeded.py",
    # Programs of their own, with nobody to give them a clock.
    "src/pileus/runtime/",
    "src/pileus/media/intake/__main__.py",
    "src/pileus/media/player.py",
    "src/pileus/deploy/local_child.py",
    # Commands that a person started.
    "src/pileus/cli/",
}
_FORBIDDEN: dict[str, set[str] | None] = {
    "time": None,
    "random": None,
    "secrets": None,
    "uuid": {"uuid1", "uuid4", "uuid6", "uuid7", "uuid8"},
    "os": {"urandom", "getrandom"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
"""Module or class → what of it reads a clock or draws by chance; None for all of it."""
BANNED = re.compile(
    r"^(utils?|common|helpers?|misc|manager|impl|base|stuff|v2|new|old|tmp)$", re.IGNORECASE
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IN_NAMES = {"manager", "helper", "helpers", "utils", "util", "impl"}
_PURE = ("languages", "values", "ports")
_OUTSIDE = {"os", "socket", "subprocess", "pathlib", "sqlite3", "threading", "logging", "urllib"}


def _is_allowed(name: str, places: set[str]) -> bool:
    return any(name == place or (place[-1] == "/" and name.startswith(place)) for place in places)


def test_imports_stand_at_the_top(repository: Repository) -> None:
    found = []
    for path in repository.sources():
        name = repository.name(path)
        if _is_allowed(name, LAZY_IMPORTS):
            continue
        for node in ast.walk(repository.tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found += [
                    f"{name}:{inner.lineno}"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Import | ast.ImportFrom)
                ]
    assert not found, f"imports inside functions: {found}"


def test_time_and_chance_are_arguments(repository: Repository) -> None:
    found = [
        f"{repository.name(path)}:{line} {what}"
        for path in repository.sources()
        if not _is_allowed(repository.name(path), TIME_AND_CHANCE)
        for line, what in _clocks_and_dice(repository.tree(path))
    ]
    assert not found, f"ask the Clock and Chance ports (in rooms: the call) instead: {found}"


def _clocks_and_dice(tree: ast.Module) -> Iterator[tuple[int, str]]:
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "random", "secrets"):
            yield node.lineno, f"from {node.module} import"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = modules.get(node.value.id, node.value.id)
            is_meant = node.value.id in modules or of in ("datetime", "date")
            forbidden = _FORBIDDEN.get(of, set())
            if is_meant and (forbidden is None or node.attr in forbidden):
                yield node.lineno, f"{of}.{node.attr}"


def test_time_is_not_slept_away_beside_the_clock(repository: Repository) -> None:
    found = [
        f"{repository.name(path)}:{node.lineno}"
        for path in repository.sources()
        if "adapters" not in path.parts
        for node in ast.walk(repository.tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "asyncio.sleep"
        # Zero gives others their turn and waits for nothing.
        and ast.unparse(node) != "asyncio.sleep(0)"
    ]
    assert not found, f"clock.sleep, so that tests need not wait: {found}"


def test_what_is_pure_touches_nothing_outside(repository: Repository) -> None:
    found = []
    for path in repository.sources():
        if path.relative_to(repository.source).parts[0] not in _PURE:
            continue
        for node in ast.walk(repository.tree(path)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found += [
                f"{repository.name(path)} imports {name}"
                for name in names
                if name.partition(".")[0] in _OUTSIDE and name != "urllib.parse"
            ]
    assert not found, found


def test_files_say_what_they_are(repository: Repository) -> None:
    found = [
        repository.name(path)
        for path in repository.files(".py")
        if any(BANNED.match(part) for part in (*_folders(repository, path), path.stem))
    ]
    assert not found, f"names that say nothing: {found}"


def _folders(repository: Repository, path: Path) -> tuple[str, ...]:
    return path.relative_to(repository.root).parts[:-1]


def test_things_say_what_they_are(repository: Repository) -> None:
    found = []
    for path in repository.sources():
        for node in ast.walk(repository.tree(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = {word.lower() for word in _WORDS.findall(node.name)}
                if words & _IN_NAMES:
                    found.append(f"{repository.name(path)}:{node.lineno} {node.name}")
    assert not found, f"name the thing, not that it helps or manages: {found}"
