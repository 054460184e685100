"""The program of the tasks: this package's own files, as one that Python runs.

Every render keeps the program it began with, so that a deployment in the middle of it does not
mix two renderers in one picture.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_MAIN = "tile_task.py"
_LONG_AGO = (2020, 1, 1, 0, 0, 0)


def packed() -> tuple[str, bytes]:
    """Its name, by content, and its bytes."""
    files = {f"tracer/{one.name}": one for one in sorted((_ROOT / "tracer").glob("*.py"))}
    files["__main__.py"] = _ROOT / _MAIN
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, path in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), path.read_bytes())
    data = written.getvalue()
    return f"programs/{hashlib.sha256(data).hexdigest()[:16]}.pyz", data
