"""Whether an initialised process can be copied by forking, and what its copies must open anew.

A fork keeps one thread and shares open files with the original. A copy that would lack a thread, or
would work on the same stream as its siblings, is worse than a slow start: then the snapshot is given
up, and why is told.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from pileus.runtime import native_threads

_NAMES_MAX = 5
_OPEN_ONCE = os.O_CREAT | os.O_EXCL | os.O_TRUNC


class Obstacle(Exception):
    """What stands against a snapshot, as the end of a sentence for people."""


class OpenFile(NamedTuple):
    """A file that each copy opens for itself, so that reading in one does not move the others."""

    descriptor: int
    path: str
    flags: int
    offset: int
    is_inheritable: bool


def examine(kept: Collection[int]) -> list[OpenFile]:
    """The files to open anew; connections are closed here, as they do not survive a snapshot.

    Args:
        kept: descriptors of the runtime's own.

    Raises:
        Obstacle: there can be no snapshot.
    """
    _examine_threads()
    _examine_processes()
    _examine_memory()
    files = []
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor not in kept:
            files += _examine_descriptor(descriptor)
    return files


def reopen(files: Collection[OpenFile]) -> None:
    """In the copy: open each file again at its place. Raises OSError."""
    for file in files:
        fresh = os.open(file.path, file.flags | os.O_CLOEXEC)
        os.lseek(fresh, file.offset, os.SEEK_SET)
        os.dup2(fresh, file.descriptor, inheritable=file.is_inheritable)
        os.close(fresh)


def _examine_threads() -> None:
    tasks = os.listdir("/proc/self/task")
    if len(tasks) == 1:
        return
    threading = sys.modules.get("threading")
    names, known = [], {os.getpid()}
    if threading is not None:
        others = [each for each in threading.enumerate() if each is not threading.main_thread()]
        names = [thread.name for thread in others]
        known |= {thread.native_id for thread in others}
    for name, count in Counter(native_threads.names(known)).items():
        names.append(f"{count} {name}" if name.startswith("of ") else f"{count} of {name}")
    told = _listed(names)
    raise Obstacle(f"its initialisation left threads running ({told}), which a copy would lack")


def _examine_processes() -> None:
    own = {1, os.getpid()}
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in own]
    if others:
        told = _listed([_command_of(pid) for pid in others])
        raise Obstacle(f"its initialisation left processes running ({told})")


def _examine_memory() -> None:
    with open("/proc/self/maps") as file:
        for line in file:
            fields = line.split(maxsplit=5)
            if fields[1].startswith("rw") and fields[1].endswith("s"):
                what = fields[5].strip() if len(fields) > 5 else "anonymous"
                raise Obstacle(f"its initialisation mapped shared memory ({what})")


def _examine_descriptor(descriptor: int) -> list[OpenFile]:
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        mode = os.fstat(descriptor).st_mode
    except FileNotFoundError:  # the listing's own
        return []
    if stat.S_ISSOCK(mode):
        _close_connection(descriptor)
        return []
    if stat.S_ISDIR(mode) or stat.S_ISCHR(mode):
        return []
    if not stat.S_ISREG(mode) or path.startswith("/memfd:"):
        raise Obstacle(f"its initialisation left {_told(path)} open")
    if path.endswith(" (deleted)"):
        raise Obstacle(f"its initialisation left a deleted file open ({path.split()[0]})")
    with open(f"/proc/self/fdinfo/{descriptor}") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    flags = int(fields["flags"], 8) & ~_OPEN_ONCE
    offset = int(fields["pos"])
    return [OpenFile(descriptor, path, flags, offset, os.get_inheritable(descriptor))]


def _close_connection(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family == socket.AF_UNIX:
            raise Obstacle("its initialisation left a pair of sockets open (an event loop has one)")
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was not connected


def _told(path: str) -> str:
    if "eventpoll" in path:
        return "an event loop"
    return "a pipe" if path.startswith("pipe:") else path


def _command_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return str(pid)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_MAX
    return ", ".join(names[:_NAMES_MAX]) + (f" and {more} more" if more > 0 else "")
