"""Landlock: which files, ports and peers a process may still reach.

https://docs.kernel.org/userspace-api/landlock.html. Access bits that the running kernel does not
know are left out; what it cannot restrict stays unrestricted, and the probe reports the version.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from pileus.runtime import linux

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_ALL_OF_ABI_1 = (1 << 13) - 1
_READ_ONLY = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPES = 0b11  # abstract Unix sockets and signals
_RULE_PATH, _RULE_PORT = 1, 2

ABI_WITH_PORTS = 4


def restrict(
    read_only: Iterable[str],
    writable: Iterable[str],
    ports: Iterable[int] | None = None,
    *,
    is_alone: bool = True,
) -> None:
    """Leave this process the named paths, and, where ``ports`` is given, TCP to those alone.

    Paths that do not exist are passed over. ``is_alone`` leaves it signals and abstract Unix sockets
    of its own children only. Raises OSError when the kernel has no Landlock.
    """
    abi = linux.landlock_abi()
    if not abi:
        raise OSError("the kernel has no Landlock")
    files = _ALL_OF_ABI_1
    files |= _REFER if abi >= 2 else 0
    files |= _TRUNCATE if abi >= 3 else 0
    files |= _IOCTL_DEVICE if abi >= 5 else 0
    network = _BIND_TCP | _CONNECT_TCP if abi >= ABI_WITH_PORTS and ports is not None else 0
    attributes = struct.pack("Q", files)
    if abi >= ABI_WITH_PORTS:
        attributes += struct.pack("Q", network)
    if abi >= 6:
        attributes += struct.pack("Q", _SCOPES if is_alone else 0)
    ruleset = linux.landlock_ruleset(attributes)
    for path in read_only:
        _allow_path(ruleset, path, _READ_ONLY)
    for path in writable:
        _allow_path(ruleset, path, files)
    if network:
        for port in ports or ():
            linux.landlock_add(ruleset, _RULE_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
    linux.landlock_restrict(ruleset)
    os.close(ruleset)


def _allow_path(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        access &= _ON_FILES
    linux.landlock_add(ruleset, _RULE_PATH, struct.pack("=Qi", access, descriptor))
    os.close(descriptor)
