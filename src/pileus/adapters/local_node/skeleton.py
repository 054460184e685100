"""The small tree that becomes an instance's root: mount points, links and a minimal ``/etc``.

Made once per interpreter in the run folder; instances see it read-only with the host's ``/usr``
and the interpreter mounted into it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from pileus.runtime import sandbox

_TOP_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC_COPIES = ("ld.so.cache", "mime.types", "ssl/openssl.cnf")
_ETC_SHOWN = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/alternatives")
_ETC_FILES = {
    "passwd": "root:x:0:0:root:/root:/sbin/nologin\n"
    f"sandbox:x:{sandbox.NOBODY}:{sandbox.NOBODY}::/tmp:/sbin/nologin\n",
    "group": f"root:x:0:\nsandbox:x:{sandbox.NOBODY}:\n",
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_DEV_FILES = ("null", "zero", "full", "random", "urandom")
_DEV_LINKS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
_NODE_LINKS = {
    "var/node_modules": f"{sandbox.LAYERS_DIR}/nodejs/node_modules",
    "node_modules": f"{sandbox.RUNTIME_DIR}/node_modules",
}
"""Where ES modules look, above ``/var/task``, for layers' packages and then the runtime's: they do not
read NODE_PATH."""
_DIRS = ("proc", "tmp", "dev", "etc", "var/task", "var/runtime", "opt", "run")


_HIDDEN = ("/tmp/", "/proc/", "/dev/")
"""Below these an instance has something of its own; what is there is shown when it starts."""


class Skeleton:
    """The tree for one set of shown host paths.

    Args:
        run_dir: where trees live.
        wanted: host folders to show at the same place (the interpreter).
        libraries: host packages to show in ``/var/runtime``.
    """

    def __init__(self, run_dir: Path, wanted: Iterable[str], libraries: Sequence[str] = ()) -> None:
        wanted = [path for path in wanted if not path.startswith(_HIDDEN)]
        host = ["/usr", *(path for path in _ETC_SHOWN if Path(path).exists())]
        host += [f"/{name}" for name in _TOP_LINKS if _is_real_dir(Path("/", name))]
        self.shown = _without_covered([*host, *wanted])
        self.libraries = list(libraries)
        recipe = "\n".join([*self.shown, *self.libraries])
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        self.root_dir = run_dir / f"root-{digest}"
        self._build()

    @property
    def linked_libraries_dir(self) -> str:
        """A folder of links to the libraries, for tiers where nothing can be mounted."""
        folder = self.root_dir.with_name(f"{self.root_dir.name}-runtime")
        folder.mkdir(exist_ok=True)
        for path in self.libraries:
            link = folder / Path(path).name
            if not link.is_symlink():
                link.symlink_to(path)
        return str(folder)

    def late(self, paths: Iterable[str]) -> list[str]:
        """Those of ``paths`` that only the started instance itself can show."""
        return [path for path in paths if not self._covers(path)]

    def _covers(self, path: str) -> bool:
        return any(Path(path).is_relative_to(shown) for shown in self.shown)

    def _add_mount_point(self, path: str, inside: str = "") -> None:
        """Make a place where ``path`` can be shown (at ``inside``); nothing when there is one."""
        place = self.root_dir / (inside or path).lstrip("/")
        if Path(path).is_dir():
            place.mkdir(parents=True, exist_ok=True, mode=0o755)
        else:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            place.touch()

    def _build(self) -> None:
        root = self.root_dir
        for name in (*_DIRS, sandbox.OLD_ROOT.lstrip("/")):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in _TOP_LINKS:
            host = Path("/", name)
            if host.is_symlink() and not (root / name).is_symlink():
                (root / name).symlink_to(host.readlink())
        for name, text in _ETC_FILES.items():
            (root / "etc" / name).write_text(text)
        for name in _ETC_COPIES:
            if Path("/etc", name).exists():
                (root / "etc" / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(Path("/etc", name), root / "etc" / name)
        for name in _DEV_FILES:
            (root / "dev" / name).touch()
        for name, rest in _DEV_LINKS.items():
            link = root / "dev" / name
            if not link.is_symlink():
                link.symlink_to(f"/proc/self/fd{rest}")
        for name, target in _NODE_LINKS.items():
            if not (root / name).is_symlink():
                (root / name).symlink_to(target)
        for path in self.shown:
            self._add_mount_point(path)
        for path in self.libraries:
            self._add_mount_point(path, f"{sandbox.RUNTIME_DIR}/{Path(path).name}")


def _is_real_dir(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _without_covered(paths: Sequence[str]) -> list[str]:
    """Existing paths, none of them below another, in order of length."""
    kept: list[str] = []
    for path in sorted({path for path in paths if Path(path).exists()}, key=len):
        if not any(Path(path).is_relative_to(other) for other in kept):
            kept.append(path)
    return kept
