"""Which native libraries the threads of this process belong to that Python knows nothing of.

A thread is asked nothing: its name tells, where the library gave it one, else the code it came from, by
what lies on its stack. That is a guess for people, which nothing is decided by.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from collections.abc import Collection, Iterator

_OF_SYSTEM = (
    "libc.so",
    "libc-",
    "ld-",
    "libpthread",
    "libstdc++",
    "libgcc",
    "libm.so",
    "libpython",
)
_STACK_BYTES_MAX = 64 * 1024
_LOOKS_MAX = 400
_PAUSE_S = 0.005
"""A pool that was made a moment ago still looks for work before it sleeps: so often, all threads together."""
_WORD = struct.calcsize("P")


def names(known: Collection[int]) -> list[str]:
    """The name of each thread, or of its library; "of a native library" where neither can be told.

    Args:
        known: kernel ids of the threads that have names already.
    """
    own = _name("self")
    looks = iter(range(_LOOKS_MAX))
    told = []
    for task in sorted(os.listdir("/proc/self/task"), key=int):
        if int(task) not in known:
            name = _name(f"self/task/{task}")
            told.append(
                _library(task, looks) or "of a native library" if name in ("", own) else name
            )
    return told


def _name(task: str) -> str:
    try:
        with open(f"/proc/{task}/comm") as file:
            return file.read().strip()
    except OSError:  # it has ended
        return ""


def _library(task: str, looks: Iterator[int]) -> str:
    """The first library on its stack that is none of the system's; empty where it cannot be seen."""
    try:
        fields = _stopped_at(task, looks)
        with open("/proc/self/maps") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    if len(fields) < 2:  # "running"
        return ""
    top = int(fields[-2], 16)
    code: list[tuple[int, int, str]] = []
    stack = b""
    for line in lines:
        first, _, last = line.split(maxsplit=1)[0].partition("-")
        begin, end = int(first, 16), int(last, 16)
        described = line.split(maxsplit=5)
        if begin <= top < end:
            stack = ctypes.string_at(top, min(end - top, _STACK_BYTES_MAX))
        if "x" in described[1] and len(described) > 5 and described[5].startswith("/"):
            code.append((begin, end, described[5]))
    for (word,) in struct.iter_unpack("P", stack[: len(stack) // _WORD * _WORD]):
        for begin, end, path in code:
            if begin <= word < end and not _is_of_system(path):
                return os.path.basename(path)
    return ""


def _stopped_at(task: str, looks: Iterator[int]) -> list[str]:
    """What the kernel tells of the system call in which a thread waits, as soon as it does.

    Args:
        looks: what is left of them.

    Raises OSError.
    """
    while True:
        with open(f"/proc/self/task/{task}/syscall") as file:
            fields = file.read().split()
        if len(fields) > 1 or next(looks, None) is None:
            return fields
        time.sleep(_PAUSE_S)


def _is_of_system(path: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(_OF_SYSTEM) or path == os.path.realpath(sys.executable)
