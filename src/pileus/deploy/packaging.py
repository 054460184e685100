"""Artifacts as zip files: equal content gives equal bytes, on every machine and at every time."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pileus.deploy.errors import DeployError, PackageTooLarge
from pileus.deploy.patterns import Patterns
from pileus.languages.serverless import Artifact

UNZIPPED_BYTES_MAX = 262_144_000
"""Code and layers together, 250 MB:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_EPOCH = (1980, 1, 1, 0, 0, 0)
CODE_LEVEL = 6
LIBRARY_LEVEL = 1
"""Native libraries hardly shrink further, and higher levels take ten times as long."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip on disk.

    Attributes:
        name: the artifact's.
        sha256: base64 of the digest of its bytes, as Lambda tells it.
        unzipped_bytes: what AWS's limit counts.
        names: its entries.
    """

    name: str
    path: Path
    sha256: str
    size_bytes: int
    unzipped_bytes: int
    names: frozenset[str]

    @property
    def digest(self) -> str:
        """The digest as 64 hexadecimal digits, for object keys."""
        return base64.b64decode(self.sha256).hex()


def pack(artifact: Artifact, service_dir: Path, output_dir: Path) -> Package:
    """Make (or take) the zip of one artifact.

    Raises:
        DeployError: nothing to pack, or a ready-made zip that is none.
        PackageTooLarge: more than 250 MB unzipped.
    """
    if artifact.ready_made is not None:
        return ready_made(artifact.name, service_dir / artifact.ready_made)
    root = service_dir / artifact.root
    if not root.is_dir():
        raise DeployError(f"{artifact.name}: the folder {root} does not exist")
    files = select(root, artifact.patterns)
    if not files:
        raise DeployError(f"{artifact.name}: the package patterns leave no file of {root}")
    return write(artifact.name, files, output_dir / artifact.name, CODE_LEVEL)


def select(root: Path, patterns: tuple[str, ...]) -> dict[str, Path]:
    """The files below ``root`` that the patterns include, by their names in the zip.

    Links are followed as the Serverless Framework does. Virtual environments (folders with a
    ``pyvenv.cfg``) are no code and left out.
    """
    chosen = Patterns(patterns)
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or ("pyvenv.cfg" in names and Path(folder) != root):
            folders.clear()
            continue
        seen.add(real)
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        folders[:] = [name for name in folders if chosen.may_include_below(prefix + name)]
        for name in names:
            path = Path(folder, name)
            if chosen.includes(prefix + name) and path.is_file():
                found[prefix + name] = path
    return found


def write(name: str, files: Mapping[str, Path], target: Path, level: int) -> Package:
    """Write ``files`` as a zip: sorted, without times, executable or not and nothing between.

    Args:
        level: of compression, 1 to 9.
    """
    sizes = {entry: path.stat().st_size for entry, path in files.items()}
    unzipped = sum(sizes.values())
    if unzipped >= UNZIPPED_BYTES_MAX:
        raise PackageTooLarge(_too_large(name, unzipped, sizes))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as bundle:
        for entry in sorted(files):
            _add(bundle, entry, files[entry], level)
    return _described(name, target, unzipped, frozenset(files))


def _add(bundle: zipfile.ZipFile, entry: str, path: Path, level: int) -> None:
    info = zipfile.ZipInfo(entry, _EPOCH)
    mode = 0o755 if path.stat().st_mode & 0o111 else 0o644
    info.external_attr = (stat.S_IFREG | mode) << 16
    info.create_system = 3  # Unix, whatever packs: the permissions above count only with it
    bundle.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED, level)


def ready_made(name: str, path: Path) -> Package:
    """A zip that exists already.

    Raises:
        DeployError: it does not exist or is no zip.
        PackageTooLarge: more than 250 MB unzipped.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            entries = bundle.infolist()
    except FileNotFoundError as error:
        raise DeployError(f"{name}: the artifact {path} does not exist") from error
    except zipfile.BadZipFile as error:
        raise DeployError(f"{name}: the artifact {path} is not a zip file") from error
    sizes = {entry.filename: entry.file_size for entry in entries}
    unzipped = sum(sizes.values())
    if unzipped >= UNZIPPED_BYTES_MAX:
        raise PackageTooLarge(_too_large(name, unzipped, sizes))
    return _described(name, path, unzipped, frozenset(sizes))


def has_module(names: frozenset[str], module: str) -> bool:
    """Whether a package with these entries holds the Python module ``a/b``."""
    if f"{module}.py" in names or any(name.startswith(f"{module}/") for name in names):
        return True
    return any(name.startswith(f"{module}.") and name.endswith((".so", ".pyc")) for name in names)


def _described(name: str, path: Path, unzipped: int, names: frozenset[str]) -> Package:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    size = path.stat().st_size
    return Package(name, path, base64.b64encode(digest).decode(), size, unzipped, names)


def _too_large(name: str, unzipped: int, sizes: Mapping[str, int]) -> str:
    tops: Counter[str] = Counter()
    for entry, size in sizes.items():
        tops[entry.split("/", 1)[0]] += size
    largest = ", ".join(f"{top} {size / 1e6:.0f} MB" for top, size in tops.most_common(4))
    return (
        f"{name} is {unzipped / 1e6:.0f} MB unzipped, and AWS runs at most "
        f"{UNZIPPED_BYTES_MAX / 1e6:.0f} MB. Largest: {largest}. Leave files out with "
        "package.patterns, or set custom.pileus.requirements: host where libraries are the weight"
    )
