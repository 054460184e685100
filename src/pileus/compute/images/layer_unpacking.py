"""One layer's tar archive into one folder, walled: nothing it says reaches outside that folder.

Whiteouts become what overlayfs reads (https://docs.kernel.org/filesystems/overlayfs.html): a
character device 0/0, which Linux since 5.8 lets anyone make, and on opaque folders the attribute
``user.overlay.opaque`` (mount with ``userxattr``), beside ``trusted.overlay.opaque`` where the
process may set it, so that a mount without that option reads them as well.
https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import PurePosixPath

import msgspec

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.tar_reader import Entry, TarReader
from pileus.runtime.removal import remove_tree

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_RESERVED = ".wh..wh."
"""What AUFS kept for itself; nothing of an image."""
OPAQUE_ATTRIBUTES = ("user.overlay.opaque", "trusted.overlay.opaque")
_LINKS_MAX = 40
_ID_MAX = 2**32 - 2
_XATTRS_BYTES_MAX = 64 * 1024
_SAFE_MODE = 0o1777
"""Of mode bits: set-user-id and set-group-id have no place in a sandbox."""


class UnpackLimits(msgspec.Struct, frozen=True):
    """What one layer may take.

    Attributes:
        layer_bytes: unpacked, 4 KiB for each entry included.
        entries: files, folders and links.
    """

    layer_bytes: int = 64 * 1024**3
    entries: int = 1_000_000


class UnpackedSize(msgspec.Struct):
    """What a layer took.

    Attributes:
        dropped: names of device nodes below ``dev/``, which every container gets afresh.
    """

    size_bytes: int = 0
    entries: int = 0
    dropped: list[str] = msgspec.field(default_factory=list)


_ENTRY_BYTES = 4096


def unpack_layer(
    read: Callable[[int], bytes], folder: str, limits: UnpackLimits | None = None
) -> UnpackedSize:
    """Unpack the archive that ``read`` gives into ``folder``, which is there and empty.

    Blocks; nothing is flushed to disk.

    Raises:
        ImageRefused: a damaged archive, or an entry that a layer may not hold, by its name.
        OSError: the disk is full or fails.
    """
    return _Unpacking(os.path.realpath(folder), limits or UnpackLimits()).run(TarReader(read))


class _Unpacking:
    def __init__(self, root: str, limits: UnpackLimits) -> None:
        self._root = root
        self._limits = limits
        self._size = UnpackedSize()
        self._folders: dict[str, str] = {"": root}
        """Names whose folders are known to be folders, inside."""
        self._late: dict[str, Entry] = {}
        """Folders whose mode and time are set when nothing more is put into them."""
        self._hidden: set[str] = set()
        """Paths that the layer hides and may make anew."""
        self._is_owner = os.geteuid() == 0

    def run(self, reader: TarReader) -> UnpackedSize:
        for entry in reader:
            self._size.entries += 1
            self._take(_ENTRY_BYTES)
            if self._size.entries > self._limits.entries:
                raise ImageRefused(f"the layer holds more than {self._limits.entries} entries")
            try:
                self._place(entry, reader)
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                raise ImageRefused(f"the entry {entry.name[:64]!r}… has too long a name") from error
        for path, entry in sorted(self._late.items(), reverse=True):
            if not os.path.islink(path) and os.path.isdir(path):
                self._mark(path, entry)
        return self._size

    def _take(self, size: int) -> None:
        self._size.size_bytes += size
        if self._size.size_bytes > self._limits.layer_bytes:
            raise ImageRefused(
                f"the layer unpacks to more than {self._limits.layer_bytes} bytes (setting "
                "image_layer_bytes_max)"
            )

    def _place(self, entry: Entry, reader: TarReader) -> None:
        steps = _steps(entry.name)
        if not steps:
            if entry.kind == "folder":
                self._late[self._root] = entry
            return
        name = steps[-1]
        if name.startswith(_RESERVED) and name != OPAQUE:
            return
        above = self._folder(steps[:-1], entry.name)
        if name == OPAQUE:
            set_opaque(above)
        elif name.startswith(WHITEOUT):
            self._hide(above, name.removeprefix(WHITEOUT), entry.name)
        else:
            self._make(entry, f"{above}/{name}", reader)

    def _hide(self, above: str, name: str, told: str) -> None:
        if name in ("", ".", ".."):
            raise ImageRefused(f"the whiteout {told!r} names nothing")
        path = f"{above}/{name}"
        self._hidden.add(path)
        if _is_folder(path):
            set_opaque(path)
        elif not os.path.lexists(path):
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))

    def _make(self, entry: Entry, path: str, reader: TarReader) -> None:
        kind = entry.kind
        if kind == "folder":
            self._make_folder(entry, path)
            return
        if kind not in ("file", "link", "symlink"):
            if _steps(entry.name)[0] != "dev":
                raise ImageRefused(
                    f"the entry {entry.name!r} is a {kind}; layers may hold those below dev/ only"
                )
            self._size.dropped.append(entry.name)
            return
        # Before the old one goes: it may be what the link means.
        target = self._link_target(entry) if kind == "link" else ""
        if target == path:
            return
        self._clear(path)
        if kind == "file":
            self._write(entry, path, reader)
            self._mark(path, entry)
        elif kind == "symlink":
            if not entry.target or "\0" in entry.target:
                raise ImageRefused(f"the link {entry.name!r} points to nothing")
            os.symlink(entry.target, path)
            self._own(path, entry)
            _set_time(path, entry)
        else:
            os.link(target, path, follow_symlinks=False)

    def _make_folder(self, entry: Entry, path: str) -> None:
        if not _is_folder(path):
            self._clear(path)
            os.mkdir(path, 0o755)
            if path in self._hidden:
                set_opaque(path)
        self._late[path] = entry

    def _clear(self, path: str) -> None:
        """Make way for what comes later in the archive and so wins."""
        if _is_folder(path):
            remove_tree(path)
            gone = path + "/"
            for name in [n for n, p in self._folders.items() if f"{p}/".startswith(gone)]:
                del self._folders[name]
            self._late = {p: e for p, e in self._late.items() if not f"{p}/".startswith(gone)}
        elif os.path.lexists(path):
            os.unlink(path)

    def _write(self, entry: Entry, path: str, reader: TarReader) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = os.open(path, flags, 0o600)
        try:
            for piece in reader.content():
                self._take(len(piece))
                view = memoryview(piece)
                while view:
                    view = view[os.write(fd, view) :]
        finally:
            os.close(fd)

    def _link_target(self, entry: Entry) -> str:
        steps = _steps(entry.target)
        above = self._folder(steps[:-1], entry.name, makes=False) if steps else ""
        path = f"{above}/{steps[-1]}" if above else ""
        try:
            mode = os.lstat(path).st_mode if path else 0
        except FileNotFoundError:
            mode = 0
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise ImageRefused(
                f"the hard link {entry.name!r} points to {entry.target!r}, which is no file of "
                "its layer"
            )
        return path

    # -- folders ----------------------------------------------------------------------------

    def _folder(self, steps: tuple[str, ...], told: str, *, makes: bool = True) -> str:
        """The real folder that the steps lead to, every link on the way read as inside the root."""
        name = "/".join(steps)
        known = self._folders.get(name)
        if known is not None and _is_folder(known):
            return known
        path = self._walk(list(steps), told, makes)
        if path:
            self._folders[name] = path
        return path

    def _walk(self, steps: list[str], told: str, makes: bool) -> str:
        path, links = self._root, 0
        steps.reverse()
        while steps:
            step = steps.pop()
            if step == "..":
                path = os.path.dirname(path) if path != self._root else path
                continue
            following = f"{path}/{step}"
            try:
                mode = os.lstat(following).st_mode
            except FileNotFoundError:
                if not makes:
                    return ""
                os.mkdir(following, 0o755)
                mode = stat.S_IFDIR
            if stat.S_ISCHR(mode) and following in self._hidden and makes:
                os.unlink(following)
                os.mkdir(following, 0o755)
                set_opaque(following)
                mode = stat.S_IFDIR
            if stat.S_ISLNK(mode):
                links += 1
                target = os.readlink(following)
                if links > _LINKS_MAX:
                    raise ImageRefused(f"the entry {told!r} lies behind a circle of links")
                if target.startswith("/"):
                    path = self._root
                steps += [s for s in reversed(target.split("/")) if s not in ("", ".")]
            elif stat.S_ISDIR(mode):
                path = following
            else:
                raise ImageRefused(f"the entry {told!r} lies below what is no folder")
        return path

    # -- attributes -------------------------------------------------------------------------

    def _mark(self, path: str, entry: Entry) -> None:
        self._own(path, entry)
        os.chmod(path, entry.mode & _SAFE_MODE)
        self._attach(path, entry)
        _set_time(path, entry)

    def _own(self, path: str, entry: Entry) -> None:
        if max(entry.user_id, entry.group_id) > _ID_MAX:
            raise ImageRefused(f"the entry {entry.name!r} belongs to a user id nobody can have")
        if self._is_owner:
            os.chown(path, entry.user_id, entry.group_id, follow_symlinks=False)

    def _attach(self, path: str, entry: Entry) -> None:
        """Users' own attributes; what the kernel believes (capabilities, overlays) is dropped."""
        if sum(map(len, entry.xattrs.values())) > _XATTRS_BYTES_MAX:
            raise ImageRefused(f"the entry {entry.name!r} has more attributes than a file can")
        for name, value in entry.xattrs.items():
            if name.startswith("user.") and not name.startswith("user.overlay."):
                os.setxattr(path, name, value, follow_symlinks=False)


