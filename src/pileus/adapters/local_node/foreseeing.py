"""Which modules a function will import, told by its source, before it has run.

Only a hint for preloading: what it overlooks is imported by the instance, and what it names in vain
costs a zygote some memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pileus.ports.nodes import InstanceSpec
from pileus.runtime.python_client import SHAREABLE

_FILES_MAX = 200
_FILE_BYTES_MAX = 256 * 1024
_IMPORT = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+(" + "|".join(SHAREABLE).encode() + rb")\b", re.M
)


def foreseen(spec: InstanceSpec) -> tuple[str, ...]:
    """The modules known to stand a fork that the function's package imports and does not bring.

    Raises:
        OSError: the package cannot be read.
    """
    named: set[str] = set()
    for path in _sources(Path(spec.code_dir)):
        with path.open("rb") as file:
            named.update(name.decode() for name in _IMPORT.findall(file.read(_FILE_BYTES_MAX)))
    own = [Path(spec.code_dir)]
    if spec.layers_dir:
        own += [Path(spec.layers_dir, "python"), *Path(spec.layers_dir).glob("python/lib/*/*")]
    return tuple(name for name in SHAREABLE if name in named and not _holds(own, name))


def _sources(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                yield Path(place, name)
                count += 1
                if count == _FILES_MAX:
                    return


def _holds(folders: list[Path], module: str) -> bool:
    return any(
        (folder / module).exists() or (folder / f"{module}.py").exists() for folder in folders
    )
