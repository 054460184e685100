"""The import contracts of pyproject.toml hold, and nobody reaches into a room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.conftest import Repository

MAY_IMPORT_ROOMS = {"platform", "testing", "services"}


def test_import_contracts_hold(repository: Repository) -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(tool), "--no-cache"],
        cwd=repository.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_composition_root_imports_rooms(repository: Repository) -> None:
    found = []
    for path in repository.sources():
        if path.relative_to(repository.source).parts[0] in MAY_IMPORT_ROOMS:
            continue
        for node in ast.walk(repository.tree(path)):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            found += [
                f"{repository.name(path)} imports {name}"
                for name in modules
                if name.startswith("pileus.services")
            ]
    assert not found, f"ask the room through the door instead: {found}"


def test_every_package_is_in_a_layer(repository: Repository) -> None:
    text = (repository.root / "pyproject.toml").read_text()
    parts = {
        path.stem if path.suffix == ".py" else path.name
        for path in repository.source.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    missing = {part for part in parts - {"__init__"} if f"pileus.{part}" not in text}
    assert not missing, f"no import contract in pyproject.toml knows {missing}"
