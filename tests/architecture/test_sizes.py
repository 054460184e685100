"""Files and functions stay small enough to be read; the exceptions are listed and only shrink."""

from __future__ import annotations

import ast
import tomllib

import pytest
from tests.architecture.conftest import Repository

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
CODE = (".py", ".js", ".css", ".sh")


@pytest.fixture
def debt(repository: Repository) -> dict[str, dict[str, int]]:
    return tomllib.loads((repository.root / "tools" / "tidy_debt.toml").read_text())


def _advice(found: dict[str, int], allowed: dict[str, int], what: str) -> str:
    return (
        f"{what}: {found} are too long, tools/tidy_debt.toml lists {allowed}. "
        "Cut new ones into parts; write down what has become shorter or has gone."
    )


def test_files_are_short(repository: Repository, debt: dict[str, dict[str, int]]) -> None:
    lengths = {
        repository.name(path): len(path.read_text().splitlines())
        for path in repository.files(*CODE)
    }
    found = {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX}
    allowed = debt.get("file_lines", {})
    assert found == allowed, _advice(found, allowed, "files")


def test_functions_are_short(repository: Repository, debt: dict[str, dict[str, int]]) -> None:
    found: dict[str, int] = {}
    for path in repository.files(".py"):
        for node in ast.walk(repository.tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found[f"{repository.name(path)}:{node.name}"] = lines
    allowed = debt.get("function_lines", {})
    assert found == allowed, _advice(found, allowed, "functions")
