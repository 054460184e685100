"""Which Python of this machine stands for a runtime, for installing what functions need.

The platform chooses by the same rule when it runs them: the same version, else the nearest.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

_RUNTIME = re.compile(r"python3\.(\d+)\Z")
_OLDEST_MINOR, _NEWEST_MINOR = 9, 14
_START_S_MAX = 10


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter; ``is_own`` when this program runs on it."""

    minor: int
    executable: str
    is_own: bool


def python_for(runtime: str) -> Python | None:
    """The interpreter that runs ``python3.N`` here; None for another language."""
    match = _RUNTIME.match(runtime)
    if match is None:
        return None
    own = Python(sys.version_info[1], sys.executable, True)
    wanted = int(match[1])
    if wanted == own.minor:
        return own
    minors = sorted(
        {own.minor, *range(_OLDEST_MINOR, _NEWEST_MINOR + 1)},
        key=lambda minor: (abs(minor - wanted), -minor),
    )
    for minor in minors:
        if minor == own.minor:
            return own
        path = shutil.which(f"python3.{minor}")
        if path is not None and _starts(path):
            return Python(minor, path, False)
    return own


def _starts(path: str) -> bool:
    """Whether what lies on the path under that name is more than a name."""
    try:
        done = subprocess.run([path, "-I", "-c", ""], capture_output=True, timeout=_START_S_MAX)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
