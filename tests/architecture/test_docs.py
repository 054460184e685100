"""What the documents say is there, and what is there is in the documents."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import fields
from tests.architecture.conftest import ROOT, Repository

from pileus.kernel.settings import Settings
from pileus.media import assets

_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:src|tests|docs|tools|apps|benches)/[\w./-]*\w/?)`")
_HOST = re.compile(
    r"\b(?:[\w-]+\.)*(?:py" r"pi|np" r"mjs|python" r"hosted|crates|ruby" r"gems)\.(?:org|io|com)\b"
)
_ONE_MACHINE = re.compile(r"(?<![\w.<>$}/])/(?:work|home/\w+)/[\w.]")
_TEXT = (".py", ".md", ".toml", ".yml", ".yaml", ".json", ".js", ".css", ".html", ".sh", ".lock")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def test_links_resolve(repository: Repository) -> None:
    broken = []
    for path in repository.files(".md"):
        for target in _LINK.findall(_FENCE.sub("", path.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            found = (path.parent / name).resolve() if name else path
            if not found.exists() or (anchor and anchor not in _anchors(found)):
                broken.append(f"{repository.name(path)} → {target}")
    assert not broken, broken


def _anchors(path: Path) -> set[str]:
    if path.suffix != ".md":
        return set()
    return {
        re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())
        for heading in _HEADING.findall(path.read_text())
    }


def test_paths_in_documents_are_there(repository: Repository) -> None:
    missing = [
        f"{repository.name(path)} names {named}"
        for path in repository.files(".md")
        for named in _PATH.findall(path.read_text())
        if not (repository.root / named).exists()
    ]
    assert not missing, missing


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda field: field.name)
def test_settings_are_told(setting: object, repository: Repository) -> None:
    name, default = setting.name, setting.default  # type: ignore[attr-defined]
    rows = (repository.root / "docs" / "settings.md").read_text().splitlines()
    row = next((row for row in rows if row.startswith(f"| `{name}` |")), None)
    assert row is not None, f"docs/settings.md has no row for {name}"
    assert f"`PILEUS_{name.upper()}`" in row
    assert f"| `{default}` |" in row or (default in ("", None) and "| |" in row), row


def test_every_dependency_has_its_licence_told(repository: Repository) -> None:
    project = tomllib.loads((repository.root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {match[0] for line in wanted if (match := _REQUIREMENT.match(line))}
    text = (repository.root / "docs" / "licences.md").read_text()
    missing = {name for name in names if f"| {name} |" not in text}
    assert not missing, f"docs/licences.md does not tell of {missing}"


def test_assets_have_their_terms_told(repository: Repository) -> None:
    text = (repository.root / "docs" / "licences.md").read_text()
    for asset in (assets.MODEL, assets.VIDEO):
        assert asset.sha256[:8] in text
    assert not repository.files(".avi", ".mkv", ".mp4", ".tflite", ".onnx")


def test_every_decision_says_when_to_revisit(repository: Repository) -> None:
    pages = sorted((repository.root / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        for part in ("**Context.**", "**Choice", "**Cost", "**When to revisit.**"):
            assert part in text, f"{page.name} lacks {part}"


def test_list_of_operations_is_fresh(operations_tool: ModuleType) -> None:
    fresh = operations_tool.page(operations_tool.Registry())
    assert operations_tool.TARGET.read_text() == fresh, "run python tools/operations.py"


@pytest.fixture
def operations_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations", ROOT / "tools" / "operations.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_of_one_machine_or_one_registry(repository: Repository) -> None:
    found = []
    for path in [*repository.files(*_TEXT), repository.root / "Makefile"]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if _HOST.search(line) or _ONE_MACHINE.search(line):
                found.append(f"{repository.name(path)}:{number} {line.strip()[:80]}")
    assert not found, f"packages are named, never where they are fetched: {found}"


def test_make_targets_in_documents_are_there(repository: Repository) -> None:
    targets = set(re.findall(r"^([a-z]+):", (repository.root / "Makefile").read_text(), re.M))
    for path in repository.files(".md"):
        code = "\n".join(re.findall(r"`[^`]+`", path.read_text()))
        named = set(re.findall(r"\bmake ([a-z]+)\b", code))
        assert named <= targets, f"{repository.name(path)}: {named - targets}"


def test_commands_in_the_readme_are_there(repository: Repository) -> None:
    main = (repository.source / "cli" / "main.py").read_text()
    readme = (repository.root / "README.md").read_text()
    for named in re.findall(r"\bpileus ([a-z]+)\b", readme):
        assert f'"{named}": (' in main, named
