"""Compiles a layer's modules once, where they are packed, instead of at every cold start.

Functions see their layers read-only and without compiled caches, so each new instance would compile
all it imports anew: 0.2 s of CPU for numpy and av. The caches are made not to be checked against
their sources (PEP 552, unchecked hashes), because unpacking does not keep the sources' times.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pileus.deploy.interpreters import Python

SIZE_BYTES_MAX = 200_000_000
"""With caches a layer is at most this large: what else a function has must fit into AWS's 250 MB."""

_COMPILE = """
import json, py_compile, sys
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
for source, cache, shown in json.load(sys.stdin):
    try:
        py_compile.compile(source, cache, shown, True, invalidation_mode=unchecked)
    except py_compile.PyCompileError:
        pass  # a template, or made for another version: importing it says so
"""


def compiled(files: Mapping[str, Path], python: Python, scratch: Path) -> dict[str, Path]:
    """``files`` with compiled caches of their modules beside them; unchanged where the caches would
    make them too large.

    Args:
        files: by place below the root of the module path.
        scratch: an existing folder for the caches.

    Raises:
        OSError: the interpreter cannot be started.
        subprocess.CalledProcessError: it failed; its standard error is with it.
    """
    jobs: list[tuple[str, str, str]] = []
    places: dict[str, Path] = {}
    for number, (place, path) in enumerate(sorted(files.items())):
        where = PurePosixPath(place)
        if where.suffix != ".py":
            continue
        cache = scratch / f"{number}.pyc"
        jobs.append((str(path), str(cache), f"/opt/python/{place}"))
        name = f"{where.stem}.cpython-3{python.minor}.pyc"
        places[str(where.parent / "__pycache__" / name)] = cache
    subprocess.run(
        [python.executable, "-I", "-c", _COMPILE],
        input=json.dumps(jobs),
        check=True,
        capture_output=True,
        text=True,
    )
    made = {place: cache for place, cache in places.items() if cache.exists()}
    size_bytes = sum(path.stat().st_size for path in [*files.values(), *made.values()])
    return dict(files) if size_bytes > SIZE_BYTES_MAX else {**files, **made}