def set_opaque(folder: str) -> None:
    """Let nothing of the layers below be seen in the folder.

    Raises:
        ImageRefused: the file system of the data folder keeps no such attributes.
    """
    for name in OPAQUE_ATTRIBUTES:
        try:
            os.setxattr(folder, name, b"y")
        except OSError as error:
            if name.startswith("user.") and error.errno == errno.EOPNOTSUPP:
                raise ImageRefused(
                    "the file system of the data folder keeps no user attributes, which layers "
                    "that replace folders need"
                ) from error
            if name.startswith("user.") or error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                raise


def _steps(name: str) -> tuple[str, ...]:
    """The steps of a name, read from the root; ImageRefused for one that climbs."""
    if "\0" in name:
        raise ImageRefused(f"the name {name!r} holds a zero byte")
    steps = tuple(step for step in PurePosixPath(name).parts if step not in ("/", "//", "."))
    if ".." in steps:
        raise ImageRefused(f"the entry {name!r} climbs out of its layer")
    return steps


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _set_time(path: str, entry: Entry) -> None:
    try:
        os.utime(path, (entry.modified_s, entry.modified_s), follow_symlinks=False)
    except (OverflowError, ValueError):
        raise ImageRefused(f"the entry {entry.name!r} has a time out of range") from None
