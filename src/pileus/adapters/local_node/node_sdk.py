"""The AWS SDK for JavaScript v3, which AWS's Node images bring along.

It is installed by npm when the first function wants it, from a lock file with the digest of every
package, and kept for all platforms of this user.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pileus.adapters.local_node.node_interpreters import SOURCE_DIR
from pileus.ports.nodes import InstanceSpec

_LOCKED = ("package.json", "package-lock.json")
_NAMED = re.compile(rb"""['"](@aws-sdk|@smithy)/[\w.-]+""")
_SOURCES = (".js", ".mjs", ".cjs")
_FILES_MAX = 500
_FILE_BYTES_MAX = 256 * 1024
_INSTALL_S_MAX = 600
_TOLD_CHARACTERS = 300
_NO_NPM = (
    "The AWS SDK for JavaScript is not in this runtime yet: npm, which installs it, is not on the "
    "path. Install npm, or put the packages into the function's own node_modules."
)


class NodeSdk:
    """Where the SDK is, and its installation.

    Args:
        cache_dir: folder of this user's caches; made when absent.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._source = Path(SOURCE_DIR, "sdk")
        self._place: Path | None = None
        self._installing: asyncio.Task[str] | None = None

    @property
    def folder(self) -> Path:
        """Its ``node_modules``, whether or not it is there yet; each lock has a place of its own."""
        if self._place is None:
            digest = hashlib.sha256()
            for name in _LOCKED:
                digest.update((self._source / name).read_bytes())
            self._place = self._cache_dir / f"node-sdk-{digest.hexdigest()[:16]}" / "node_modules"
        return self._place

    @property
    def libraries(self) -> tuple[str, ...]:
        """What to show in ``/var/runtime``."""
        return (str(self.folder),) if self.folder.is_dir() else ()

    async def provide(self, spec: InstanceSpec) -> str:
        """Install the SDK if the function wants it and it is not there.

        Returns a sentence for the function's log where that fails; empty otherwise. Calls at the same
        time share the work.
        """
        if self.folder.is_dir() or not await asyncio.to_thread(names_sdk, Path(spec.code_dir)):
            return ""
        if self._installing is None or self._installing.done():
            self._installing = asyncio.create_task(asyncio.to_thread(self._install))
        return await asyncio.shield(self._installing)

    def _install(self) -> str:
        npm = shutil.which("npm")
        if npm is None:
            return _NO_NPM
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache_dir, prefix="node-sdk-") as scratch:
            for name in _LOCKED:
                shutil.copyfile(self._source / name, Path(scratch, name))
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            try:
                done = subprocess.run(
                    command, cwd=scratch, capture_output=True, text=True, timeout=_INSTALL_S_MAX
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                return f"npm could not install the AWS SDK for JavaScript: {error}"
            if done.returncode:
                told = done.stderr.strip()[-_TOLD_CHARACTERS:]
                return f"npm could not install the AWS SDK for JavaScript: {told}"
            target = self.folder.parent
            try:
                os.rename(scratch, target)
            except OSError:
                if not self.folder.is_dir():  # another process was not faster: something is wrong
                    raise
            else:
                Path(scratch).mkdir()  # for the context manager to take away
        return ""


def names_sdk(code_dir: Path) -> bool:
    """Whether the package's own source names the SDK without bringing it. Raises OSError."""
    if (code_dir / "node_modules" / "@aws-sdk").is_dir():
        return False
    for path in _sources(code_dir):
        with path.open("rb") as file:
            if _NAMED.search(file.read(_FILE_BYTES_MAX)):
                return True
    return False


def _sources(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "node_modules")
        for name in sorted(names):
            if name.endswith(_SOURCES):
                yield Path(place, name)
                count += 1
                if count == _FILES_MAX:
                    return
