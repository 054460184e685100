"""Deployment packages on disk: unpacked once per content, read-only, checked against tricks.

Requirements are not installed here; a package arrives complete.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pileus.compute.errors import PackageError

UNZIPPED_BYTES_MAX = 262_144_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB, layers included."""
_ENTRIES_MAX = 200_000
_LINK_BYTES_MAX = 4096
_COPY_BYTES = 1 << 20
_DONE = ".pileus-complete"
_BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
_TOO_LARGE = f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"


class Packages:
    """Folders of unpacked code below ``root_dir``, named by content.

    A folder counts only with its marker, which names the boot it was written in: after a power
    loss everything is unpacked again, so nothing needs to be flushed.

    Args:
        boot_id: changes with every boot of the machine (``/proc/sys/kernel/random/boot_id``).
    """

    def __init__(self, root_dir: Path, boot_id: str) -> None:
        self._root_dir = root_dir
        self._boot_id = boot_id
        self._under_way: dict[str, asyncio.Task[Path]] = {}

    async def unpack(self, archives: Sequence[Path]) -> Path:
        """The folder with the contents of ``archives``, later ones over earlier ones.

        One archive is a function's code, several are its layers merged for ``/opt``. Concurrent
        calls for the same content share the work.

        Raises:
            PackageError: no zip file, too large, or with entries that leave the folder.
        """
        loop = asyncio.get_running_loop()
        name = await loop.run_in_executor(None, _digest, archives)
        task = self._under_way.get(name)
        if task is None:
            work = asyncio.to_thread(self._unpack, name, archives)
            task = self._under_way[name] = asyncio.create_task(work)
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)

    def forget_all_but(self, kept: Sequence[Path]) -> None:
        """Delete every folder not named."""
        names = {path.name for path in kept}
        for folder in self._root_dir.iterdir() if self._root_dir.exists() else ():
            if folder.name not in names:
                _remove(folder)

    def _unpack(self, name: str, archives: Sequence[Path]) -> Path:
        folder = self._root_dir / name
        marker = self._root_dir / name / _DONE
        if marker.exists() and marker.read_text() == self._boot_id:
            return folder
        _remove(folder)
        scratch = self._root_dir / f"{name}.{os.getpid()}.partial"
        _remove(scratch)
        scratch.mkdir(parents=True, mode=0o755)
        try:
            left = UNZIPPED_BYTES_MAX
            for archive in archives:
                left -= _extract(archive, scratch, left)
            (scratch / _DONE).write_text(self._boot_id)
            scratch.rename(folder)
        except BaseException:
            _remove(scratch)
            raise
        return folder


def check_archive(archive: Path) -> int:
    """The unzipped size in bytes of a package that may be used. Raises PackageError."""
    with _open(archive) as bundle:
        return _check_entries(bundle.infolist(), UNZIPPED_BYTES_MAX)


def _extract(archive: Path, folder: Path, bytes_max: int) -> int:
    """Unpack; the bytes written, which are counted and not believed."""
    written = 0
    with _open(archive) as bundle:
        entries = bundle.infolist()
        _check_entries(entries, bytes_max)
        for entry in entries:
            target = folder.joinpath(*_parts(entry.filename))
            _refuse_links_above(folder, target)
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True, mode=0o755)
                continue
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            if target.is_symlink() or target.is_file():
                target.unlink()
            if stat.S_ISLNK(entry.external_attr >> 16):
                _make_link(bundle, entry, target, folder)
            else:
                written += _write_file(bundle, entry, target, bytes_max - written)
    return written


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, ValueError) as error:
        raise PackageError(_BAD_ZIP) from error


def _check_entries(entries: Sequence[zipfile.ZipInfo], bytes_max: int) -> int:
    total = sum(entry.file_size for entry in entries)
    if total >= bytes_max:
        raise PackageError(_TOO_LARGE)
    if len(entries) > _ENTRIES_MAX:
        raise PackageError(f"The package holds more than {_ENTRIES_MAX} files")
    for entry in entries:
        _parts(entry.filename)
        if entry.flag_bits & 1:
            raise PackageError(_BAD_ZIP)
    return total


def _parts(name: str) -> tuple[str, ...]:
    """The steps of an entry's path. Raises PackageError when it would leave the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise PackageError(f"{_BAD_ZIP} The entry {name!r} points outside the package.")
    return path.parts


def _refuse_links_above(folder: Path, target: Path) -> None:
    """An earlier entry may be a link; nothing is written through one."""
    for parent in target.relative_to(folder).parents:
        if (folder / parent).is_symlink():
            raise PackageError(f"{_BAD_ZIP} {target.name!r} lies behind a symbolic link.")


def _make_link(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, folder: Path) -> None:
    if entry.file_size > _LINK_BYTES_MAX:
        raise PackageError(_BAD_ZIP)
    pointed = bundle.read(entry).decode("utf-8", "surrogateescape")
    place = os.path.normpath(target.parent / pointed)
    if pointed.startswith("/") or not Path(place).is_relative_to(folder):
        raise PackageError(f"{_BAD_ZIP} The link {entry.filename!r} points outside the package.")
    target.symlink_to(pointed)


def _write_file(
    bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, bytes_max: int
) -> int:
    written = 0
    try:
        with bundle.open(entry) as source, target.open("wb") as sink:
            while chunk := source.read(_COPY_BYTES):
                written += len(chunk)
                if written > bytes_max:
                    raise PackageError(_TOO_LARGE)
                sink.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise PackageError(_BAD_ZIP) from error
    is_executable = (entry.external_attr >> 16) & 0o111
    target.chmod(0o755 if is_executable else 0o644)
    return written


def _digest(archives: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for archive in archives:
        with archive.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
