"""The system call filter, compiled once by libseccomp and kept as bytes in the run folder."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from pileus.runtime import linux

_FORBIDDEN_NAMES = (
    "acct add_key adjtimex bpf clock_adjtime clock_settime delete_module fanotify_init "
    "finit_module fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter "
    "io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl "
    "lookup_dcookie mbind migrate_pages mount mount_setattr move_mount move_pages "
    "name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality "
    "pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace quotactl reboot "
    "request_key set_mempolicy setdomainname sethostname setns settimeofday swapoff swapon "
    "syslog umount2 unshare userfaultfd vhangup"
)
_FORBIDDEN = _FORBIDDEN_NAMES.split()
_SHARED_NAMES = "mq_open mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmget"
_SHARED = _SHARED_NAMES.split()
"""Of System V and message queues there is one set for all that have no namespace of their own."""
_HARMLESS_PERSONALITY = 0xFFFFFFFF  # asking for the present one
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_OTHER_FAMILIES = (0, *range(3, _AF_INET6))
"""Below the last known one; what is above is refused as a whole."""
_OTHER_TYPES = (2, 3, 4, 5, 6, 10)
_SOCK_TYPE_MASK = 0xF
_IPPROTO_TCP = 6
_MSG_FASTOPEN = 0x20000000
_INT_MASK = 0xFFFFFFFF
"""Of arguments that the kernel reads as 32 bits, whatever stands above them."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_F_SETPIPE_SZ = 1031
_REVISION = 2


def filter_path(run_dir: Path, *, has_namespaces: bool, allows_setns: bool = False) -> Path:
    """The file that holds the BPF program, made when missing.

    ``has_namespaces`` is for processes with a network and an IPC namespace of their own; others are
    left TCP, which Landlock can bound. ``allows_setns`` is for snapshots, whose copies move into
    namespaces that they are handed. Raises OSError or ImportError when libseccomp is not to be had.
    """
    forbidden = [name for name in _FORBIDDEN if not (allows_setns and name == "setns")]
    names = " ".join((*forbidden, *_SHARED))
    recipe = f"{_REVISION} {platform.machine()} {has_namespaces} {names}"
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = run_dir / f"seccomp-{digest}.bpf"
    if not path.exists():
        run_dir.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(_build(forbidden, has_namespaces))
        scratch.replace(path)
    return path


def _build(forbidden: list[str], has_namespaces: bool) -> bytes:
    # Loaded here because the library is only needed once per machine.
    import pyseccomp as seccomp  # noqa: PLC0415

    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    denied = seccomp.ERRNO(errno.EPERM)
    for name in forbidden if has_namespaces else (*forbidden, *_SHARED):
        if name == "personality":
            argument = seccomp.Arg(0, seccomp.NE, _HARMLESS_PERSONALITY)
            rules.add_rule(denied, name, argument)
        elif _is_known(seccomp, name):
            rules.add_rule(denied, name)
    namespaces = (
        linux.CLONE_NEWUSER,
        linux.CLONE_NEWNS,
        linux.CLONE_NEWNET,
        linux.CLONE_NEWPID,
        linux.CLONE_NEWIPC,
        linux.CLONE_NEWUTS,
        linux.CLONE_NEWCGROUP,
    )
    for flag in namespaces:
        rules.add_rule(denied, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    # clone3 hides its flags in memory; libc falls back to clone when it is absent.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    # A full pipe must not be made longer: the node reads so much of its log before an answer.
    rules.add_rule(denied, "fcntl", seccomp.Arg(1, seccomp.MASKED_EQ, _INT_MASK, _F_SETPIPE_SZ))
    for command in (_TIOCSTI, _TIOCLINUX):
        rules.add_rule(denied, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, _INT_MASK, command))
    _bound_sockets(seccomp, rules, has_namespaces)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _bound_sockets(seccomp: Any, rules: Any, has_namespaces: bool) -> None:
    """Families that are left; without a network namespace, TCP alone, opened by ``connect``."""
    no_family = seccomp.ERRNO(errno.EAFNOSUPPORT)
    for family in _OTHER_FAMILIES:
        rules.add_rule(no_family, "socket", seccomp.Arg(0, seccomp.EQ, family))
    rules.add_rule(no_family, "socket", seccomp.Arg(0, seccomp.GT, _AF_INET6))
    if has_namespaces:
        return
    refused = seccomp.ERRNO(errno.EACCES)
    # Landlock does not ask where a Unix socket of a path leads to.
    rules.add_rule(refused, "socket", seccomp.Arg(0, seccomp.EQ, _AF_UNIX))
    for family in (_AF_INET, _AF_INET6):
        of_family = seccomp.Arg(0, seccomp.EQ, family)
        for kind in _OTHER_TYPES:
            is_kind = seccomp.Arg(1, seccomp.MASKED_EQ, _SOCK_TYPE_MASK, kind)
            rules.add_rule(refused, "socket", of_family, is_kind)
        # MPTCP and SCTP connect without a word to Landlock's rules of TCP.
        for protocol in range(1, _IPPROTO_TCP):
            is_protocol = seccomp.Arg(2, seccomp.EQ, protocol)
            rules.add_rule(refused, "socket", of_family, is_protocol)
        rules.add_rule(refused, "socket", of_family, seccomp.Arg(2, seccomp.GT, _IPPROTO_TCP))
    # So does a send that opens its connection itself.
    for name, place in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        flag = seccomp.Arg(place, seccomp.MASKED_EQ, _MSG_FASTOPEN, _MSG_FASTOPEN)
        rules.add_rule(refused, name, flag)


def _is_known(seccomp: object, name: str) -> bool:
    """Whether this architecture has the call (libseccomp answers with a negative number)."""
    try:
        number: int = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)  # type: ignore[attr-defined]
    except (ValueError, KeyError):
        return False
    return number >= 0
