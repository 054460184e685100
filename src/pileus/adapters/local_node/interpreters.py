"""Python interpreters on this machine, and which of them stands for an AWS runtime name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import msgspec

import pileus
from pileus.ports.nodes import RuntimeUnavailable

OLDEST_MINOR = 10
"""The worker itself would run on 3.9, but the AWS SDK does not any more."""
_NEWEST_MINOR = 14
_NAME = re.compile(r"python3\.(\d+)$")
_BROUGHT_ALONG = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
_HOOKS_MODULE = Path(pileus.__file__).parent / "runtime" / "python" / "snapshot_restore_py.py"
"""AWS's Python runtimes bring a module of this name along, too."""
_QUESTION = (
    "import json,os,sys,sysconfig;p=sysconfig.get_paths();"
    "print(json.dumps([sys.version_info[1],os.path.realpath(sys.executable),sys.base_prefix,"
    "p['stdlib'],p['platstdlib'],sorted({p['purelib'],p['platlib']})]))"
)


class Interpreter(msgspec.Struct, frozen=True):
    """One Python.

    Attributes:
        minor: 11 for Python 3.11.
        executable: resolved path.
        base_dir: the installation (``sys.base_prefix``).
        library_path: the standard library's entries of the module path.
        site_dirs: folders with installed packages; functions see them by request only.
    """

    minor: int
    executable: str
    base_dir: str
    library_path: tuple[str, ...]
    site_dirs: tuple[str, ...]

    @property
    def runtime(self) -> str:
        """Its AWS-like name."""
        return f"python3.{self.minor}"


class Choice(msgspec.Struct, frozen=True):
    """An interpreter for a runtime; ``warning`` is a sentence for people, or empty."""

    interpreter: Interpreter
    warning: str = ""


def own_interpreter() -> Interpreter:
    """The one the platform itself runs on, with the packages installed beside it."""
    paths = sysconfig.get_paths()
    base_dir = sys.base_prefix
    return Interpreter(
        sys.version_info[1],
        str(Path(sys.executable).resolve()),
        base_dir,
        _library_path(sys.version_info[1], paths["stdlib"], paths["platstdlib"], base_dir),
        tuple(sorted({paths["purelib"], paths["platlib"]})),
    )


def runtime_libraries(interpreter: Interpreter) -> tuple[str, ...]:
    """What AWS's Python runtimes bring along, as far as it is installed beside ``interpreter``.

    All of it is plain Python and serves other versions as well.
    """
    found = (Path(folder, name) for folder in interpreter.site_dirs for name in _BROUGHT_ALONG)
    return (*(str(path) for path in found if path.exists()), str(_HOOKS_MODULE))


def find_interpreters(names: Sequence[str] = ()) -> list[Interpreter]:
    """The platform's own, then every other minor version found on the path.

    ``names`` adds executables to look at. Takes tens of milliseconds per interpreter: run it
    off the event loop.
    """
    found = [own_interpreter()]
    candidates = [*names, *(f"python3.{n}" for n in range(OLDEST_MINOR, _NEWEST_MINOR + 1))]
    for name in candidates:
        path = shutil.which(name)
        match = _NAME.search(name)
        known = {interpreter.minor for interpreter in found}
        if path is None or (match and int(match[1]) in known):
            continue
        interpreter = _ask(path)
        if interpreter and interpreter.minor not in known and interpreter.minor >= OLDEST_MINOR:
            found.append(interpreter)
    return found


def choose_interpreter(runtime: str, found: Sequence[Interpreter], *, is_strict: bool) -> Choice:
    """The interpreter for an AWS runtime name: the same version, else the nearest.

    Raises:
        RuntimeUnavailable: another language, or ``is_strict`` and the version is not there.
    """
    match = _NAME.match(runtime)
    if match is None:
        raise RuntimeUnavailable(f"no interpreter for the runtime {runtime!r} on this machine")
    wanted = int(match[1])
    nearest = min(found, key=lambda one: (abs(one.minor - wanted), -one.minor))
    if nearest.minor == wanted:
        return Choice(nearest)
    if is_strict:
        raise RuntimeUnavailable(f"{runtime} is not installed and runtimes are strict")
    return Choice(nearest, f"{runtime} is not installed here; {nearest.runtime} runs it instead.")


def _library_path(minor: int, stdlib: str, platstdlib: str, base_dir: str) -> tuple[str, ...]:
    base = Path(base_dir)
    library = base / "lib" / f"python3.{minor}"
    if not library.exists():
        library = Path(stdlib)
    entries = [str(base / "lib" / f"python3{minor}.zip"), str(library)]
    entries.append(str(library / "lib-dynload"))
    if Path(platstdlib).is_relative_to(base) and platstdlib not in entries:
        entries.append(platstdlib)
    return tuple(entries)


def _ask(path: str) -> Interpreter | None:
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _QUESTION], capture_output=True, timeout=10, check=True
        )
        minor, executable, base_dir, stdlib, platstdlib, site_dirs = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # a name on the path that does not start is as good as absent
    library = _library_path(minor, stdlib, platstdlib, base_dir)
    return Interpreter(minor, executable, base_dir, library, tuple(site_dirs))
