"""What the running environment holds already, so that it need not be fetched a second time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*([A-Za-z0-9.!+_-]+)\Z")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = re.compile(r"\bextra\s*==")


def pins(lines: Sequence[str]) -> dict[str, str] | None:
    """Version by name, or None when any requirement is not of the form ``name==version``."""
    found: dict[str, str] = {}
    for line in lines:
        match = _PIN.match(line)
        if match is None:
            return None
        found[canonical(match[1])] = match[2]
    return found


def canonical(name: str) -> str:
    """``Foo.Bar`` and ``foo_bar`` are one project: ``foo-bar`` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def mismatches(wanted: dict[str, str]) -> list[str]:
    """One sentence for each pin that the running environment does not meet exactly."""
    result = []
    for name, version in wanted.items():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            result.append(f"{name} is not installed")
            continue
        if have != version:
            result.append(f"{name} is {have}, not {version}")
    return result


def files_of(wanted: dict[str, str]) -> dict[str, Path] | None:
    """The files of the pinned projects and of all they need, by their place in a package.

    None where the running environment differs, or where that cannot be told for certain: an
    editable or partly removed installation, a dependency that is not there.
    """
    files: dict[str, Path] = {}
    waiting, seen = list(wanted), set(wanted)
    if mismatches(wanted):
        return None
    while waiting:
        try:
            distribution = metadata.distribution(waiting.pop())
        except metadata.PackageNotFoundError:
            return None
        own = _own_files(distribution)
        if own is None:
            return None
        files.update(own)
        for needed in _needed(distribution):
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)
    return files


def _needed(distribution: metadata.Distribution) -> list[str]:
    """Projects it asks for, extras aside. Other markers are taken as fulfilled: at worst a
    project is missed that would not be needed, and the installer is asked instead."""
    result = []
    for line in distribution.requires or ():
        text, _, marker = line.partition(";")
        name = _NAME.match(text)
        if name is not None and not _EXTRA.search(marker):
            result.append(canonical(name[1]))
    return result


def _own_files(distribution: metadata.Distribution) -> dict[str, Path] | None:
    if distribution.files is None or '"editable": true' in (
        distribution.read_text("direct_url.json") or ""
    ):
        return None
    found: dict[str, Path] = {}
    for file in distribution.files:
        place = file.as_posix()
        if place.startswith("..") or "__pycache__/" in place:
            continue  # programs for the command line and compiled caches are no part of it
        path = Path(str(distribution.locate_file(file)))
        if not path.is_file():
            return None
        found[place] = path
    return found
