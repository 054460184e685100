"""Linux system calls that Python has no name for, through ctypes.

Every function raises OSError as the kernel answers. Numbers are given for x86_64 and aarch64;
calls added since Linux 5.0 have one number on every architecture.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Collection

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_ATTR_RDONLY = 1
_ATTR_NOSUID = 2
_ATTR_NODEV = 4

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522

_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP_RUNNING = 0x1 | 0x40

_BY_MACHINE = {
    "x86_64": {"pivot_root": 155, "seccomp": 317},
    "aarch64": {"pivot_root": 41, "seccomp": 277},
}
_NUMBERS = _BY_MACHINE.get(platform.machine(), {})
_MOUNT_SETATTR = 442
_PIDFD_OPEN = 434
_LANDLOCK_CREATE = 444
_LANDLOCK_ADD = 445
_LANDLOCK_RESTRICT = 446

_libc = ctypes.CDLL(None, use_errno=True)


class _SockFprog(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _number(name: str) -> int:
    try:
        return _NUMBERS[name]
    except KeyError:
        raise OSError(f"{name}: unknown on {platform.machine()}") from None


def unshare(flags: int) -> None:
    """Leave the named namespaces for new ones."""
    _check(_libc.unshare(flags), "unshare")


def map_one_user(inside_uid: int, inside_gid: int, outside_uid: int, outside_gid: int) -> None:
    """In a new user namespace: let one inside identity stand for the outside one."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside_uid} {outside_uid} 1"),
        ("gid_map", f"{inside_gid} {outside_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def has_initial_users(old_root: str = "") -> bool:
    """Whether this process lives in the machine's first user namespace; ``old_root`` is where its
    ``/proc`` lies. Others mount overlays with ``userxattr``."""
    with open(f"{old_root}/proc/self/uid_map") as file:
        return file.read().split() == ["0", "0", "4294967295"]


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode() or None,
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mount {target}")


def make_mounts_private() -> None:
    """Let no mount of this namespace show elsewhere."""
    mount("", "/", "", MS_REC | MS_PRIVATE)


def bind(source: str, target: str, *, writable: bool = False) -> None:
    """Show ``source`` at ``target``, read-only unless told otherwise, submounts included."""
    mount(source, target, "", MS_BIND | MS_REC)
    if not writable:
        make_read_only(target)


def move_mount(source: str, target: str) -> None:
    """Show the mount at ``source``, with those below it, at ``target`` instead."""
    mount(source, target, "", MS_MOVE)


def make_read_only(target: str) -> None:
    """Make the mount at ``target`` and every mount below read-only, without setuid and devices."""
    attributes = struct.pack("QQQQ", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    result = _libc.syscall(
        _MOUNT_SETATTR,
        _AT_FDCWD,
        target.encode(),
        _AT_RECURSIVE,
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    if result < 0:  # before Linux 5.12: one mount only, keeping the flags a user may not clear
        kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | kept)


def unmount(target: str) -> None:
    """Detach the mount at ``target`` with everything below."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new_root: str, old_root: str) -> None:
    """Make ``new_root`` the root directory; the old one shows at ``old_root`` (below the new)."""
    _check(_libc.syscall(_number("pivot_root"), new_root.encode(), old_root.encode()), "pivot_root")
    os.chdir("/")


def loopback_up() -> None:
    """Switch on ``lo`` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING))


def add_loopback_address(label: str, address: str) -> None:
    """Give ``lo`` of this network namespace a further IPv4 address, under a label (``lo:1``)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
            told = struct.pack(
                "16sHH4s8x", label.encode(), socket.AF_INET, 0, socket.inet_aton(value)
            )
            fcntl.ioctl(probe, request, told.ljust(40, b"\0"))


def enter_namespace(descriptor: int) -> None:
    """Move into the namespace of a ``/proc/<pid>/ns`` file; for a pid namespace, what is forked
    from now on."""
    _check(_libc.setns(descriptor, 0), "setns")


def die_with_parent(number: int) -> None:
    """Have the kernel send a signal when the parent ends; a later change of user forgets it."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0), "prctl pdeathsig")


def pidfd_open(pid: int) -> int:
    """A descriptor of the process, which no reuse of its number can mislead."""
    return _check(_libc.syscall(_PIDFD_OPEN, pid, 0), "pidfd_open")


def become_subreaper() -> None:
    """Orphaned descendants become children of this process."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl subreaper")


def set_dumpable(is_dumpable: bool) -> None:
    """Whether processes of the same user may look into ``/proc/<pid>`` of this one."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(is_dumpable), 0, 0, 0), "prctl dumpable")


def set_no_new_privileges() -> None:
    """From now on exec grants nothing."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")


def drop_bounding_capabilities(kept: Collection[int] = ()) -> None:
    """Empty the bounding set but for ``kept``; needs CAP_SETPCAP."""
    for capability in range(64):
        if capability in kept:
            continue
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break


def drop_capabilities(kept: Collection[int] = ()) -> None:
    """Give up every capability this process holds but ``kept``, which programs run as root keep."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    low = sum(1 << number for number in kept if number < 32)
    high = sum(1 << number - 32 for number in kept if number >= 32)
    _check(_libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0)), "capset")


def load_seccomp(program: bytes) -> None:
    """Load a BPF system call filter; needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_program = _SockFprog(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _check(_libc.syscall(_number("seccomp"), 1, 0, ctypes.byref(filter_program)), "seccomp")


def landlock_abi() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def landlock_ruleset(attributes: bytes) -> int:
    """A new ruleset's descriptor."""
    result = _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    return _check(result, "landlock_create_ruleset")


def landlock_add(ruleset: int, kind: int, rule: bytes) -> None:
    """Add a rule."""
    _check(_libc.syscall(_LANDLOCK_ADD, ruleset, kind, rule, 0), "landlock_add_rule")


def landlock_restrict(ruleset: int) -> None:
    """Apply a ruleset to this process and its future children; needs no_new_privs."""
    _check(_libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")
