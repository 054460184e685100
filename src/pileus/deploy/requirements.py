"""Python requirements as a Lambda layer, made once per content and kept.

The key is what decides the outcome: the text of the requirement files, the interpreter's version and
the platform. What the running environment holds at exactly the pinned versions is copied; the rest
is pip's work.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pileus.deploy import bytecode, installed
from pileus.deploy.errors import RequirementsError
from pileus.deploy.interpreters import Python
from pileus.deploy.packaging import LIBRARY_LEVEL, Package, ready_made, write

_FORMAT = "2"
"""Part of every key: grows when layers are made in another way."""
_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|file:|\S+\s*@\s*file:")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_LAYER_ROOT = "python"
_NAME = "requirements"
_ERROR_LINES = 12
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RequirementFile:
    """A requirements.txt, read.

    Attributes:
        lines: requirements and options, without comments and without what is excluded.
        digest: over this file and every file it includes.
        is_fixed: False when it names local folders, whose content the digest does not know.
    """

    path: Path
    lines: tuple[str, ...]
    digest: str
    is_fixed: bool


def read(path: Path, excluded: tuple[str, ...] = ()) -> RequirementFile:
    """Read a requirement file with those it includes.

    Args:
        excluded: names of projects that are left out (``noDeploy``).

    Raises:
        RequirementsError: a file that is not there.
    """
    total = hashlib.sha256()
    _take_in(path, total.update, set())
    total.update("\0".join(excluded).encode())
    unwanted = {installed.canonical(name) for name in excluded}
    lines = tuple(line for line in _lines(path) if _project(line) not in unwanted)
    return RequirementFile(
        path, lines, total.hexdigest(), not any(_LOCAL.match(line) for line in lines)
    )


def check_host(file: RequirementFile) -> None:
    """Make sure that the platform's own environment has exactly what is pinned.

    Raises:
        RequirementsError: something is not pinned by ``==``, missing, or of another version.
    """
    wanted = installed.pins(file.lines)
    if wanted is None:
        raise RequirementsError(
            f"{file.path.name}: with custom.pileus.requirements: host every line must be "
            "name==version, so that it can be compared with what is installed"
        )
    wrong = installed.mismatches(wanted)
    if wrong:
        raise RequirementsError(
            f"{file.path.name}: the platform's own environment differs: {'; '.join(wrong)}. "
            "Install these versions there, or remove custom.pileus.requirements: host"
        )


def is_met(file: RequirementFile) -> bool:
    """Whether the running environment has exactly what is pinned."""
    wanted = installed.pins(file.lines)
    return wanted is not None and not installed.mismatches(wanted)


def unpacked(package: Package, cache_dir: Path) -> Path:
    """The folder with a layer's libraries, for the module path; unpacked once."""
    target = cache_dir / f"{package.path.stem}-{package.digest[:12]}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix="unpack-") as scratch:
            with zipfile.ZipFile(package.path) as bundle:
                bundle.extractall(scratch)
            Path(scratch, _LAYER_ROOT).rename(target)
    return target


def layer(file: RequirementFile, python: Python, cache_dir: Path, say: Say) -> Package:
    """The layer's zip; from ``cache_dir`` when it was made before.

    Raises:
        RequirementsError: pip cannot install them.
        PackageTooLarge: more than 250 MB unzipped.
    """
    target = cache_dir / f"{_key(file, python)}.zip"
    if target.exists() and file.is_fixed:
        return ready_made(_NAME, target)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix="install-") as scratch:
        files = _found(file, python)
        if files is None:
            folder = Path(scratch) / "packages"
            _install(file, python, folder, say)
            files = _folder_files(folder)
        files = _with_caches(files, python, Path(scratch), say)
        say(f"packing {len(files)} files")
        named = {f"{_LAYER_ROOT}/{place}": path for place, path in files.items()}
        draft = Path(scratch) / "layer.zip"
        write(_NAME, named, draft, LIBRARY_LEVEL)
        draft.replace(target)  # whole or not at all: another deployment may look meanwhile
    return ready_made(_NAME, target)


def _key(file: RequirementFile, python: Python) -> str:
    parts = (_FORMAT, file.digest, f"python3.{python.minor}", sysconfig.get_platform())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _found(file: RequirementFile, python: Python) -> dict[str, Path] | None:
    wanted = installed.pins(file.lines)
    return installed.files_of(wanted) if wanted and python.is_own else None


def _with_caches(
    files: dict[str, Path], python: Python, scratch: Path, say: Say
) -> dict[str, Path]:
    caches = scratch / "caches"
    caches.mkdir()
    try:
        return bytecode.compiled(files, python, caches)
    except (OSError, subprocess.CalledProcessError) as error:
        # Caches only save time.
        say(f"not compiled: {getattr(error, 'stderr', '') or error}")
        return files


def _install(file: RequirementFile, python: Python, folder: Path, say: Say) -> None:
    folder.mkdir()
    own_list = folder.parent / "requirements.txt"
    lines = [_with_absolute_include(line, file.path.parent.resolve()) for line in file.lines]
    own_list.write_text("".join(f"{line}\n" for line in lines))
    command = [sys.executable, "-m", "pip", "--python", python.executable, "install"]
    command += ["--requirement", str(own_list), "--target", str(folder), "--no-compile"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    with subprocess.Popen(
        # Relative paths inside the file are relative to the service.
        command,
        cwd=file.path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told: deque[str] = deque(maxlen=_ERROR_LINES)
        for line in process.stdout:
            told.append(line.rstrip())
            say(line.strip())
    if process.returncode:
        shown = "\n  ".join(told)
        raise RequirementsError(f"pip could not install {file.path}:\n  {shown}")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # programs for the command line


def _with_absolute_include(line: str, folder: Path) -> str:
    """pip reads an included file relative to the file that names it, and ours lies elsewhere."""
    included = _INCLUDE.match(line)
    if included is None or "://" in included[1]:
        return line
    return line.replace(included[1], str(folder / included[1]))


def _folder_files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _take_in(path: Path, update: Callable[[bytes], None], seen: set[Path]) -> None:
    if path in seen:
        return
    seen.add(path)
    for line in _lines(path):
        update(f"{line}\n".encode())
        included = _INCLUDE.match(line)
        if included and "://" not in included[1]:
            _take_in(path.parent / included[1], update, seen)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise RequirementsError(f"{path}: {error.strerror}") from error
    joined = text.replace("\\\n", " ")
    bare = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
    return [line for line in bare if line]


def _project(line: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
    return installed.canonical(match[0]) if match else ""
