"""New services from templates that ship with Pileus."""

from __future__ import annotations

import re
from pathlib import Path

from pileus.deploy.errors import DeployError

_TEMPLATES = Path(__file__).parent / "templates"
_ALIASES = {"aws-python": "aws-python3", "hello": "aws-python3", "aws-node": "aws-nodejs"}
_SUFFIX = ".template"
_HIDDEN = {"gitignore": ".gitignore"}
_PLACEHOLDER = "SERVICE_NAME"
_SERVICE = re.compile(r"[a-zA-Z][0-9a-zA-Z-]*\Z")


def template_names() -> list[str]:
    """The templates there are."""
    return sorted(folder.name for folder in _TEMPLATES.iterdir() if folder.is_dir())


def create(template: str, folder: Path, name: str | None = None) -> list[Path]:
    """Write a new service; the files written.

    Args:
        name: the service's; the folder's name when None.

    Raises:
        DeployError: no such template, an unusable name, or a folder that has such files already.
    """
    source = _TEMPLATES / _ALIASES.get(template, template)
    if not source.is_dir() or source.parent != _TEMPLATES:
        known = ", ".join(template_names())
        raise DeployError(f"there is no template {template!r}; there are: {known}")
    name = name or folder.resolve().name
    if not _SERVICE.match(name):
        raise DeployError(
            f"{name!r} cannot name a service: letters, digits and hyphens, a letter first; "
            "give one with --name"
        )
    contents = {
        folder / _HIDDEN.get(file.stem, file.stem): file.read_text()
        for file in sorted(source.glob(f"*{_SUFFIX}"))
    }
    for path in contents:
        if path.exists():
            raise DeployError(f"{path} exists already; choose another --path")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in contents.items():
        path.write_text(text.replace(_PLACEHOLDER, name))
    return list(contents)
