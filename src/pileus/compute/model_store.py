"""Model archives (``model.tar.gz``) from Blobs to folders that instances see at ``/opt/ml/model``.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from pileus.compute.code_store import CodeStore
from pileus.compute.errors import PackageError
from pileus.compute.packages import Packages
from pileus.ports.blobs import Blobs

UNPACKED_BYTES_MAX = 10 * 1024**3
"""AWS's bound is the instance's volume; ours keeps one model from filling the disk."""
MODEL_DIR = "ml/model"
"""The model below its folder, so that the folder shown at ``/opt`` has AWS's path."""
_ENTRIES_MAX = 200_000
_COPY_BYTES = 1 << 20


class ModelStore:
    """Archives unpacked once per content below ``root_dir``. Called from the event loop only."""

    def __init__(self, blobs: Blobs, root_dir: Path, boot_id: str) -> None:
        self._code = CodeStore(blobs, root_dir, boot_id)
        self._packages = Packages(
            root_dir / "unpacked", boot_id, extract_model, bytes_max=UNPACKED_BYTES_MAX
        )
        self._folders: dict[str, Path] = {}

    async def folder(self, blob: str) -> Path:
        """The folder whose ``ml/model`` holds the archive's contents.

        Raises:
            BlobNotFound: the archive is gone.
            PackageError: it is no archive, too large, or reaches outside its folder.
        """
        folder = self._folders.get(blob)
        if folder is None or not folder.exists():
            archive = await self._code.archive(blob)
            folder = self._folders[blob] = await self._packages.unpack([archive])
            # The blob stays; a second copy of a large archive would only take room.
            archive.unlink(missing_ok=True)
        return folder

    def forget_all_but(self, blobs: frozenset[str]) -> None:
        """Delete the folders of archives not named; for when the platform starts and nothing runs."""
        for blob in [blob for blob in self._folders if blob not in blobs]:
            del self._folders[blob]
        self._packages.forget_all_but(list(self._folders.values()))


def extract_model(archive: Path, folder: Path, bytes_max: int) -> int:
    """Unpack a tar file, compressed or not, into ``ml/model`` of ``folder``.

    Returns:
        the bytes written, which are counted and not believed.

    Raises:
        PackageError: no tar file, more than ``bytes_max`` bytes, or an entry that is neither file,
            folder nor link within the archive.
    """
    target = folder / MODEL_DIR
    target.mkdir(parents=True, mode=0o755)
    written = 0
    try:
        with tarfile.open(archive, "r:*") as bundle:
            for count, member in enumerate(bundle):
                if count >= _ENTRIES_MAX:
                    raise PackageError(f"The archive holds more than {_ENTRIES_MAX} files.")
                written += _extract_member(bundle, member, target, bytes_max - written)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise PackageError(f"The model archive cannot be unpacked: {error}") from error
    return written


def _extract_member(
    bundle: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, bytes_max: int
) -> int:
    target = folder.joinpath(*_parts(member.name))
    _refuse_links_above(folder, target)
    if target == folder:
        return 0
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True, mode=0o755)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if target.is_symlink() or target.is_file():
        target.unlink()
    if member.issym():
        place = os.path.normpath(target.parent / member.linkname)
        if member.linkname.startswith("/") or not Path(place).is_relative_to(folder):
            raise PackageError(f"The link {member.name!r} points outside the archive.")
        target.symlink_to(member.linkname)
        return 0
    if not (member.isfile() or member.islnk()):
        raise PackageError(f"The entry {member.name!r} is neither file, folder nor link.")
    if member.islnk():
        _parts(member.linkname)
    return _write_file(bundle, member, target, bytes_max)


def _write_file(
    bundle: tarfile.TarFile, member: tarfile.TarInfo, target: Path, bytes_max: int
) -> int:
    try:
        source = bundle.extractfile(member)
    except KeyError as error:
        raise PackageError(f"The link {member.name!r} points to nothing.") from error
    if source is None:
        raise PackageError(f"The entry {member.name!r} has no content.")
    written = 0
    with source, target.open("wb") as sink:
        while chunk := source.read(_COPY_BYTES):
            written += len(chunk)
            if written > bytes_max:
                raise PackageError(f"The model unpacks to more than {UNPACKED_BYTES_MAX} bytes.")
            sink.write(chunk)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)
    return written


def _parts(name: str) -> tuple[str, ...]:
    """The steps of an entry's path. Raises PackageError when it would leave the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise PackageError(f"The entry {name!r} points outside the archive.")
    return path.parts


def _refuse_links_above(folder: Path, target: Path) -> None:
    """An earlier entry may be a link; nothing is written through one."""
    for parent in target.relative_to(folder).parents:
        if (folder / parent).is_symlink():
            raise PackageError(f"The entry {target.name!r} lies behind a symbolic link.")
