"""Node.js on this machine, and which installation stands for an AWS runtime name."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

import pileus
from pileus.ports.nodes import RuntimeUnavailable

OLDEST_MAJOR = 18
_NEWEST_MAJOR = 24
_RUNTIME = re.compile(r"nodejs(\d+)\.\w+$")
_VERSION = re.compile(r"v(\d+)\.\d+\.\d+")
_ASK_S_MAX = 10
SOURCE_DIR = str(Path(pileus.__file__).parent / "runtime" / "node")
"""Our own runtime client for Node; instances see it in ``/var/runtime/node``."""


class NodeJs(msgspec.Struct, frozen=True):
    """One installation of Node.js.

    Attributes:
        major: 20 for Node.js 20.
        executable: resolved path.
        base_dir: the folder that holds its ``bin``.
        libraries: host folders shown to its functions in ``/var/runtime``, such as the AWS SDK's
            ``node_modules``.
    """

    major: int
    executable: str
    base_dir: str
    libraries: tuple[str, ...] = ()

    @property
    def runtime(self) -> str:
        """Its AWS-like name."""
        return f"nodejs{self.major}.x"


class NodeChoice(msgspec.Struct, frozen=True):
    """A Node.js for a runtime; ``warning`` is a sentence for people, or empty."""

    interpreter: NodeJs
    warning: str = ""


def is_node_runtime(runtime: str) -> bool:
    """Whether the name asks for Node.js."""
    return runtime.startswith("nodejs")


def find_nodes() -> list[NodeJs]:
    """Every Node.js on the path, oldest first. Takes tens of milliseconds: run it off the loop."""
    names = ["node", "nodejs", *(f"node{n}" for n in range(OLDEST_MAJOR, _NEWEST_MAJOR + 1))]
    found: dict[int, NodeJs] = {}
    for path in dict.fromkeys(filter(None, map(shutil.which, names))):
        node = _ask(str(Path(path).resolve()))
        if node is not None and node.major >= OLDEST_MAJOR:
            found.setdefault(node.major, node)
    return [found[major] for major in sorted(found)]


def choose_node(runtime: str, found: Sequence[NodeJs], *, is_strict: bool) -> NodeChoice:
    """The Node.js for an AWS runtime name: the same version, else the nearest.

    Raises:
        RuntimeUnavailable: there is none, or ``is_strict`` and the version is not there.
    """
    match = _RUNTIME.match(runtime)
    if match is None:
        raise RuntimeUnavailable(f"no interpreter for the runtime {runtime!r} on this machine")
    if not found:
        raise RuntimeUnavailable(
            f"{runtime} needs Node.js {OLDEST_MAJOR} or later, and no node is on the path"
        )
    wanted = int(match[1])
    nearest = min(found, key=lambda one: (abs(one.major - wanted), -one.major))
    if nearest.major == wanted:
        return NodeChoice(nearest)
    if is_strict:
        raise RuntimeUnavailable(f"{runtime} is not installed and runtimes are strict")
    warning = f"{runtime} is not installed here; {nearest.runtime} runs it instead."
    return NodeChoice(nearest, warning)


def _ask(path: str) -> NodeJs | None:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_ASK_S_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # a name on the path that does not start is as good as absent
    match = _VERSION.match(answer.stdout)
    if match is None:
        return None
    return NodeJs(int(match[1]), path, str(Path(path).parents[1]))
