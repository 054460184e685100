"""Model archives (``model.tar.gz``) from Blobs to folders that instances see at ``/opt/ml/model``.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

from __future__ import annotations

import asyncio
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from pileus.compute.code_store import CodeStore
from pileus.compute.errors import PackageError
from pileus.compute.packages import link_outside
from pileus.ports.blobs import Blobs
from pileus.runtime.removal import remove_tree

UNPACKED_BYTES_MAX = 10 * 1024**3
"""AWS's bound is the instance's volume; ours keeps one model from filling the disk."""
MODEL_DIR = "ml/model"
"""The model below its folder, so that the folder shown at ``/opt`` has AWS's path."""
_ENTRIES_MAX = 200_000
_COPY_BYTES = 1 << 20
_DONE = ".pileus-complete"
_GONE = ".gone"


class ModelStore:
    """A folder for each archive, below ``root_dir``, named by its blob; a cache of what Blobs hold.

    A folder counts only with its marker, which names the boot it was written in: after a power
    loss everything is unpacked again, so nothing needs to be flushed. Called from the event loop
    only.

    Args:
        boot_id: changes with every boot of the machine (``/proc/sys/kernel/random/boot_id``).
    """

    def __init__(self, blobs: Blobs, root_dir: Path, boot_id: str) -> None:
        self._fetched = CodeStore(blobs, root_dir, boot_id)
        self._unpacked = root_dir / "unpacked"
        self._boot_id = boot_id
        self._under_way: dict[str, asyncio.Task[Path]] = {}

    async def folder(self, blob: str) -> Path:
        """The folder whose ``ml/model`` holds the archive's contents.

        Raises:
            BlobNotFound: the archive is gone.
            PackageError: it is no archive, too large, or reaches outside its folder.
        """
        folder = self._folder(blob)
        if _is_complete(folder, self._boot_id):
            return folder
        task = self._under_way.get(blob)
        if task is None:
            task = self._under_way[blob] = asyncio.create_task(self._make(blob, folder))
            task.add_done_callback(lambda _: self._under_way.pop(blob, None))
        return await asyncio.shield(task)

    async def forget(self, blob: str) -> None:
        """Delete the archive's folder; no instance may run on it any more."""
        await asyncio.to_thread(_remove, self._folder(blob))

    def _folder(self, blob: str) -> Path:
        return self._unpacked / blob.replace("/", "-")

    async def _make(self, blob: str, folder: Path) -> Path:
        archive = await self._fetched.archive(blob)
        try:
            await asyncio.to_thread(self._unpack, archive, folder)
        finally:
            # The blob stays; a second copy of a large archive would only take room.
            archive.unlink(missing_ok=True)
        return folder

    def _unpack(self, archive: Path, folder: Path) -> None:
        _remove(folder)
        scratch = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        _remove(scratch)
        scratch.mkdir(parents=True, mode=0o755)
        try:
            extract_model(archive, scratch, UNPACKED_BYTES_MAX)
            (scratch / _DONE).write_text(self._boot_id)
            scratch.rename(folder)
        except BaseException:
            _remove(scratch)
            raise


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
    links: list[Path] = []
    try:
        with tarfile.open(archive, "r:*") as bundle:
            for count, member in enumerate(bundle):
                if count >= _ENTRIES_MAX:
                    raise PackageError(f"The archive holds more than {_ENTRIES_MAX} files.")
                written += _extract_member(bundle, member, target, bytes_max - written)
                if member.issym():
                    links.append(target / member.name)
    except (tarfile.TarError, EOFError, zlib.error, OSError, RecursionError) as error:
        # Links in a circle are what the reader follows without end.
        raise PackageError(f"The model archive cannot be unpacked: {error}") from error
    stray = link_outside(target, links)
    if stray:
        raise PackageError(f"The link {stray!r} points outside the archive.")
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
        if member.linkname.startswith("/"):
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


def _is_complete(folder: Path, boot_id: str) -> bool:
    marker = folder / _DONE
    return marker.exists() and marker.read_text() == boot_id


def _remove(folder: Path) -> None:
    """Delete a folder; it is out of the way at once, however long that takes."""
    gone = folder.with_name(folder.name + _GONE)
    if gone.exists():
        remove_tree(gone)
    if folder.exists():
        folder.rename(gone)
        remove_tree(gone)
