"""Every room is complete, and the manifest says what the room does."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.architecture.conftest import ROOT, Repository

from pileus.kernel.operations import OperationCode
from pileus.kernel.rooms import Registry, Room
from pileus.shapes import service, snake

_REGISTRY = Registry()
_TABLE = re.compile(r"^## Known differences[^\n]*\n+\|.+\|\n\|[-| ]+\|\n\|", re.MULTILINE)
ROOMS = pytest.mark.parametrize("room", _REGISTRY.rooms, ids=lambda room: room.services[0])


def _folder(room: Room) -> Path:
    return ROOT / "src" / Path(*room.package.split("."))


def _operation_modules(room: Room) -> Iterator[ModuleType]:
    package = importlib.import_module(f"{room.package}.operations")
    yield package
    for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def test_every_folder_is_a_room(repository: Repository) -> None:
    folders = {path.parent.name for path in (repository.source / "services").glob("*/__init__.py")}
    assert folders == {room.package.rpartition(".")[2] for room in _REGISTRY.rooms}


@ROOMS
def test_room_has_the_files_of_a_room(room: Room) -> None:
    folder = _folder(room)
    if (folder / "operations").is_dir():
        wanted = ["README.md", "errors.py", "limits.py", "model.py", "room.py"]
        missing = [name for name in wanted if not (folder / name).exists()]
    else:  # a small room folds its files
        wanted = ["README.md", "operations.py", "room.py"]
        missing = [name for name in wanted if not (folder / name).exists()]
    assert not missing


@ROOMS
def test_readme_tells_the_differences_from_aws(room: Room) -> None:
    text = (_folder(room) / "README.md").read_text()
    assert _TABLE.search(text), "a heading '## Known differences' with a table below it"


@ROOMS
def test_operations_are_aws_operations(room: Room) -> None:
    known = {snake(name) for wire_id in room.services for name in service(wire_id).operations}
    lost = [
        f"{module.__name__}.{name}"
        for module in _operation_modules(room)
        for name, code in vars(module).items()
        if isinstance(code, OperationCode) and name not in known
    ]
    assert not lost, f"the door never finds these: {lost}"


@ROOMS
def test_operations_are_found(room: Room) -> None:
    found = {snake(name) for wire_id in room.services for name in _REGISTRY.operations(wire_id)}
    written = {
        name
        for module in _operation_modules(room)
        for name, code in vars(module).items()
        if isinstance(code, OperationCode) and not name.startswith("_")
    }
    assert found == written
    assert found


@ROOMS
def test_resource_types_are_those_of_the_manifest(room: Room) -> None:
    if not (_folder(room) / "resources.py").exists():
        assert not room.resource_types
        return
    known = importlib.import_module(f"{room.package}.resources").RESOURCE_TYPES
    assert set(known) == set(room.resource_types)


def test_manifests_name_services_of_aws() -> None:
    for room in _REGISTRY.rooms:
        for wire_id in room.services:
            assert service(wire_id).operations


@ROOMS
def test_whom_a_room_asks_is_in_its_manifest(room: Room, repository: Repository) -> None:
    asked = {
        called
        for path in repository.sources()
        if path.is_relative_to(_folder(room))
        for called in _asked(repository.tree(path))
    }
    missing = asked - set(room.uses) - set(room.services)
    assert not missing, f"add to uses in {room.package}.room: {missing}"


def _asked(tree: ast.Module) -> Iterator[str]:
    """Services that ``…invoke("name", …)`` and ``Delivery(service="name", …)`` spell out."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "invoke" and node.args:
            first = node.args[1] if len(node.args) > 3 else node.args[0]
            candidates = [first, node.args[0]]
        elif isinstance(node.func, ast.Name) and node.func.id == "Delivery":
            candidates = [word.value for word in node.keywords if word.arg == "service"]
        else:
            continue
        for candidate in candidates:
            if isinstance(candidate, ast.Constant) and isinstance(candidate.value, str):
                yield candidate.value
                break
