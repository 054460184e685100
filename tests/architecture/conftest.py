"""What these tests look at: the files of the repository as they lie there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_MADE = {"node_modules", "out", "build", "dist", "__pycache__"}


class Repository:
    """The working tree, without what is made by tools."""

    root = ROOT
    source = ROOT / "src" / "pileus"

    def files(self, *suffixes: str) -> list[Path]:
        """Files with one of the suffixes, in order; folders that begin with a dot are left out."""
        return [path for path in _all_files() if path.suffix in suffixes]

    def sources(self) -> list[Path]:
        """The Python files of the package."""
        return [path for path in self.files(".py") if path.is_relative_to(self.source)]

    def name(self, path: Path) -> str:
        """A path as it is named in messages and in the debt file."""
        return path.relative_to(ROOT).as_posix()

    def tree(self, path: Path) -> ast.Module:
        """The syntax tree of a Python file."""
        return _tree(path)


@cache
def _all_files() -> list[Path]:
    found: list[Path] = []
    waiting = [ROOT]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.name.startswith(".") or path.name in _MADE or path.name.endswith(".egg-info"):
                continue
            if path.is_dir():
                waiting.append(path)
            else:
                found.append(path)
    return sorted(found)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.fixture
def repository() -> Repository:
    """The repository these tests belong to."""
    return Repository()
