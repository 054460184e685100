"""Deployment packages on disk: unpacked once per content, read-only, checked against tricks.

Requirements are not installed here; a package arrives complete.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pileus.compute.errors import PackageError
from pileus.runtime.removal import remove_tree

UNZIPPED_BYTES_MAX = 262_144_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB, layers included."""
_ENTRIES_MAX = 200_000
_LIST_BYTES_MAX = 16 * 1024**2
"""Of the archive's list of entries, which is read into memory before one of them is looked at."""
_NAME_BYTES_MAX = 1024
_STEP_BYTES_MAX = 255
_LINK_BYTES_MAX = 4096
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What AWS takes; others may ask for any amount of memory."""
_COPY_BYTES = 1 << 20
_DONE = ".pileus-complete"
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error)
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

    def _unpack(self, name: str, archives: Sequence[Path]) -> Path:
        folder = self._root_dir / name
        marker = self._root_dir / name / _DONE
        if marker.exists() and marker.read_text() == self._boot_id:
            return folder
        remove_tree(folder)
        scratch = self._root_dir / f"{name}.{os.getpid()}.partial"
        remove_tree(scratch)
        scratch.mkdir(parents=True, mode=0o755)
        try:
            left = UNZIPPED_BYTES_MAX
            links: list[Path] = []
            for archive in archives:
                left -= _extract(archive, scratch, left, links)
            stray = link_outside(scratch, links)
            if stray:
                raise PackageError(f"{_BAD_ZIP} The link {stray!r} points outside the package.")
            (scratch / _DONE).write_text(self._boot_id)
            scratch.rename(folder)
        except BaseException:
            remove_tree(scratch)
            raise
        return folder


def check_archive(archive: Path) -> int:
    """The unzipped size in bytes of a package that may be used. Raises PackageError."""
    with _open(archive) as bundle:
        return _check_entries(bundle.infolist(), UNZIPPED_BYTES_MAX)


def link_outside(folder: Path, links: Sequence[Path]) -> str:
    """The first of ``links`` that leads out of ``folder``; empty when none does.

    Where links lead is known only when all of them are there, since they may lead over others.
    """
    root = Path(os.path.realpath(folder))
    for link in links:
        if link.is_symlink() and not Path(os.path.realpath(link)).is_relative_to(root):
            return str(link.relative_to(folder))
    return ""


def _extract(archive: Path, folder: Path, bytes_max: int, links: list[Path]) -> int:
    """Unpack; the bytes written, which are counted and not believed. Notes links in ``links``."""
    written = 0
    with _open(archive) as bundle:
        entries = bundle.infolist()
        _check_entries(entries, bytes_max)
        for entry in entries:
            steps = _parts(entry.filename)
            if steps[:1] == (_DONE,):
                continue  # a package made of one of these folders
            try:
                written += _place(bundle, entry, folder.joinpath(*steps), bytes_max - written)
            except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
                raise PackageError(
                    f"{_BAD_ZIP} The entry {entry.filename!r} is in the way of another."
                ) from error
            if _is_link(entry):
                links.append(folder.joinpath(*steps))
    return written


def _place(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, bytes_max: int) -> int:
    """Put one entry where it belongs; the bytes written."""
    _refuse_links_above(target, len(_parts(entry.filename)))
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True, mode=0o755)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if target.is_symlink() or target.is_file():
        target.unlink()
    if _is_link(entry):
        _make_link(bundle, entry, target)
        return 0
    return _write_file(bundle, entry, target, bytes_max)


class _Archive(io.BufferedReader):
    """The file, of which the zip reader takes no more into memory than fits."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = size if size is not None and size >= 0 else self._rest()
        if wanted > _LIST_BYTES_MAX:
            raise PackageError(f"{_BAD_ZIP} Its list of files is too long.")
        return super().read(wanted)

    def _rest(self) -> int:
        return max(0, os.fstat(self.fileno()).st_size - self.tell())


@contextmanager
def _open(archive: Path) -> Iterator[zipfile.ZipFile]:
    with _Archive(io.FileIO(archive)) as file:
        try:
            bundle = zipfile.ZipFile(file)
        except PackageError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise PackageError(_BAD_ZIP) from error
        with bundle:
            yield bundle


def _check_entries(entries: Sequence[zipfile.ZipInfo], bytes_max: int) -> int:
    total = sum(entry.file_size for entry in entries)
    if total >= bytes_max:
        raise PackageError(_TOO_LARGE)
    if len(entries) > _ENTRIES_MAX:
        raise PackageError(f"The package holds more than {_ENTRIES_MAX} files")
    for entry in entries:
        steps = _parts(entry.filename)
        is_odd = entry.flag_bits & 1 or entry.compress_type not in _COMPRESSIONS
        if is_odd or not (steps or entry.is_dir()):
            raise PackageError(_BAD_ZIP)
    return total


def _parts(name: str) -> tuple[str, ...]:
    """The steps of an entry's path. Raises PackageError when it would leave the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise PackageError(f"{_BAD_ZIP} The entry {name!r} points outside the package.")
    lengths = [len(step.encode("utf-8", "surrogateescape")) for step in path.parts]
    if max(lengths, default=0) > _STEP_BYTES_MAX or sum(lengths) + len(lengths) > _NAME_BYTES_MAX:
        raise PackageError(f"{_BAD_ZIP} The entry {name[:64]!r}… has too long a name.")
    return path.parts


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return not entry.is_dir() and stat.S_ISLNK(entry.external_attr >> 16)


def _refuse_links_above(target: Path, depth: int) -> None:
    """An earlier entry may be a link; nothing is written through one."""
    for parent in target.parents[: depth - 1]:
        if parent.is_symlink():
            raise PackageError(f"{_BAD_ZIP} {target.name!r} lies behind a symbolic link.")


def _make_link(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    if not 0 < entry.file_size <= _LINK_BYTES_MAX:
        raise PackageError(_BAD_ZIP)
    pointed = _content(bundle, entry).decode("utf-8", "surrogateescape")
    if "\0" in pointed:
        raise PackageError(_BAD_ZIP)
    if pointed.startswith("/"):
        raise PackageError(f"{_BAD_ZIP} The link {entry.filename!r} points outside the package.")
    target.symlink_to(pointed)


def _content(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return bundle.read(entry)
    except _DAMAGED as error:
        raise PackageError(_BAD_ZIP) from error


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
    except _DAMAGED as error:
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
